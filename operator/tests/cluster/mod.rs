//! A real API server with both charts, a real Vault and a real S3 server, and the operator's own program under its own
//! account. All of it on loopback, gone with the test. There are no controllers and no nodes: a test does their part.

#![allow(dead_code, reason = "more than one test crate uses this, each some of it")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use camerafleet_footage::{
    shard::StoreConfig,
    store::{self, StoreCredential},
};
use object_store::ObjectStore;
use rcgen::SigningKey as _;
use serde_json::{Value, json};

use camerafleet_testkit::{S3, free_ports, tool};

use crate::bao::Bao;

const TOKEN: &str = "token-of-a-test-server";
const HCL: &str = include_str!("../../src/vault_setup/policies/operator.hcl");
const DISCLOSURE: &str = include_str!("../../src/vault_setup/policies/disclosure.hcl");
/// A debug build on a machine that does much else is slow.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Cluster {
    processes: Vec<Child>,
    pub folder: tempfile::TempDir,
    pub bao: Bao,
    s3: S3,
    /// Signs tokens as the API server would.
    signer: rcgen::KeyPair,
    metrics_port: u16,
    tiles_port: u16,
}

/// Asks again and again until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

impl Cluster {
    pub async fn start() -> Self {
        Self::with(Bao::start().await).await
    }

