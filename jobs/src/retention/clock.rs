//! Whether the job's clock can be trusted: a clock that is ahead would delete what is not due.

use std::time::Duration;

use camerafleet_footage::{retention::clocks_agree, shard::StoreConfig};
use jiff::Timestamp;

use super::{CALL_TIMEOUT, Job, JobError, PolicySource};

/// How to ask the store what time it is.
pub struct StoreClock {
    http: reqwest::Client,
    endpoint: String,
}

impl StoreClock {
    /// Makes no request.
    ///
    /// # Errors
    /// [`JobError::Setup`] for a CA bundle that is none.
    pub fn new(store: &StoreConfig) -> Result<Self, JobError> {
        Ok(Self { http: http(store)?, endpoint: store.endpoint.clone() })
    }

    /// The `Date` of any answer; the request is not signed, and that it is refused does not matter.
    async fn read(&self) -> Result<Timestamp, String> {
        let answer = self.http.head(&self.endpoint).send().await.map_err(|e| e.without_url().to_string())?;
        let date = answer.headers().get(reqwest::header::DATE).and_then(|date| date.to_str().ok());
        date.and_then(http_date).ok_or_else(|| "its answer has no Date".to_owned())
    }
}

/// A client for requests to the store that its library does not know.
pub(super) fn http(store: &StoreConfig) -> Result<reqwest::Client, JobError> {
    let bad = |why: String| JobError::Setup { what: "The store's CA bundle".to_owned(), why };
    let mut builder = reqwest::Client::builder()
        .timeout(CALL_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    if let Some(bundle) = &store.ca_bundle {
        let certificates =
            reqwest::Certificate::from_pem_bundle(bundle.as_bytes()).map_err(|e| bad(e.to_string()))?;
        builder = builder.tls_certs_merge(certificates);
    } else if store.endpoint.starts_with("http://") {
        // Else a missing system store fails a client that needs none.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|e| bad(e.to_string()))
}

/// An HTTP date (RFC 9110), which is one of RFC 2822's.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

/// Compares two clocks.
pub(super) fn check(whose: &'static str, ours: Timestamp, theirs: Timestamp) -> Result<(), JobError> {
    if clocks_agree(ours, theirs) { Ok(()) } else { Err(JobError::Clock { whose }) }
}

/// Compares the job's clock with the store's.
pub(super) async fn check_store<P: PolicySource>(job: &Job<P>) -> Result<(), JobError> {
    const WHOSE: &str = "the store's clock";
    let mut last = String::new();
    // A store that is just being replaced answers a moment later.
    for pause in [0, 1, 3] {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        match job.store_clock.read().await {
            Ok(theirs) => return check(WHOSE, (job.now)(), theirs),
            Err(why) => last = why,
        }
    }
    Err(JobError::NoClock { whose: "the store", why: last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_minutes_are_tolerated_either_way() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (ours, fine) in [(1_000, true), (1_300, true), (700, true), (1_301, false), (699, false)] {
            assert_eq!(check("x", at(ours), at(1_000)).is_ok(), fine, "{ours}");
        }
    }

    #[test]
    fn dates_of_http_are_read() {
        let read = http_date("Wed, 25 Nov 2026 13:00:00 GMT");
        assert_eq!(read, Some("2026-11-25T13:00:00Z".parse().unwrap()));
        assert_eq!(http_date("yesterday"), None);
    }
}
