//! A tenant with a camera's footage, its log, and a request that an owner has approved.

mod footage;
mod log;
mod recipient;
mod request;
mod run;

use std::fs;

use camerafleet_footage::{
    ids::{CameraId, TenantId},
    layout::{Epoch, SegmentName},
    log::Entry,
    package::MANIFEST_KEY,
    seal::WindowCustody,
    vault::Vault,
};
use camerafleet_testkit::S3;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub use self::{log::*, recipient::*, request::*, run::*};
use crate::bao::Bao;

pub const MOUNT: &str = "camerafleet/elm-street";
pub const NAMESPACE: &str = "elm-street";
pub const ORIGIN: &str = "camerafleet.io/c-1/t-1";
pub const PREFIX: &str = "elm";
pub const REQUEST: &str = "00000500-0000-4000-8000-000000000000";
pub const POLICY: &str = "sp-1";

/// When recording began.
pub fn noon() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

pub fn after(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

/// What the job's clock says.
pub fn now() -> Timestamp {
    after(3 * 3_600)
}

pub fn tenant() -> TenantId {
    TenantId::parse("t-1").unwrap()
}

pub fn camera() -> CameraId {
    CameraId::parse("c-1").unwrap()
}

pub struct Stage {
    pub s3: S3,
    pub bao: Bao,
    pub root: Vault,
    pub api: Fake,
    pub identity: age::x25519::Identity,
    pub intent: u64,
    asked: i64,
    pub segments: Vec<SegmentName>,
    pub epoch: Epoch,
    started: Option<Entry>,
}

/// What is out of the ordinary.
pub struct Script {
    pub policy: Value,
    pub form: &'static str,
    /// The window, in seconds since noon.
    pub window: (i64, i64),
    pub window_custody: Option<WindowCustody>,
    /// The policy that headers name.
    pub sealed_under: Option<[u8; 32]>,
    /// Whether an owner has approved, and it was logged.
    pub approved: bool,
    /// How many segments there are, and their length in seconds.
    pub segments: (i64, i64),
    pub film: Vec<u8>,
    /// When the request was made, in seconds since noon.
    pub asked: i64,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            policy: policy(),
            form: "Clip",
            window: (1, 11),
            window_custody: None,
            sealed_under: None,
            approved: true,
            segments: (3, 4),
            film: footage::film().to_vec(),
            asked: 3_600,
        }
    }
}

impl Stage {
    pub async fn new(script: &Script) -> Self {
        let (s3, bao) = (S3::start(&["footage", "log"], &[]), Bao::start().await);
        let root = bao.root();
        root.ensure_transit_mount(MOUNT).await.unwrap();
        root.create_signing_key(MOUNT, MANIFEST_KEY).await.unwrap();
        let identity = age::x25519::Identity::generate();
        let epoch = Epoch::containing(noon(), 86_400);
        let api = Fake::default();
        let mut stage = Self {
            s3,
            bao,
            root,
            api,
            identity,
            intent: 0,
            asked: script.asked,
            segments: Vec::new(),
            epoch,
            started: None,
        };
        stage.record(script).await;
        stage.begin(script).await;
        stage
    }

    /// A log from the beginning, up to the Intent.
    pub async fn begin(&mut self, script: &Script) {
        let log = self.s3.folder("log");
        fs::remove_dir_all(&log).unwrap();
        fs::create_dir(log).unwrap();
        let started = self.started.clone().unwrap();
        self.log(vec![
            ("camera-policy/c-1", after(-3600), self.camera_policy()),
            ("policy-revision/sp-1/1", after(-3600), revision(&script.policy)),
            ("stream-started/1", after(0), started),
        ])
        .await;
        self.submit(script).await;
    }
}
