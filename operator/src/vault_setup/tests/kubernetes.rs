//! As much of an API server as Vault's Kubernetes auth method asks: token reviews and namespaces' labels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A ServiceAccount, and for whom its token is.
#[derive(Clone, Debug)]
pub struct Account {
    namespace: String,
    name: String,
    audience: String,
}

impl Account {
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into(), audience: "vault".into() }
    }

    pub fn with_audience(&self, audience: &str) -> Self {
        Self { audience: audience.into(), ..self.clone() }
    }
}

type Tokens = Arc<Mutex<HashMap<String, Account>>>;

/// The server; it knows the tokens that it made.
pub struct Kubernetes {
    pub address: String,
    /// Vault wants one even where there is no TLS.
    pub ca_pem: String,
    tokens: Tokens,
}

impl Kubernetes {
    pub async fn start() -> Self {
        let tokens = Tokens::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/apis/authentication.k8s.io/v1/tokenreviews", post(review))
            .route("/api/v1/namespaces/{name}", get(namespace))
            .with_state(Arc::clone(&tokens));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, ca_pem: include_str!("ca.pem").to_owned(), tokens }
    }

    /// An account's token. Vault reads its claims and leaves the signature to the review.
    pub fn jwt(&self, account: &Account) -> String {
        let Account { namespace, name, audience } = account;
        let claims = json!({
            "iss": "https://kubernetes.default.svc",
            "aud": [audience],
            "iat": 1_700_000_000_u64,
            "nbf": 1_700_000_000_u64,
            "exp": 4_102_444_800_u64,
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
            "kubernetes.io": { "namespace": namespace, "serviceaccount": { "name": name, "uid": uid(account) } },
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let jwt = format!(
            "{}.{}.{}",
            part(&json!({ "alg": "RS256", "typ": "JWT" })),
            part(&claims),
            "c2lnbmF0dXJl"
        );
        self.tokens.lock().unwrap().insert(jwt.clone(), account.clone());
        jwt
    }

    /// The token under which Vault asks.
    pub fn reviewer_jwt(&self) -> String {
        self.jwt(&Account::new("vault", "vault"))
    }
}

fn uid(account: &Account) -> String {
    format!("uid-of-{}-{}", account.namespace, account.name)
}

async fn review(State(tokens): State<Tokens>, Json(review): Json<Value>) -> (StatusCode, Json<Value>) {
    let token = review["spec"]["token"].as_str().unwrap_or_default();
    let account = tokens.lock().unwrap().get(token).cloned();
    // As the real one: no audience asked for means the API server's own.
    let asked = review["spec"]["audiences"].as_array().cloned().unwrap_or_default();
    let status = match account {
        Some(account) if asked.is_empty() || asked.contains(&json!(account.audience)) => json!({
            "authenticated": true,
            "audiences": [account.audience],
            "user": {
                "username": format!("system:serviceaccount:{}:{}", account.namespace, account.name),
                "uid": uid(&account),
                "groups": ["system:serviceaccounts", format!("system:serviceaccounts:{}", account.namespace)],
            },
        }),
        _ => json!({ "authenticated": false, "error": "invalid bearer token" }),
    };
    let answer = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status });
    (StatusCode::CREATED, Json(answer))
}

async fn namespace(Path(name): Path<String>) -> (StatusCode, Json<Value>) {
    let labels = match &*name {
        "tenant-a" | "tenant-b" => json!({ "camerafleet.io/managed": "true" }),
        "unmanaged" => json!({ "camerafleet.io/managed": "false" }),
        "elsewhere" => json!({}),
        _ => return (StatusCode::NOT_FOUND, Json(json!({ "kind": "Status", "code": 404 }))),
    };
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } });
    (StatusCode::OK, Json(namespace))
}
