//! A real camera (RTSP server and ffmpeg), a real S3 server, the recorder's binary, and a reader with the
//! private keys. All of it on loopback; processes end with the test.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

pub mod browser;
pub mod media;
pub mod peer;
pub mod rig;
mod servers;
pub mod spec;
pub mod watch;

pub use servers::*;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use camerafleet_footage::{
    ids::{CameraId, PolicyId, TenantId},
    layout::{Epoch, SegmentName, camera_key_name, epoch_key_name},
    seal::{OpenedSegment, SealedHeader, Secret32, SegmentExpectation, SegmentIdentity, open},
    shard::{CameraState, ShardStatus},
};
use serde_json::{Value, json};

pub const BUCKET: &str = "footage";
pub const PREFIX: &str = "elm";
pub const TENANT: &str = "t1";
pub const POLICY: &str = "p1";
const EPOCH_SECONDS: u64 = 86_400;

/// An RSA key pair, as Transit would hold it.
pub struct Key {
    pub name: String,
    pub pem: String,
    private: OaepPrivateDecryptingKey,
}

impl Key {
    pub fn generate(name: String) -> Self {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa3072).unwrap();
        let der: PublicKeyX509Der<'_> = private.public_key().as_der().unwrap();
        let body = BASE64_STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        Self { name, pem, private: OaepPrivateDecryptingKey::new(private).unwrap() }
    }

    pub fn unwrap(&self, wrapped: &[u8]) -> Secret32 {
        let mut out = vec![0; self.private.min_output_size()];
        let secret = self.private.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut out, None).unwrap();
        Secret32::from_bytes(&(&*secret).try_into().unwrap())
    }

    fn config(&self) -> Value {
        json!({"name": self.name, "pem": self.pem})
    }
}

/// A shard in files, and its recorder.
pub struct Shard {
    pub directory: PathBuf,
    pub config: Value,
    pub epoch: Key,
    pub camera_keys: Vec<(CameraId, Key)>,
    pub port: u16,
    /// What is logged, where it is not the default.
    pub filter: Option<&'static str>,
    /// Where it runs, if not on every core.
    pub core: Option<usize>,
    process: Option<Process>,
}

impl Shard {
    pub fn new(directory: &Path, store_port: u16) -> Self {
        fs::create_dir_all(directory.join("secret")).unwrap();
        let epoch = Epoch::containing(jiff::Timestamp::now(), EPOCH_SECONDS);
        let policy = PolicyId::parse(POLICY).unwrap();
        let key = Key::generate(epoch_key_name(&policy, &epoch));
        let config = json!({
            "tenant": TENANT,
            "store": {"endpoint": format!("http://127.0.0.1:{store_port}"), "region": "eu-1", "bucket": BUCKET, "prefix": PREFIX, "pathStyle": true},
            "cameraNetworks": ["127.0.0.1/32"],
            "spool": {"size": 200_000_000, "maxAgeSeconds": 3_600},
            "cameras": {},
            "epochKeys": {POLICY: [{"start": epoch.start().as_second(), "length": EPOCH_SECONDS, "key": key.config()}]},
        });
        let mut shard = Self {
            directory: directory.to_owned(),
            config,
            epoch: key,
            camera_keys: Vec::new(),
            port: free_port(),
            filter: None,
            core: None,
            process: None,
        };
        shard.secret("store.accessKeyId", "root");
        shard.secret("store.secretAccessKey", "rootsecret");
        shard
    }

    pub fn camera(&mut self, id: &str, url: &str, audio: bool) {
        let camera = CameraId::parse(id).unwrap();
        let key = Key::generate(camera_key_name(&camera));
        self.config["cameras"][id] = json!({
            "name": format!("name-{id}"), "url": url, "transport": "TCP", "maxSessions": 2, "audio": audio,
            "recording": {"mode": "Continuous"}, "segmentDurationMs": 4_000, "expectedBitrate": 1_000_000,
            "retentionPolicy": POLICY, "window": {"custody": "Vault", "key": key.config()},
        });
        self.camera_keys.push((camera, key));
        self.secret(&format!("camera.{id}.username"), USER);
        self.secret(&format!("camera.{id}.password"), PASSWORD);
    }

    pub fn secret(&mut self, key: &str, value: &str) {
        fs::write(self.directory.join("secret").join(key), value).unwrap();
    }

    pub fn write(&self) {
        // Replaced in one step, as the kubelet and the API server do.
        let path = self.directory.join("shard.json");
        fs::write(path.with_extension("new"), self.config.to_string()).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    }

