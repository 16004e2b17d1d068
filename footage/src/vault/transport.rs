//! The HTTP client under everything, and the two ways to call it: through `vaultrs`, and by hand.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Method, redirect};
use serde::de::DeserializeOwned;
use tracing::instrument::WithSubscriber;
use url::Url;
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::{VaultClient, VaultClientSettings};
use vaultrs::error::ClientError;
use zeroize::Zeroizing;

use super::error::Act;
use super::{VaultConfig, VaultError, names};

/// No answer is longer: a batch of plaintexts has some kilobytes, a list of keys some hundred.
const MAX_ANSWER: usize = 8 << 20;

/// A standby server sends a client to the active one; more than one hop beyond that is a loop.
const MAX_REDIRECTS: usize = 2;

pub(super) struct Transport {
    http: reqwest::Client,
    vaultrs: VaultClient,
    address: Url,
    namespace: Option<HeaderValue>,
    token: Option<HeaderValue>,
    timeout: Duration,
}

/// An answer's status and body. The body may hold plaintexts.
pub(super) struct Answer {
    pub status: u16,
    pub body: Zeroizing<Vec<u8>>,
}

impl Transport {
    /// Without a token: for health and logins.
    pub(super) fn new(config: &VaultConfig) -> Result<Self, VaultError> {
        let address = check_address(&config.address)?;
        // vaultrs makes headers of this and of the token, and panics on what cannot be one.
        let namespace = config.namespace.as_deref().map(|name| header("the namespace", name)).transpose()?;
        let http = http_client(config)?;
        let vaultrs = VaultClient {
            http: rustify::clients::reqwest::Client::new(address.as_str(), http.clone()),
            middle: EndpointMiddleware {
                token: String::new(),
                version: "v1".into(),
                wrap: None,
                namespace: config.namespace.clone(),
            },
            // Only for vaultrs's own constructor, which is not used: it cannot take a PEM text, reads the
            // environment and follows its proxies.
            settings: VaultClientSettings {
                address: address.clone(),
                ca_certs: Vec::new(),
                identity: None,
                timeout: Some(config.timeout),
                token: String::new(),
                verify: true,
                version: 1,
                wrapping: false,
                namespace: config.namespace.clone(),
                proxy: None,
            },
        };
        Ok(Self { http, vaultrs, address, namespace, token: None, timeout: config.timeout })
    }

    /// The same connections with a token.
    pub(super) fn authenticated(mut self, token: String) -> Result<Self, VaultError> {
        self.token = Some(header("the token", &token)?);
        self.vaultrs.middle.token = token;
        Ok(self)
    }

    /// For `Debug` and messages.
    pub(super) fn address(&self) -> String {
        names::printable_address(&self.address)
    }

    pub(super) fn vaultrs(&self) -> &VaultClient {
        &self.vaultrs
    }

    /// Runs a call of `vaultrs`, under the timeout.
    pub(super) async fn run<T>(
        &self,
        act: &Act<'_>,
        call: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, VaultError> {
        // vaultrs logs every answer that is not a success as an error; for us most are answers to a question,
        // as whether a key exists, and the caller says the rest in its own words.
        let call = call.with_subscriber(tracing::Dispatch::none());
        match tokio::time::timeout(self.timeout, call).await {
            Err(_) => Err(self.timed_out(act)),
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.explain(act, error)),
        }
    }

    fn explain(&self, act: &Act<'_>, error: ClientError) -> VaultError {
        use rustify::errors::ClientError as Rest;
        match error {
            ClientError::APIError { code, errors } => act.failure(code, Some(&errors)),
            ClientError::RestClientError { source } => match source {
                Rest::ServerResponseError { code, .. } => act.failure(code, None),
                Rest::RequestError { source, .. } | Rest::ResponseError { source } => {
                    match source.downcast_ref::<reqwest::Error>() {
                        Some(error) => self.not_reached(act, error),
                        None => self.unreachable("the request failed"),
                    }
                }
                // The others hold the request or the answer: not repeated.
                _ => act.unreadable(200),
            },
            _ => act.unreadable(200),
        }
    }

    /// A request by hand. `body` is JSON.
    pub(super) async fn send(
        &self,
        act: &Act<'_>,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, VaultError> {
        match tokio::time::timeout(self.timeout, self.exchange(act, method, path, body)).await {
            Err(_) => Err(self.timed_out(act)),
            Ok(result) => result,
        }
    }

