//! Where the bucket keeps old versions of objects, a plain deletion only hides one behind a marker: here all versions of
//! what is due are found and deleted, markers included. The store's library does not know of versions, so these few
//! requests of S3's are our own, signed by the library's code.

mod xml;

use std::collections::{BTreeSet, VecDeque};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use camerafleet_footage::{
    layout::{Epoch, epoch_prefix, policy_prefix},
    retention::listing::{Found, Place},
    shard::StoreConfig,
    store::StoreCredential,
};
use futures::{Stream, stream};
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    client::HttpRequestBody,
};
use reqwest::{Method, StatusCode};
use url::Url;
use zeroize::Zeroizing;

use super::{JobError, clock};

/// The most that an answer may have: a page has at most 1,000 names of at most 1,024 bytes, each in some markup.
const MAX_ANSWER: usize = 8 << 20;

/// Requests about versions.
pub struct Versions {
    http: reqwest::Client,
    bucket: Url,
    region: String,
    key_id: String,
    secret: Zeroizing<String>,
}

/// Whether a bucket keeps versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It does, or did once: some may be left.
    Yes,
    /// It never did.
    No,
    /// The credential may not know.
    Unknown,
}

/// A name with all its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub key: String,
    pub versions: Vec<String>,
    /// Of all versions that are no markers.
    pub bytes: u64,
    /// The newest, markers included: what somebody deleted early goes on its date all the same.
    pub last_modified: Timestamp,
}

impl Versions {
    /// Makes no request.
    ///
    /// # Errors
    /// [`JobError::Setup`] for settings that are none.
    pub fn new(store: &StoreConfig, credential: &StoreCredential) -> Result<Self, JobError> {
        let bad = |why: String| JobError::Setup { what: "The store's endpoint".to_owned(), why };
        let mut bucket = Url::parse(&store.endpoint).map_err(|e| bad(e.to_string()))?;
        if store.path_style {
            bucket.set_path(&store.bucket);
        } else {
            let host = format!("{}.{}", store.bucket, bucket.host_str().unwrap_or_default());
            bucket.set_host(Some(&host)).map_err(|e| bad(e.to_string()))?;
        }
        Ok(Self {
            http: clock::http(store)?,
            bucket,
            region: store.region.clone(),
            key_id: credential.access_key_id.to_string(),
            secret: credential.secret_access_key.clone(),
        })
    }

