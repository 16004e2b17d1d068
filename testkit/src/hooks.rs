//! An owner's server: takes webhooks, and checks their signature as standardwebhooks.com says.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use aws_lc_rs::hmac;
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
    serve::Listener,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// What signs a message to [`Hooks`].
pub const HOOKS_KEY: &str = "an owner's key";

/// What came, in its order.
#[derive(Clone, Default)]
pub struct Hooks {
    taken: Arc<Mutex<Vec<Value>>>,
    refusals: Arc<Mutex<u32>>,
    /// Where to send messages.
    pub url: String,
    /// The certificate that it shows, PEM.
    pub ca_pem: String,
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // Whoever does not trust the certificate hangs up.
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Hooks {
    /// Listens on a port of this address.
    pub async fn start(address: impl Into<IpAddr>) -> Self {
        let address = address.into();
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let url = format!("https://{}/hook", listener.local_addr().unwrap());
        let shown = rcgen::generate_simple_self_signed([address.to_string()]).unwrap();
        let ca_pem = shown.cert.pem();
        let key = PrivatePkcs8KeyDer::from(shown.signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![shown.cert.der().clone()], key)
            .unwrap();
        let listener = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        let hooks = Self { url, ca_pem, ..Self::default() };
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
