//! A bare API server: etcd and kube-apiserver on free ports of the loopback device, and nothing else. It checks
//! definitions, objects, admission policies and rights as a cluster's does, and is there in some seconds.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use camerafleet_testkit::{free_ports, tool};
use reqwest::{Method, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use tempfile::TempDir;

/// A busy machine needs more than the four seconds of an idle one.
const LIMIT: Duration = Duration::from_secs(90);
const TOKEN: &str = "loopback-only";

/// Who may do what at the server.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // each test binary uses one
pub enum Authorization {
    /// Everybody everything.
    AlwaysAllow,
    /// As in a cluster; the administrator is of the group system:masters.
    Rbac,
}

/// A running API server, which ends with the value.
pub struct ApiServer {
    /// `https://127.0.0.1:<port>`.
    pub url: String,
    client: reqwest::Client,
    processes: Vec<Child>,
    folder: TempDir,
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The object, or the Status that says why not.
    pub body: Value,
    /// What `kubectl` would print as warnings.
    pub warnings: Vec<String>,
}

impl Answer {
    /// The message of a refusal; empty for an object.
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// Whom a request is made as.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// The user name.
    pub name: String,
    /// The groups, beside system:authenticated.
    pub groups: Vec<String>,
}

impl ApiServer {
    /// Starts one and returns when it answers.
    pub async fn start(authorization: Authorization) -> Result<Self> {
        // Between choosing a free port and using it, another test may take it.
        let mut last = None;
        for _ in 0..3 {
            match Self::try_start(authorization).await {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt was made")?)
    }

    async fn try_start(authorization: Authorization) -> Result<Self> {
        let folder = tempfile::tempdir().context("making a folder for the API server")?;
        let [client, peer, secure] = free_ports();
        let etcd = format!("http://127.0.0.1:{client}");
        let peer = format!("http://127.0.0.1:{peer}");
        let certificate = write_keys(folder.path())?;
        let mut server = Self {
            url: format!("https://127.0.0.1:{secure}"),
            client: reqwest::Client::builder()
                .tls_certs_only([certificate])
                .no_proxy()
                .timeout(Duration::from_secs(30))
                .build()?,
            processes: Vec::new(),
            folder,
        };
        server.spawn(
            "etcd",
            &[
                ("data-dir", &server.file("data")),
                ("listen-client-urls", &etcd),
                ("advertise-client-urls", &etcd),
                ("listen-peer-urls", &peer),
                ("initial-advertise-peer-urls", &peer),
                ("initial-cluster", &format!("default={peer}")),
                ("unsafe-no-fsync", "true"),
                ("log-level", "warn"),
            ],
        )?;
        let mode = match authorization {
            Authorization::AlwaysAllow => "AlwaysAllow",
            Authorization::Rbac => "RBAC",
        };
        server.spawn(
            "kube-apiserver",
            &[
                ("etcd-servers", &etcd),
                ("bind-address", "127.0.0.1"),
                ("advertise-address", "127.0.0.1"),
                ("secure-port", &secure.to_string()),
                ("tls-cert-file", &server.file("server.crt")),
                ("tls-private-key-file", &server.file("server.key")),
                ("token-auth-file", &server.file("tokens.csv")),
                ("authorization-mode", mode),
                ("service-account-issuer", &server.url.clone()),
                ("service-account-signing-key-file", &server.file("server.key")),
                ("service-account-key-file", &server.file("server.pub")),
                ("service-cluster-ip-range", "10.254.0.0/24"),
                ("endpoint-reconciler-type", "none"),
                ("profiling", "false"),
            ],
        )?;
        server.ready().await?;
        Ok(server)
    }

    /// A file of the server's, as its flags take it.
    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn spawn(&mut self, name: &str, flags: &[(&str, &str)]) -> Result<()> {
        let program = tool(name);
        let log = File::create(self.folder.path().join(format!("{name}.log")))?;
        let child = Command::new(&program)
            .args(flags.iter().map(|(flag, value)| format!("--{flag}={value}")))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        self.processes.push(child);
        Ok(())
    }

    async fn ready(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            for (child, name) in self.processes.iter_mut().zip(["etcd", "kube-apiserver"]) {
                if let Some(status) = child.try_wait()? {
                    let log = fs::read_to_string(self.folder.path().join(format!("{name}.log")))?;
                    let end: Vec<&str> = log.lines().rev().take(20).collect();
                    bail!(
                        "{name} ended with {status}: {}",
                        end.into_iter().rev().collect::<Vec<_>>().join("\n")
                    );
                }
            }
            let mut last = String::new();
            // The namespace that tests use is made some moments after the server says that it is ready.
            for path in ["/readyz", "/api/v1/namespaces/default"] {
                match self.request(Method::GET, path, None, None).await {
                    Ok(answer) if answer.status.is_success() => {}
                    Ok(answer) => last = format!("{path}: {}", answer.status),
                    Err(error) => last = format!("{error:#}"),
                }
            }
            if last.is_empty() {
                return Ok(());
            }
            if started.elapsed() > LIMIT {
                bail!("the API server was not ready within {} s; the last answer: {last}", LIMIT.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// One request, as the administrator or impersonating `user`.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        user: Option<&User>,
    ) -> Result<Answer> {
        let patch = method == Method::PATCH;
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(TOKEN);
        if let Some(user) = user {
            request = request.header("Impersonate-User", &user.name);
            for group in &user.groups {
                request = request.header("Impersonate-Group", group);
            }
        }
        if patch {
            request = request.header(CONTENT_TYPE, "application/merge-patch+json");
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("asking the API server for {path}"))?;
        let status = answer.status();
        let warnings = answer.headers().get_all("warning").iter();
        let warnings = warnings.map(|w| String::from_utf8_lossy(w.as_bytes()).into_owned()).collect();
        let text = answer.text().await?;
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)), warnings })
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        for mut child in self.processes.drain(..).rev() {
            // Nothing of it is kept; an error here means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The server's certificate and key, which sign ServiceAccounts' tokens too, and the administrator's token.
fn write_keys(folder: &Path) -> Result<reqwest::Certificate> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])
        .context("making the API server's certificate")?;
    let pem = made.cert.pem();
    fs::write(folder.join("server.crt"), &pem)?;
    fs::write(folder.join("server.key"), made.signing_key.serialize_pem())?;
    fs::write(folder.join("server.pub"), made.signing_key.public_key_pem())?;
    fs::write(folder.join("tokens.csv"), format!("{TOKEN},admin,admin,\"system:masters\"\n"))?;
    Ok(reqwest::Certificate::from_pem(pem.as_bytes())?)
}
