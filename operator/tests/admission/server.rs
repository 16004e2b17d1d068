//! A real API server with etcd and nothing else, on loopback, gone with the test. It has no controllers and no nodes:
//! what these would ask is asked in their names.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use camerafleet_testkit::{free_ports, tool};
use kube::{Client, Config};
use reqwest::Method;
use serde_json::Value;

const TOKEN: &str = "token-of-a-test-server";
const LIMIT: Duration = Duration::from_secs(90);

/// A running API server.
pub struct Server {
    processes: Vec<Child>,
    _folder: tempfile::TempDir,
    url: String,
    http: reqwest::Client,
}

/// In whose name a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// An administrator of the cluster.
    Administrator,
    /// Someone by this name.
    User(&'static str),
    /// A ServiceAccount, by namespace and name.
    Account(&'static str, &'static str),
    /// A kubelet.
    Kubelet,
}

impl Actor {
    /// The operator.
    pub const OPERATOR: Self = Self::Account("camerafleet-system", "camerafleet-operator");

    /// The user name, and the groups it comes with.
    fn identity(self) -> (String, Vec<String>) {
        let all = "system:authenticated".to_owned();
        match self {
            Self::Administrator => ("root".into(), vec![all, "system:masters".into()]),
            Self::User(name) => (name.into(), vec![all]),
            Self::Account(namespace, name) => (
                format!("system:serviceaccount:{namespace}:{name}"),
                vec![all, "system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")],
            ),
            Self::Kubelet => ("system:node:node-1".into(), vec![all, "system:nodes".into()]),
        }
    }
}

/// The one that all tests of this program share; it ends with the last of them.
pub async fn shared() -> Arc<Server> {
    static RUNNING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let _one_starts = RUNNING.lock().await;
    let running = SERVER.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
    if let Some(server) = running {
        return server;
    }
    let server = Arc::new(Server::own().await);
    *SERVER.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&server);
    server
}

impl Server {
    /// One with everything on it that the caller may spoil.
    pub async fn own() -> Self {
        let server = Self::start().await;
        super::fixtures::install(&server).await;
        server
    }

    async fn start() -> Self {
        // Between looking for free ports and their being taken, another process may be faster.
        for _ in 0..3 {
            if let Some(server) = Self::try_start().await {
                return server;
            }
        }
        panic!("no API server could be started with {}", tool("kube-apiserver").display());
    }

    async fn try_start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let [client, peer, secure] = free_ports();
        // ServiceAccounts' tokens are signed by the server's own key: no test looks at them.
        let key = path.join("certs/apiserver.key");
        std::fs::write(path.join("tokens.csv"), format!("{TOKEN},test,test,system:masters\n")).unwrap();
        let etcd = [
            format!("--data-dir={}", path.join("etcd").display()),
            format!("--listen-client-urls=http://127.0.0.1:{client}"),
            format!("--advertise-client-urls=http://127.0.0.1:{client}"),
            format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
            format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"),
            format!("--initial-cluster=default=http://127.0.0.1:{peer}"),
            "--unsafe-no-fsync".to_owned(),
        ];
        certificate(path);
        let api_server = [
            format!("--etcd-servers=http://127.0.0.1:{client}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={secure}"),
            format!("--tls-cert-file={}", path.join("certs/apiserver.crt").display()),
            format!("--tls-private-key-file={}", key.display()),
            "--authorization-mode=RBAC".to_owned(),
            format!("--token-auth-file={}", path.join("tokens.csv").display()),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-signing-key-file={}", key.display()),
            format!("--service-account-key-file={}", path.join("certs/apiserver.crt").display()),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            // It waits for what the controllers make, and there are none.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
        let processes = vec![start(path, "etcd", &etcd), start(path, "kube-apiserver", &api_server)];
        let pem = std::fs::read(path.join("certs/apiserver.crt")).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
            .no_proxy()
            // Each test has a runtime of its own, and a connection ends with the one it was made on.
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        let url = format!("https://127.0.0.1:{secure}");
        let mut server = Self { processes, _folder: folder, url, http };
        let started = Instant::now();
        while started.elapsed() < LIMIT {
            if server.processes.iter_mut().any(|p| p.try_wait().unwrap().is_some()) {
                let log = std::fs::read_to_string(server._folder.path().join("kube-apiserver.log"));
                eprintln!("{}", log.unwrap_or_default());
                return None;
            }
            let ready = server.http.get(format!("{}/readyz", server.url)).bearer_auth(TOKEN).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        None
    }

    /// A client in an actor's name.
    pub fn client(&self, actor: Actor) -> Client {
        let mut config = Config::new(self.url.parse().unwrap());
        let pem = std::fs::read(self._folder.path().join("certs/apiserver.crt")).unwrap();
        let body: String = String::from_utf8(pem).unwrap();
        let der: String = body.lines().filter(|line| !line.starts_with("-----")).collect();
        config.root_cert =
            Some(vec![base64::Engine::decode(&base64::engine::general_purpose::STANDARD, der).unwrap()]);
        let (user, groups) = actor.identity();
        config.auth_info.token = Some(TOKEN.to_owned().into());
        config.auth_info.impersonate = Some(user);
        config.auth_info.impersonate_groups = Some(groups);
        Client::try_from(config).unwrap()
    }

    /// An actor's kubeconfig.
    pub fn kubeconfig(&self, actor: Actor, namespace: &str) -> Value {
        let (user, groups) = actor.identity();
        let authority = self._folder.path().join("certs/apiserver.crt");
        serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "certificate-authority": authority}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
            "users": [{"name": "test", "user": {"token": TOKEN, "as": user, "as-groups": groups}}],
        })
    }

    /// One request in an actor's name: the status code, and the answer.
    pub async fn ask(&self, actor: Actor, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (user, groups) = actor.identity();
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url));
        request = request.bearer_auth(TOKEN).header("Impersonate-User", user);
        for group in groups {
            request = request.header("Impersonate-Group", group);
        }
        let kind = match method {
            Method::PATCH if path.contains("fieldManager=") => "application/apply-patch+yaml",
            Method::PATCH => "application/merge-patch+json",
            _ => "application/json",
        };
        if let Some(body) = body {
            request = request.header("Content-Type", kind).body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let code = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (code, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The API server first: without etcd it would not end.
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A certificate that is its own authority: 127.0.0.1 is all that it says.
fn certificate(folder: &Path) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::create_dir(folder.join("certs")).unwrap();
    std::fs::write(folder.join("certs/apiserver.crt"), cert.pem()).unwrap();
    std::fs::write(folder.join("certs/apiserver.key"), signing_key.serialize_pem()).unwrap();
}

fn start(folder: &Path, name: &str, arguments: &[String]) -> Child {
    let log = std::fs::File::create(folder.join(format!("{name}.log"))).unwrap();
    Command::new(tool(name))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("start {name}: {error}"))
}
