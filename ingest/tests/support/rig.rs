//! The recorder's cameras inside the test's process: no HTTP, no store, limits of the test's choosing.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use camerafleet_footage::{
    ids::{CameraId, PolicyId},
    layout::{Epoch, camera_key_name, epoch_key_name},
    shard::{CameraState, CameraStatus, SpoolConfig},
};
use camerafleet_ingest::{
    camera::{limits::Limits, retry, supervisor},
    config::{Current, Intake, Secrets},
    metrics::Metrics,
    segment::Context,
    spool::{Spool, upload},
    status::Board,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Key, spec};

/// Everything short enough for tests.
pub fn quick() -> Limits {
    Limits {
        step: Duration::from_secs(2),
        stale: Duration::from_secs(1),
        stall: Duration::from_secs(2),
        parameters: Duration::from_secs(1),
        tick: Duration::from_millis(50),
        retry: retry::Limits {
            least: Duration::from_millis(10),
            base: Duration::from_millis(20),
            cap: Duration::from_millis(200),
            ..retry::Limits::default()
        },
        ..Limits::default()
    }
}

/// Keys are slow to make: one for all cameras of a program, under the names that each should have.
fn pem() -> &'static str {
    static PEM: OnceLock<String> = OnceLock::new();
    PEM.get_or_init(|| Key::generate(String::new()).pem)
}

pub struct Rig {
    pub board: Arc<Board>,
    pub metrics: Metrics,
    pub spool: Arc<Spool>,
    pub config: Value,
    credentials: Vec<(String, Vec<u8>)>,
    intake: Intake,
    current: tokio::sync::watch::Receiver<Current>,
    context: Context,
    stop: CancellationToken,
    running: Option<tokio::task::JoinHandle<()>>,
    directory: tempfile::TempDir,
}

impl Rig {
    pub fn new(limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let metrics = Metrics::new();
        let spool = Spool::open(directory.path(), metrics.clone()).unwrap();
        spool.limit(SpoolConfig { size: 64 << 20, max_age_seconds: 3_600 });
        let board = Arc::new(Board::new("uid-1".into(), spool.clone()));
        let (intake, current) = Intake::new();
        let policy = PolicyId::parse("p1").unwrap();
        let epoch = Epoch::containing(jiff::Timestamp::now(), 86_400);
        let key = json!({"name": epoch_key_name(&policy, &epoch), "pem": pem()});
        let config = json!({
            "tenant": "t1",
            "store": {"endpoint": "http://127.0.0.1:9", "region": "eu-1", "bucket": "footage", "prefix": "elm", "pathStyle": true},
            "cameraNetworks": ["127.0.0.1/32"],
            "spool": {"size": 64 << 20, "maxAgeSeconds": 3_600},
            "cameras": {},
            "epochKeys": {"p1": [{"start": epoch.start().as_second(), "length": 86_400, "key": key}]},
        });
        let context =
            Context { spool: spool.clone(), board: board.clone(), metrics: metrics.clone(), limits };
        Self {
            board,
            metrics,
            spool,
            config,
            credentials: Vec::new(),
            intake,
            current,
            context,
            stop: CancellationToken::new(),
            running: None,
            directory,
        }
    }

    pub fn camera(&mut self, id: &str, url: &str) {
        let name = camera_key_name(&CameraId::parse(id).unwrap());
        self.config["cameras"][id] = json!({
            "name": format!("name-{id}"), "url": url, "transport": "TCP", "maxSessions": 2, "audio": false,
            "recording": {"mode": "Continuous"}, "segmentDurationMs": 2_000, "expectedBitrate": 1_000_000,
            "retentionPolicy": "p1", "window": {"custody": "Vault", "key": {"name": name, "pem": pem()}},
        });
        self.credentials.push((format!("camera.{id}.username"), spec::USER.into()));
        self.credentials.push((format!("camera.{id}.password"), spec::PASSWORD.into()));
    }

    pub fn secret(&mut self, key: &str, value: &str) {
        self.credentials.push((key.to_owned(), value.into()));
    }

    /// Brings what the spool holds into the store of the configuration, until the rig is stopped.
    pub fn upload(&self) -> tokio::task::JoinHandle<()> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        tokio::spawn(upload::run(
            self.spool.clone(),
            self.board.clone(),
            self.metrics.clone(),
            self.current.clone(),
            self.stop.clone(),
        ))
    }

    /// Takes the configuration as it now is, and begins if it has not.
    pub fn run(&mut self) {
        self.intake.secrets(Secrets::new(self.credentials.clone()));
        assert!(self.intake.config(Some(&self.config.to_string())));
        if self.running.is_none() {
            let supervised = supervisor::run(self.context.clone(), self.current.clone(), self.stop.clone());
            self.running = Some(tokio::spawn(supervised));
        }
    }

    pub async fn stop(&mut self) {
        self.stop.cancel();
        self.running.take().unwrap().await.unwrap();
    }

    pub fn status(&self, id: &str) -> Option<CameraStatus> {
        self.board.answer().shard.cameras.remove(&CameraId::parse(id).unwrap())
    }

    pub async fn until_state(&self, id: &str, want: CameraState, patience: Duration) -> CameraStatus {
        let deadline = Instant::now() + patience;
        loop {
            let status = self.status(id);
            match status {
                Some(status) if status.state == want => return status,
                status if Instant::now() > deadline => panic!("{id} is not {want:?} but {status:?}"),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Waits until a metric of a camera has a value over `least`; gives it.
    pub async fn until_counted(&self, line: &str, least: f64, patience: Duration) -> f64 {
        let deadline = Instant::now() + patience;
        loop {
            let value = self.counted(line);
            if value > least {
                return value;
            }
            assert!(Instant::now() < deadline, "{line} is {value}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The sum over the lines that begin so.
    pub fn counted(&self, begin: &str) -> f64 {
        let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        self.text().lines().filter(|line| line.starts_with(begin)).filter_map(value).sum()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.metrics.render().unwrap()).unwrap()
    }
}

/// Resident memory of this process, bytes.
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
}
