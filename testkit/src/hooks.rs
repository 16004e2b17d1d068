//! An owner's server: takes webhooks, and checks their signature as standardwebhooks.com says.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};

use aws_lc_rs::hmac;
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

/// What signs a message to [`Hooks`].
pub const HOOKS_KEY: &str = "an owner's key";

/// What came, in its order.
#[derive(Clone, Default)]
pub struct Hooks {
    taken: Arc<Mutex<Vec<Value>>>,
    refusals: Arc<Mutex<u32>>,
    /// Where to send messages.
    pub url: String,
}

impl Hooks {
    /// Listens on a port of this address.
    pub async fn start(address: impl Into<IpAddr>) -> Self {
        let listener = tokio::net::TcpListener::bind((address.into(), 0)).await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let hooks = Self { url, ..Self::default() };
        let (taken, refusals) = (Arc::clone(&hooks.taken), Arc::clone(&hooks.refusals));
        let take = move |headers: HeaderMap, body: Bytes| async move {
            let mut refusals = refusals.lock().unwrap();
            if *refusals > 0 {
                *refusals -= 1;
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let text = |name: &str| headers[name].to_str().unwrap().to_owned();
            let key = hmac::Key::new(hmac::HMAC_SHA256, HOOKS_KEY.as_bytes());
            let mut signed = format!("{}.{}.", text("webhook-id"), text("webhook-timestamp")).into_bytes();
            signed.extend_from_slice(&body);
            let signature =
                BASE64_STANDARD.decode(text("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
            hmac::verify(&key, &signed, &signature).unwrap();
            taken.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            StatusCode::NO_CONTENT
        };
        let router = Router::new().route("/hook", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        hooks
    }

    /// Refuses the next ones.
    pub fn refuse(&self, next: u32) {
        *self.refusals.lock().unwrap() = next;
    }

    /// What was told of a request, by type.
    pub fn of(&self, uid: &str) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        let own = taken.iter().filter(|body| body["data"]["request"]["uid"] == uid);
        own.map(|body| body["type"].as_str().unwrap().rsplit('.').next().unwrap().to_owned()).collect()
    }

    /// The last message.
    pub fn last(&self) -> Option<Value> {
        self.taken.lock().unwrap().last().cloned()
    }
}