    /// Around a Vault of one's own.
    pub async fn with(bao: Bao) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [client, peer, secure] = free_ports();
        let s3 = S3::start(&["footage", "log"], &[]);
        let signer = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let [metrics_port, tiles_port] = free_ports();
        let mut cluster = Self { processes: Vec::new(), bao, folder, s3, signer, metrics_port, tiles_port };
        let path = cluster.folder.path().to_owned();
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (crt, key) = (path.join("tls.crt"), path.join("tls.key"));
        fs::write(&crt, cert.pem()).unwrap();
        fs::write(&key, signing_key.serialize_pem()).unwrap();
        fs::write(path.join("tokens.csv"), format!("{TOKEN},test,test,system:masters\n")).unwrap();
        let shown = |path: &Path| path.display().to_string();
        cluster.run(
            Command::new(tool("etcd"))
                .arg(format!("--data-dir={}", shown(&path.join("etcd"))))
                .arg(format!("--listen-client-urls=http://127.0.0.1:{client}"))
                .arg(format!("--advertise-client-urls=http://127.0.0.1:{client}"))
                .arg(format!("--listen-peer-urls=http://127.0.0.1:{peer}"))
                .arg(format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"))
                .arg(format!("--initial-cluster=default=http://127.0.0.1:{peer}"))
                .arg("--unsafe-no-fsync"),
            "etcd",
        );
        cluster.run(
            Command::new(tool("kube-apiserver"))
                .arg(format!("--etcd-servers=http://127.0.0.1:{client}"))
                .args(["--bind-address=127.0.0.1", "--authorization-mode=RBAC"])
                .arg(format!("--secure-port={secure}"))
                .arg(format!("--tls-cert-file={}", shown(&crt)))
                .arg(format!("--tls-private-key-file={}", shown(&key)))
                .arg(format!("--token-auth-file={}", shown(&path.join("tokens.csv"))))
                .arg("--service-account-issuer=https://kubernetes.default.svc")
                .arg(format!("--service-account-signing-key-file={}", shown(&key)))
                .arg(format!("--service-account-key-file={}", shown(&crt)))
                .arg("--service-cluster-ip-range=10.0.0.0/24")
                // It waits for what the controllers make.
                .arg("--disable-admission-plugins=ServiceAccount"),
            "kube-apiserver",
        );
        let server = format!("https://127.0.0.1:{secure}");
        let account = json!({
            "token": TOKEN,
            "as": "system:serviceaccount:camerafleet-system:camerafleet-operator",
            "as-groups": ["system:authenticated", "system:serviceaccounts", "system:serviceaccounts:camerafleet-system"],
        });
        for (file, user) in [("admin", json!({"token": TOKEN})), ("operator", account)] {
            let config = json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "x",
                "clusters": [{"name": "x", "cluster": {"server": server, "certificate-authority": crt}}],
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
                "users": [{"name": "x", "user": user}],
            });
            fs::write(path.join(file), config.to_string()).unwrap();
        }
        until("the API server", async || cluster.try_kubectl(&["get", "--raw=/readyz"], None).ok()).await;
        cluster.install().await;
        cluster
    }

    /// The charts as they are shipped, and Vault as vault-setup leaves it, but for how the operator logs in: with a
    /// token that the test signs, as no ServiceAccount's is made here.
    async fn install(&self) {
        self.kubectl(&["create", "namespace", "camerafleet-system"]);
        let charts = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts");
        for chart in ["camerafleet-crds", "camerafleet"] {
            let mut helm = Command::new(tool("helm"));
            helm.args(["template", chart, &format!("{charts}/{chart}"), "--namespace", "camerafleet-system"]);
            if chart == "camerafleet" {
                helm.args(["--set", "image.repository=registry.example.com/camerafleet,image.tag=v1"]);
                helm.args(["--set", "vault.address=https://vault.example.com:8200"]);
                helm.args(["--set", "log.s3.endpoint=https://s3.example.com,log.s3.bucket=log"]);
            }
            let made = helm.output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            // What has the kinds just defined is taken when they are served.
            until(chart, async || {
                self.try_kubectl(&["apply", "--server-side", "-f", "-"], Some(&made.stdout))
                    .inspect_err(|error| eprintln!("{error}"))
                    .ok()
            })
            .await;
        }
        fs::write(self.folder.path().join("token"), self.token("operator", "camerafleet-system")).unwrap();
        let bao = &self.bao;
        let policy = HCL.replace("@MOUNT_PREFIX@", "camerafleet");
        bao.must("POST", "sys/policies/acl/camerafleet-operator", json!({"policy": policy})).await;
        bao.must("POST", "sys/auth/kubernetes", json!({"type": "jwt"})).await;
        let keys = json!({"jwt_validation_pubkeys": [self.signer.public_key_pem()], "jwt_supported_algs": ["EdDSA"]});
        bao.must("POST", "auth/kubernetes/config", keys).await;
        let role = json!({
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"],
            "token_policies": ["camerafleet-operator"], "token_no_default_policy": true,
        });
        bao.must("POST", "auth/kubernetes/role/camerafleet-operator", role).await;
        // The jobs' role is held to its own namespace's mount by the token's, as with the Kubernetes method.
        let accessor = bao.must("GET", "sys/auth", Value::Null).await["kubernetes/"]["accessor"].clone();
        let policy = DISCLOSURE
            .replace("@MOUNT_PREFIX@", "camerafleet")
            .replace("@AUTH_ACCESSOR@", accessor.as_str().unwrap());
        bao.must("POST", "sys/policies/acl/camerafleet-disclosure", json!({"policy": policy})).await;
        let role = json!({
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "bound_subject": "disclosure",
            "claim_mappings": {"namespace": "service_account_namespace"},
            "token_policies": ["camerafleet-disclosure"], "token_no_default_policy": true,
        });
        bao.must("POST", "auth/kubernetes/role/camerafleet-disclosure", role).await;
    }

    /// A token for Vault, as a pod's of this account in this namespace.
    pub fn token(&self, account: &str, namespace: &str) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let now = jiff::Timestamp::now().as_second();
        let head = part(&json!({"alg": "EdDSA", "typ": "JWT"}));
        let body = part(&json!({
            "sub": account, "namespace": namespace, "aud": "vault", "iat": now, "nbf": now - 60, "exp": now + 3_600,
        }));
        let signature = self.signer.sign(format!("{head}.{body}").as_bytes()).unwrap();
        format!("{head}.{body}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// Starts the operator as its Deployment does.
    pub fn operator(&mut self) {
        let path = self.folder.path().to_owned();
        self.run(
            Command::new(env!("CARGO_BIN_EXE_operator"))
                .arg("run")
                .env("KUBECONFIG", path.join("operator"))
                .env("POD_NAME", "operator-0")
                .env("POD_NAMESPACE", "camerafleet-system")
                .env("IMAGE", "registry.example.com/camerafleet:v1")
                .env("LISTEN", format!("127.0.0.1:{}", self.metrics_port))
                .env("LOG_LISTEN", format!("127.0.0.1:{}", self.tiles_port))
                .env("VAULT_ADDR", self.bao.config.address.as_str())
                .env("VAULT_TOKEN_FILE", path.join("token"))
                .env("LOG_S3_ENDPOINT", self.endpoint())
                .env("LOG_S3_BUCKET", "log"),
            "operator",
        );
    }

    /// Ends the operator, which was started last.
    pub fn stop_operator(&mut self) {
        let mut operator = self.processes.pop().unwrap();
        operator.kill().unwrap();
        operator.wait().unwrap();
    }

    /// `operator vault-restored` as an administrator; what it prints.
    pub fn vault_restored(&self, token: &str, arguments: &[&str]) -> (bool, String) {
        let made = Command::new(env!("CARGO_BIN_EXE_operator"))
            .arg("vault-restored")
            .args(arguments)
            .env("KUBECONFIG", self.folder.path().join("admin"))
            .env("VAULT_ADDR", self.bao.config.address.as_str())
            .env("VAULT_TOKEN", token)
            .env("LOG_S3_ENDPOINT", self.endpoint())
            .env("LOG_S3_BUCKET", "log")
            .env("LOG_S3_ACCESS_KEY_ID", "root")
            .env("LOG_S3_SECRET_ACCESS_KEY", "rootsecret")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&made.stdout).into_owned();
        (made.status.success(), text + &String::from_utf8_lossy(&made.stderr))
    }

    /// The operator's log, for when something is not as it should be.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("operator.log")).unwrap_or_default()
    }

    /// Where the operator serves the logs' tiles.
    pub fn tiles(&self) -> String {
        format!("http://127.0.0.1:{}", self.tiles_port)
    }

    /// Where the operator shows its metrics.
    pub fn metrics(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.metrics_port)
    }

    pub fn endpoint(&self) -> String {
        self.s3.endpoint()
    }

    /// A bucket.
    pub fn store(&self, bucket: &str) -> Arc<dyn ObjectStore> {
        let config = StoreConfig {
            endpoint: self.endpoint(),
            region: "us-east-1".into(),
            bucket: bucket.into(),
            prefix: String::new(),
            path_style: true,
            ca_bundle: None,
        };
        let credential = StoreCredential {
            access_key_id: "root".to_owned().into(),
            secret_access_key: "rootsecret".to_owned().into(),
        };
        Arc::new(store::s3(&config, &credential, Duration::from_secs(10)).unwrap())
    }

    /// An object that the store took at `stored`.
    pub fn put(&self, key: &str, stored: jiff::Timestamp) -> PathBuf {
        let path = self.s3.folder("footage").join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"sealed").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(stored.into()).unwrap();
        path
    }

    /// The keys of a bucket's objects below a folder, sorted.
    pub fn store_keys(&self, bucket: &str, below: &str) -> Vec<String> {
        self.s3.keys(bucket, below)
    }

    /// An object of the tenant's bucket.
    pub fn file(&self, key: &str) -> PathBuf {
        self.s3.folder("footage").join(key)
    }

    /// A client under a ServiceAccount of the tenant's.
    pub async fn client(&self, account: &str) -> kube::Client {
        let config = fs::read(self.folder.path().join("admin")).unwrap();
        let mut config: Value = serde_json::from_slice(&config).unwrap();
        config["users"][0]["user"]["as"] = account.into();
        let config = serde_json::from_value(config).unwrap();
        let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.unwrap();
        kube::Client::try_from(config).unwrap()
    }

    /// As somebody, with an object to be created.
    pub fn create_as(&self, user: &str, object: &Value) -> Result<Value, String> {
        let bytes = object.to_string().into_bytes();
        let made = self.try_kubectl(&["create", "--as", user, "-f", "-", "-o", "json"], Some(&bytes))?;
        Ok(serde_json::from_str(&made).unwrap())
    }

    /// As an administrator.
    pub fn kubectl(&self, arguments: &[&str]) -> Value {
        let text = self.try_kubectl(arguments, None).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    pub fn apply(&self, object: &Value) {
        let bytes = object.to_string().into_bytes();
        self.try_kubectl(&["apply", "--server-side", "-f", "-"], Some(&bytes)).unwrap();
    }

    pub fn try_kubectl(&self, arguments: &[&str], input: Option<&[u8]>) -> Result<String, String> {
        let file = self.folder.path().join("input");
        fs::write(&file, input.unwrap_or_default()).unwrap();
        let made = Command::new(tool("kubectl"))
            .arg(format!("--kubeconfig={}", self.folder.path().join("admin").display()))
            .arg(format!("--cache-dir={}", self.folder.path().join("cache").display()))
            .args(arguments)
            .stdin(fs::File::open(file).unwrap())
            .output()
            .unwrap();
        if made.status.success() {
            Ok(String::from_utf8_lossy(&made.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&made.stderr).into_owned())
        }
    }

    fn run(&mut self, command: &mut Command, name: &str) {
        let path = self.folder.path();
        let log = fs::File::create(path.join(format!("{name}.log"))).unwrap();
        let child = command
            .current_dir(path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("start {name}: {error}"));
        self.processes.push(child);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kinds = "tenants,retentionpolicies,legalholds,legalorders,disclosurerequests,approvals,cronjobs,jobs,pods";
            let seen = self.try_kubectl(&["get", kinds, "--all-namespaces", "-o", "yaml"], None);
            eprintln!("{}\nthe operator's log:\n{}", seen.unwrap_or_else(|e| e), self.log());
        }
        // The API server before etcd: without it, it would not end.
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