    pub fn start(&mut self) {
        self.write();
        let program = env!("CARGO_BIN_EXE_ingest");
        let mut command = Command::new(if self.core.is_some() { "taskset" } else { program });
        if let Some(core) = self.core {
            command.args(["-c", &core.to_string(), program]);
        }
        command.arg("--config").arg(self.directory.join("shard.json"));
        command.arg("--secret-dir").arg(self.directory.join("secret"));
        command.arg("--spool-dir").arg(self.directory.join("spool"));
        command.args([
            "--listen",
            &format!("127.0.0.1:{}", self.port),
            "--drain-seconds",
            "30",
            "--pod-uid",
            "uid-1",
        ]);
        let log = fs::File::options().append(true).create(true).open(self.log_path()).unwrap();
        if let Some(filter) = self.filter {
            command.env("RUST_LOG", filter);
        }
        command.stderr(log.try_clone().unwrap());
        self.process = Some(Process::spawn(command.stdout(log)));
        wait_for_port(self.port);
    }

    pub fn stop(&mut self) -> Option<i32> {
        self.process.take().unwrap().terminate(Duration::from_secs(60))
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    fn log_path(&self) -> PathBuf {
        self.directory.join("log")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap()
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let answer = reqwest::get(url).await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }

    pub fn status(&self) -> ShardStatus {
        serde_json::from_str(&self.get("/status").1).unwrap()
    }

    pub fn until_state(&self, id: &str, state: CameraState, patience: Duration) -> ShardStatus {
        let camera = CameraId::parse(id).unwrap();
        let mut last = None;
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            let status = self.status();
            if status.cameras.get(&camera).is_some_and(|camera| camera.state == state) {
                return status;
            }
            last = status.cameras.get(&camera).cloned();
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("{id} is not {state:?} after {patience:?} but {last:?}\n{}", self.log());
    }

    /// Opens a stored segment with the private keys.
    pub fn unseal(&self, name: &SegmentName, sealed: &[u8]) -> (SegmentIdentity, [u8; 32], Vec<u8>) {
        unseal(name, sealed, self.camera_key(sealed), &self.epoch)
    }

    /// Opens what there is of a segment, and says whether it has its end.
    pub fn unseal_what_there_is(&self, name: &SegmentName, sealed: &[u8]) -> (Vec<u8>, bool) {
        unseal_what_there_is(name, sealed, self.camera_key(sealed), &self.epoch)
    }

    fn camera_key(&self, sealed: &[u8]) -> &Key {
        let header = SealedHeader::parse(sealed).unwrap();
        let (name, _) = header.wrapped_window_key().unwrap();
        &self.camera_keys.iter().find(|(_, key)| key.name == name).unwrap().1
    }
}

/// Opens a segment with the private keys.
pub fn unseal(
    name: &SegmentName,
    sealed: &[u8],
    camera_key: &Key,
    epoch_key: &Key,
) -> (SegmentIdentity, [u8; 32], Vec<u8>) {
    let mut opened = opened(name, sealed, camera_key, epoch_key);
    let mut media = Vec::new();
    opened.read_to_end(&mut media).unwrap();
    (opened.identity().clone(), opened.digest().unwrap(), media)
}

/// Opens what there is of a segment, and says whether it has its end.
pub fn unseal_what_there_is(
    name: &SegmentName,
    sealed: &[u8],
    camera_key: &Key,
    epoch_key: &Key,
) -> (Vec<u8>, bool) {
    let mut opened = opened(name, sealed, camera_key, epoch_key);
    opened.identity().check_name(name).unwrap();
    let mut media = Vec::new();
    match opened.read_to_end(&mut media) {
        Ok(_) => (media, true),
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "cut off, nothing else: {error}");
            (media, false)
        }
    }
}

fn opened<'a>(
    name: &SegmentName,
    sealed: &'a [u8],
    camera_key: &Key,
    epoch_key: &Key,
) -> OpenedSegment<&'a [u8]> {
    let header = SealedHeader::parse(sealed).unwrap();
    let (camera_key_name, window) = header.wrapped_window_key().unwrap();
    let (epoch_key_name, share) = header.wrapped_epoch_share();
    assert_eq!((camera_key_name, epoch_key_name), (&*camera_key.name, &*epoch_key.name));
    let tenant = TenantId::parse(TENANT).unwrap();
    let expected = SegmentExpectation { tenant, camera: name.camera.clone(), stream_key: None };
    open(sealed, &expected, camera_key.unwrap(window), epoch_key.unwrap(share)).unwrap()
}
