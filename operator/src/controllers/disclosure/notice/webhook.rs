//! A signed webhook, as standardwebhooks.com describes it (1.0.0): HMAC-SHA256 over id, timestamp and body, in
//! `webhook-signature`; so a receiver checks it with a library that is there.

use std::{net::IpAddr, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use reqwest::{Certificate, Client, redirect};
use url::Url;
use zeroize::Zeroizing;

use crate::kube_api;

/// The Secret's type. No other is read.
const TYPE: &str = "camerafleet.io/webhook";
/// A server has so long to take a message.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A key in this form is base64, as the specification writes keys.
const KEY_PREFIX: &str = "whsec_";

/// Where to, and with which key. No `Debug`: it holds the key.
pub struct Target {
    url: Url,
    key: Zeroizing<Vec<u8>>,
    ca: Option<Certificate>,
}

impl Target {
    /// From the Secret that a SharingPolicy names: `url`, `hmacKey`, and perhaps `ca.crt`.
    pub fn read(name: &str, secret: Option<&Secret>) -> Result<Self, String> {
        let secret = secret.ok_or_else(|| format!("the Secret {name} does not exist"))?;
        if secret.type_.as_deref() != Some(TYPE) {
            return Err(format!("the Secret {name} is not of type {TYPE}"));
        }
        let field = |field: &str| {
            let text = kube_api::secret_field(secret, field).filter(|text| !text.is_empty());
            text.map(Zeroizing::new).ok_or_else(|| format!("the Secret {name} has no {field}"))
        };
        let text = field("hmacKey")?;
        let key = match text.trim().strip_prefix(KEY_PREFIX) {
            None => text.trim().as_bytes().to_vec(),
            Some(encoded) => BASE64_STANDARD
                .decode(encoded)
                .map_err(|_| format!("hmacKey of the Secret {name} is not base64 after {KEY_PREFIX}"))?,
        };
        let url =
            Url::parse(field("url")?.trim()).map_err(|_| format!("url of the Secret {name} is no URL"))?;
        let ca = match field("ca.crt") {
            Ok(pem) => Some(
                Certificate::from_pem(pem.as_bytes())
                    .map_err(|_| format!("ca.crt of the Secret {name} is not PEM"))?,
            ),
            Err(_) => None,
        };
        Ok(Self { url, key: key.into(), ca })
    }

    /// Sends a message. Only an answer of success counts; redirects are not followed. What fails is said without the URL,
    /// which may hold a credential.
    pub async fn post(&self, id: &str, body: &str, now: Timestamp) -> Result<(), String> {
        if self.url.scheme() != "https" {
            return Err("the webhook's url is not https".to_owned());
        }
        // Metadata services of clouds answer to whoever can reach them.
        if let Some(Ok(IpAddr::V4(address))) = self.url.host_str().map(str::parse)
            && address.is_link_local()
        {
            return Err("the webhook's url is a link-local address".to_owned());
        }
        let mut client = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none()).no_proxy();
        if let Some(ca) = &self.ca {
            client = client.add_root_certificate(ca.clone());
        }
        let client = client.build().map_err(|_| "no client could be made for the webhook".to_owned())?;
        let timestamp = now.as_second();
        let request = client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", sign(&self.key, id, timestamp, body))
            .body(body.to_owned());
        let answer = request.send().await.map_err(|error| {
            let why = error.without_url();
            format!("the webhook's server did not answer: {why}")
        })?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("the webhook's server answered {status}")) }
    }
}

fn sign(key: &[u8], id: &str, timestamp: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specifications_example() {
        // https://github.com/standard-webhooks/standard-webhooks, its libraries' common test.
        let key = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn only_a_webhooks_secret_is_read() {
        let secret = |type_: &str, data: &[(&str, &str)]| -> Secret {
            let data: serde_json::Map<_, _> =
                data.iter().map(|(k, v)| ((*k).to_owned(), BASE64_STANDARD.encode(v).into())).collect();
            serde_json::from_value(serde_json::json!({"type": type_, "data": data})).unwrap()
        };
        let full = [("url", "https://hooks.example.com/x"), ("hmacKey", "k")];
        let why = |secret: Option<Secret>| Target::read("s", secret.as_ref()).err().unwrap_or_default();
        assert_eq!(why(Some(secret(TYPE, &full))), "");
        assert!(why(Some(secret("Opaque", &full))).contains("type"));
        assert!(why(Some(secret(TYPE, &full[..1]))).contains("hmacKey"));
        assert!(why(None).contains("does not exist"));
    }

    #[tokio::test]
    async fn nothing_is_sent_in_the_clear_or_to_a_metadata_service() {
        for url in ["http://127.0.0.1:9", "https://169.254.169.254/", "ftp://x/"] {
            let target = Target { url: Url::parse(url).unwrap(), key: b"k".to_vec().into(), ca: None };
            let refused = target.post("id", "{}", Timestamp::UNIX_EPOCH).await.unwrap_err();
            assert!(refused.starts_with("the webhook's url"), "{url}: {refused}");
        }
    }
}
