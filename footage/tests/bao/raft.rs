//! A server with integrated storage, which can be backed up and restored as an operator of Vault does it.

use camerafleet_testkit::{free_port, tool};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camerafleet_footage::vault::{Health, VaultConfig, health};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::{Bao, client};

impl Bao {
    /// Starts, initialises and unseals one node.
    pub async fn start_raft() -> Self {
        for _ in 0..5 {
            if let Some(bao) = Self::try_start_raft().await {
                return bao;
            }
        }
        panic!("no OpenBao server with integrated storage could be started");
    }

    async fn try_start_raft() -> Option<Self> {
        let (port, cluster) = (free_port(), free_port());
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let config = format!(
            "storage \"raft\" {{ path = \"{}\" node_id = \"one\" }}\n\
             listener \"tcp\" {{ address = \"127.0.0.1:{port}\" tls_disable = true }}\n\
             api_addr = \"http://127.0.0.1:{port}\"\ncluster_addr = \"https://127.0.0.1:{cluster}\"\n",
            data.display()
        );
        let file = dir.path().join("bao.hcl");
        std::fs::write(&file, config).unwrap();
        let child = Command::new(tool("bao"))
            .arg("server")
            .arg(format!("-config={}", file.display()))
            .env("HOME", dir.path())
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let config = VaultConfig { address, namespace: None, ca_pem: None, timeout: Duration::from_secs(30) };
        let mut bao = Self { child, dir, config, root: String::new(), http: client() };
        let start = Instant::now();
        while health(&bao.config).await.is_err() {
            if bao.child.try_wait().unwrap().is_some() || start.elapsed() > Duration::from_secs(60) {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let answer = bao.must("POST", "sys/init", json!({ "secret_shares": 1, "secret_threshold": 1 })).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        bao.must("POST", "sys/unseal", json!({ "key": text(&answer["keys"][0]) })).await;
        bao.root = text(&answer["root_token"]);
        bao.ready().await;
        Some(bao)
    }

    async fn ready(&self) {
        let start = Instant::now();
        while !matches!(health(&self.config).await, Ok(Health::Ok)) {
            assert!(start.elapsed() < Duration::from_secs(60), "the server does not become active");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A backup of everything in it.
    pub async fn snapshot(&self) -> Vec<u8> {
        let response = self.raft(Method::GET, "snapshot", Vec::new()).await;
        response.bytes().await.unwrap().to_vec()
    }

    /// Makes it what it was at the time of the backup.
    pub async fn restore(&self, snapshot: Vec<u8>) {
        self.raft(Method::POST, "snapshot", snapshot).await;
        self.ready().await;
    }

    async fn raft(&self, method: Method, path: &str, body: Vec<u8>) -> reqwest::Response {
        let url = self.config.address.join(&format!("/v1/sys/storage/raft/{path}")).unwrap();
        let request = self.http.request(method, url).header("X-Vault-Token", &self.root).body(body);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response
    }
}
