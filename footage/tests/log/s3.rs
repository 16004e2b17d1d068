//! A real S3 server: its conditional writes are what keeps two writers apart.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use camerafleet_footage::{
    log::{Content, Erasure, LogError},
    shard::StoreConfig,
    store::{self, StoreCredential},
};
use object_store::ObjectStore;

use crate::support::{PREFIX, Signer, entries, list, open, read, reader, tenant};

const BUCKET: &str = "log";

/// versitygw over a folder.
pub struct S3 {
    folder: tempfile::TempDir,
    process: Child,
    port: u16,
}

impl S3 {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(BUCKET)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(tool("versitygw"))
            .args(["--access", "root", "--secret", "rootsecret", "--region", "eu-1", "--port"])
            .arg(format!("127.0.0.1:{port}"))
            .arg("posix")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "versitygw does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { folder, process, port }
    }

    pub fn store(&self) -> Arc<dyn ObjectStore> {
        let config = StoreConfig {
            endpoint: format!("http://127.0.0.1:{}", self.port),
            region: "eu-1".into(),
            bucket: BUCKET.into(),
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

    /// The log's objects as files.
    pub fn log_folder(&self) -> PathBuf {
        self.folder.path().join(BUCKET).join(PREFIX).join(tenant().as_str()).join("log")
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn tool(name: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let path = cache.unwrap_or_else(|| home.join(".cache")).join("camerafleet/tools/bin").join(name);
    assert!(
        path.is_file(),
        "this test needs {name} and there is none at {}: run `cargo run -p camerafleet-e2e -- tools`",
        path.display()
    );
    path
}

#[tokio::test]
async fn a_real_server_keeps_two_writers_apart() {
    let s3 = S3::start();
    let (store, signer) = (s3.store(), Signer::new(1));
    let mut one = open(&store, &signer, None).await.unwrap();
    one.append(&signer, &entries(0..250)).await.unwrap();
    let mut two = open(&store, &signer, None).await.unwrap();
    one.append(&signer, &entries(250..251)).await.unwrap();
    assert!(matches!(two.append(&signer, &entries(300..301)).await, Err(LogError::Conflict)));
    assert_eq!(two.append(&signer, &entries(251..260)).await.unwrap(), (251..260).collect::<Vec<_>>());
    assert_eq!(list(&store, "keys").await.len(), 260);
    // The full tile is there, and the partial ones before it are not.
    let tiles = list(&store, "tile").await;
    assert_eq!(
        tiles,
        ["tile/0/000", "tile/0/001.p/4", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/4"]
    );

    let reader = reader(&store, &signer);
    let checkpoint = reader.after(one.checkpoint().unwrap()).await.unwrap();
    assert_eq!(read(&reader, &checkpoint).await.unwrap().len(), 260);
    reader.at(&checkpoint).prove(255).await.unwrap().verify(&signer.key()).unwrap();
    assert_eq!(two.erase(7).await.unwrap(), Erasure::Done);
    assert_eq!(reader.at(&checkpoint).entry(7).await.unwrap().content, Content::Erased);
}

/// Both at once, again and again: none is lost, none is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_at_once() {
    let s3 = S3::start();
    let signer = Signer::new(1);
    open(&s3.store(), &signer, None).await.unwrap();
    let write = async |first: u64| {
        let mut writer = open(&s3.store(), &signer, None).await.unwrap();
        let mut conflicts = 0;
        for n in (first..first + 20).step_by(2) {
            while let Err(error) = writer.append(&signer, &entries(n..n + 2)).await {
                assert!(matches!(error, LogError::Conflict | LogError::Overtaken), "{error}");
                conflicts += 1;
                assert!(conflicts < 500);
            }
        }
        conflicts
    };
    let (one, two) = tokio::join!(write(0), write(100));
    println!("{one} and {two} conflicts");
    let reader = reader(&s3.store(), &signer);
    let mut keys = read(&reader, &reader.checkpoint().await.unwrap()).await.unwrap();
    keys.sort();
    let mut expected: Vec<_> = (0..20).chain(100..120).map(|n| format!("epoch-{n}")).collect();
    expected.sort();
    assert_eq!(keys, expected);
}