    async fn exchange(
        &self,
        act: &Act<'_>,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, VaultError> {
        let mut url = self.address.clone();
        url.set_path(&format!("/v1/{path}"));
        let mut request = self.http.request(method, url).header("X-Vault-Request", "true");
        if let Some(token) = &self.token {
            request = request.header("X-Vault-Token", token);
        }
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        let mut response = request.send().await.map_err(|error| self.not_reached(act, &error))?;
        let status = response.status().as_u16();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| self.not_reached(act, &error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(act.other(
                    status,
                    "with more than 8 MiB: something else than Vault may be listening there",
                ));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }

    fn not_reached(&self, act: &Act<'_>, error: &reqwest::Error) -> VaultError {
        if error.is_timeout() {
            return self.timed_out(act);
        }
        // reqwest's own sentence holds the URL; the cause at the end of the chain says what happened.
        let mut cause: &dyn StdError = error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        if error.is_redirect() {
            return self.unreachable("it answers with redirects that cannot be followed");
        }
        let why =
            if error.source().is_some() { cause.to_string() } else { "the connection failed".to_owned() };
        self.unreachable(&why)
    }

    pub(super) fn unreachable(&self, why: &str) -> VaultError {
        VaultError::Unreachable { address: self.address(), why: why.to_owned() }
    }

    fn timed_out(&self, act: &Act<'_>) -> VaultError {
        VaultError::Timeout { what: act.what.clone(), after: self.timeout }
    }
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The answer as `T`, or the failure that it tells of.
    pub(super) fn read<T: DeserializeOwned>(&self, act: &Act<'_>) -> Result<T, VaultError> {
        if !self.is_success() {
            return Err(self.failure(act));
        }
        // serde_json's error is not shown: it may quote the answer.
        serde_json::from_slice(&self.body).map_err(|_| act.unreadable(self.status))
    }

    pub(super) fn failure(&self, act: &Act<'_>) -> VaultError {
        #[derive(serde::Deserialize)]
        struct Errors {
            errors: Vec<String>,
        }
        let errors = serde_json::from_slice::<Errors>(&self.body).ok().map(|answer| answer.errors);
        act.failure(self.status, errors.as_deref())
    }
}

fn header(what: &str, text: &str) -> Result<HeaderValue, VaultError> {
    let visible = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    match HeaderValue::from_str(text) {
        Ok(mut value) if visible => {
            value.set_sensitive(true);
            Ok(value)
        }
        _ => Err(VaultError::Config {
            why: format!("{what} is empty or has characters that no header can hold"),
        }),
    }
}

fn check_address(address: &Url) -> Result<Url, VaultError> {
    let bad = |why: &str| Err(VaultError::Config { why: format!("the address {why}") });
    if !matches!(address.scheme(), "http" | "https") || address.host_str().is_none() {
        return bad("must be https://host:port (or http:// for tests)");
    }
    if !address.username().is_empty() || address.password().is_some() {
        return bad("must not hold a user name or a password");
    }
    // vaultrs puts the API's version before the address's path, not after it.
    if !matches!(address.path(), "" | "/") || address.query().is_some() || address.fragment().is_some() {
        return bad("must not have a path, a query or a fragment");
    }
    Ok(address.clone())
}

fn http_client(config: &VaultConfig) -> Result<reqwest::Client, VaultError> {
    let secure = config.address.scheme() == "https";
    let mut builder = reqwest::Client::builder()
        // A proxy would see where keys are, and with plain HTTP also the token.
        .no_proxy()
        .timeout(config.timeout)
        .connect_timeout(config.timeout)
        .redirect(redirect::Policy::custom(follow));
    if !secure {
        // Else a missing system store fails a client that needs none.
        builder = builder.tls_certs_only([]);
    } else if let Some(pem) = &config.ca_pem {
        let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
        if certificates.is_empty() {
            return Err(VaultError::Config { why: "the CA holds no certificate in PEM".into() });
        }
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(|error| {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        VaultError::Config { why: format!("no TLS client could be made of it: {cause}") }
    })
}

/// Follows a standby server to the active one, and never from TLS to none: the token goes along.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let downgrade = attempt
        .previous()
        .last()
        .is_some_and(|from| from.scheme() == "https" && attempt.url().scheme() != "https");
    if downgrade || attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("a redirect that is not followed")
    } else {
        attempt.follow()
    }
}