    /// Whether the bucket keeps versions. A server that knows no versions says so in several ways.
    pub(super) async fn kept(&self) -> Result<Kept, JobError> {
        let (status, body) =
            self.send(Method::GET, &[("versioning", "")], None, "say whether it keeps versions").await?;
        Ok(match status {
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Kept::Unknown,
            status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
                return Err(failed("say whether it keeps versions", format!("it answered {status}")));
            }
            status if status.is_success() && xml::text(&body, "Status").is_some() => Kept::Yes,
            _ => Kept::No,
        })
    }

    /// The policy's epochs that have any version of anything, and how many names beside them are no epoch's.
    pub(super) async fn epochs(&self, place: &Place) -> Result<(BTreeSet<Epoch>, u64), JobError> {
        let folder = policy_prefix(&place.prefix, &place.tenant, &place.policy);
        let (mut epochs, mut foreign) = (BTreeSet::new(), 0);
        let mut marker = None;
        loop {
            let page = self.page(&folder, true, marker.as_ref()).await?;
            foreign += page.keys.len() as u64;
            for prefix in page.prefixes {
                match prefix.trim_end_matches('/').rsplit('/').next().and_then(|name| name.parse().ok()) {
                    Some(epoch) => _ = epochs.insert(epoch),
                    None => foreign += 1,
                }
            }
            match page.next {
                Some(next) => marker = Some(next),
                None => return Ok((epochs, foreign)),
            }
        }
    }

    /// What lies in an epoch's folder, name by name, with all versions of each.
    pub(super) fn objects<'a>(
        &'a self,
        place: &'a Place,
        epoch: &'a Epoch,
    ) -> impl Stream<Item = Result<(Found, Vec<String>), JobError>> + 'a {
        struct State {
            marker: Option<xml::Marker>,
            ready: VecDeque<Key>,
            over: bool,
        }
        let folder = epoch_prefix(&place.prefix, &place.tenant, &place.policy, epoch);
        let state = State { marker: None, ready: VecDeque::new(), over: false };
        stream::try_unfold(state, move |mut state| {
            let folder = folder.clone();
            async move {
                // The last of a page may go on in the next one.
                while state.ready.len() < 2 && !state.over {
                    let page = self.page(&folder, false, state.marker.as_ref()).await?;
                    for key in page.keys {
                        match state.ready.back_mut().filter(|last| last.key == key.key) {
                            Some(last) => last.join(key),
                            None => state.ready.push_back(key),
                        }
                    }
                    state.over = page.next.is_none();
                    state.marker = page.next;
                }
                let Some(key) = state.ready.pop_front() else { return Ok(None) };
                let found = place.found(epoch, &key.key, key.bytes, key.last_modified);
                Ok(Some(((found, key.versions), state)))
            }
        })
    }

    async fn page(
        &self,
        prefix: &str,
        delimited: bool,
        marker: Option<&xml::Marker>,
    ) -> Result<xml::Page, JobError> {
        const DOING: &str = "list the versions of objects";
        let mut query = vec![("versions", ""), ("prefix", prefix)];
        if delimited {
            query.push(("delimiter", "/"));
        }
        if let Some(marker) = marker {
            query.push(("key-marker", &marker.key));
            if let Some(version) = &marker.version {
                query.push(("version-id-marker", version));
            }
        }
        let (status, body) = self.send(Method::GET, &query, None, DOING).await?;
        if !status.is_success() {
            return Err(refused(DOING, status, &body));
        }
        xml::page(&body).map_err(|why| failed(DOING, why))
    }

    /// Deletes versions, at most 1,000 at once. Gives those that stay, with what the store says of them.
    pub(super) async fn delete(
        &self,
        versions: &[(String, String)],
    ) -> Result<Vec<(String, String)>, JobError> {
        const DOING: &str = "delete versions of objects";
        let body = xml::delete(versions);
        let (status, answer) = self.send(Method::POST, &[("delete", "")], Some(body), DOING).await?;
        if !status.is_success() {
            return Err(refused(DOING, status, &answer));
        }
        let stay = xml::errors(&answer).map_err(|why| failed(DOING, why))?;
        // Another run of the job was faster.
        let is_gone = |code: &str| matches!(code, "NoSuchKey" | "NoSuchVersion");
        Ok(stay.into_iter().filter(|(_, code)| !is_gone(code)).collect())
    }

    async fn send(
        &self,
        method: Method,
        query: &[(&str, &str)],
        body: Option<String>,
        doing: &str,
    ) -> Result<(StatusCode, String), JobError> {
        let mut url = self.bucket.clone();
        url.query_pairs_mut().extend_pairs(query);
        let body = body.unwrap_or_default();
        let mut request = http::Request::builder().method(method).uri(url.as_str());
        if !body.is_empty() {
            // The one or the other is asked for, by the server's age.
            request = request
                .header("Content-MD5", BASE64_STANDARD.encode(Md5::digest(&body)))
                .header("x-amz-checksum-sha256", BASE64_STANDARD.encode(digest(&SHA256, body.as_bytes())))
                .header("Content-Type", "application/xml");
        }
        let say = |error: &dyn std::fmt::Display| failed(doing, error.to_string());
        let mut request = request.body(HttpRequestBody::from(body.clone())).map_err(|e| say(&e))?;
        let credential =
            AwsCredential { key_id: self.key_id.clone(), secret_key: self.secret.to_string(), token: None };
        AwsAuthorizer::new(&credential, "s3", &self.region)
            .try_authorize(&mut request, None)
            .map_err(|e| say(&e))?;
        let (parts, _) = request.into_parts();
        let request =
            reqwest::Request::try_from(http::Request::from_parts(parts, body)).map_err(|e| say(&e))?;
        let mut answer = self.http.execute(request).await.map_err(|e| say(&e.without_url()))?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| say(&e.without_url()))? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(failed(doing, "its answer is too long".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    }
}

impl Key {
    fn join(&mut self, other: Self) {
        self.versions.extend(other.versions);
        self.bytes += other.bytes;
        self.last_modified = self.last_modified.max(other.last_modified);
    }
}

fn failed(doing: &str, why: String) -> JobError {
    JobError::Store {
        doing: doing.to_owned(),
        source: object_store::Error::Generic { store: "S3", source: why.into() },
    }
}

fn refused(doing: &str, status: StatusCode, body: &str) -> JobError {
    let code = xml::text(body, "Code").unwrap_or_default();
    failed(doing, format!("it answered {status} {code}"))
}
