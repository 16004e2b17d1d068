//! A real OpenBao server for tests: in memory (or in a folder, see `raft`), on loopback, gone with the test.

#![allow(dead_code, reason = "more than one test crate uses this, each some of it")]
#![allow(clippy::unwrap_used, reason = "only tests use this")]

mod raft;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camerafleet_footage::vault::{Health, Vault, VaultConfig, health};
use camerafleet_testkit::{free_port, tool};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

/// The root token of every test server.
pub const ROOT: &str = "root-token-of-a-test-server";

/// A running server.
pub struct Bao {
    child: Child,
    dir: tempfile::TempDir,
    /// How to reach it.
    pub config: VaultConfig,
    root: String,
    http: reqwest::Client,
}

impl Bao {
    /// Starts a server without TLS.
    pub async fn start() -> Self {
        Self::start_with(false).await
    }

    /// Starts a server with a certificate of its own CA, which is in `config.ca_pem`.
    pub async fn start_tls() -> Self {
        Self::start_with(true).await
    }

    async fn start_with(tls: bool) -> Self {
        let binary = tool("bao");
        // Between looking for a free port and the server's taking it, another process may be faster.
        for _ in 0..5 {
            if let Some(bao) = Self::try_start(&binary, tls).await {
                return bao;
            }
        }
        panic!("no OpenBao server could be started with {}", binary.display());
    }

    async fn try_start(binary: &PathBuf, tls: bool) -> Option<Self> {
        let port = free_port();
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary);
        command
            .args(["server", "-dev-no-store-token", &format!("-dev-root-token-id={ROOT}")])
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            // It writes below its home otherwise.
            .env("HOME", dir.path())
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if tls {
            command.arg("-dev-tls").arg(format!("-dev-tls-cert-dir={}", dir.path().display()));
        } else {
            command.arg("-dev");
        }
        let child = command.spawn().unwrap();
        let scheme = if tls { "https" } else { "http" };
        let mut bao = Self {
            child,
            config: VaultConfig {
                address: Url::parse(&format!("{scheme}://127.0.0.1:{port}")).unwrap(),
                namespace: None,
                ca_pem: None,
                timeout: Duration::from_secs(30),
            },
            root: ROOT.to_owned(),
            http: client(),
            dir,
        };
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            if bao.child.try_wait().unwrap().is_some() {
                return None;
            }
            if tls {
                bao.config.ca_pem = bao.read_ca();
            }
            if (!tls || bao.config.ca_pem.is_some()) && matches!(health(&bao.config).await, Ok(Health::Ok)) {
                return Some(bao);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
    }

    fn read_ca(&self) -> Option<String> {
        let mut files = std::fs::read_dir(self.dir.path()).unwrap().filter_map(Result::ok);
        let ca = files.find(|file| file.file_name().to_string_lossy().contains("ca.pem"))?;
        std::fs::read_to_string(ca.path()).ok().filter(|pem| pem.contains("END CERTIFICATE"))
    }

    /// A client with the root token.
    pub fn root(&self) -> Vault {
        self.with_token(&self.root)
    }

    /// The token of an administrator who may do everything.
    pub fn root_token(&self) -> &str {
        &self.root
    }

    /// A client with a token.
    pub fn with_token(&self, token: &str) -> Vault {
        Vault::with_token(&self.config, token.to_owned()).unwrap()
    }

    /// A request by hand, for what the client cannot do on purpose. Only without TLS.
    pub async fn request(&self, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = self.config.address.join(&format!("/v1/{path}")).unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method.clone(), url);
        if !token.is_empty() {
            request = request.header("X-Vault-Token", token);
        }
        // A body under GET, LIST or DELETE would be parameters.
        if method == Method::POST {
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    /// A request with the root token that must succeed.
    pub async fn must(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.request(&self.root, method, path, &body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// A token with one policy, and nothing else.
    pub async fn token_with_policy(&self, name: &str, policy: &str) -> String {
        self.must("POST", &format!("sys/policies/acl/{name}"), json!({ "policy": policy })).await;
        let body = json!({ "policies": [name], "no_default_policy": true, "no_parent": true });
        let answer = self.must("POST", "auth/token/create", body).await;
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Bao {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}
