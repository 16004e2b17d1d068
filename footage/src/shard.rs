//! What the operator and an ingest pod say to each other: the shard's configuration (a ConfigMap and a
//! Secret that the pod watches by name) and the pod's answer on its status endpoint.
//!
//! Recording needs no secret but the cameras' passwords and a credential that can only add objects: the
//! configuration holds public keys only.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{CameraId, PolicyId, StreamId, TenantId};
use crate::seal::{InvalidOwners, OwnersCustody};

/// The ConfigMap's and the Secret's name is the shard's; this is the ConfigMap's key.
pub const CONFIG_KEY: &str = "shard.json";
/// The Secret's keys for the store. A camera's are [`username_key`] and [`password_key`].
pub const STORE_ACCESS_KEY_ID: &str = "store.accessKeyId";
/// See [`STORE_ACCESS_KEY_ID`].
pub const STORE_SECRET_ACCESS_KEY: &str = "store.secretAccessKey";
/// The most epoch keys that one camera's [`CameraStatus::pending_epochs`] names.
pub const MAX_PENDING_EPOCHS: usize = 64;
/// The port of the status, metrics and probe endpoints.
pub const STATUS_PORT: u16 = 8080;

/// The Secret's key for a camera's user name.
pub fn username_key(camera: &CameraId) -> String {
    format!("camera.{camera}.username")
}

/// The Secret's key for a camera's password.
pub fn password_key(camera: &CameraId) -> String {
    format!("camera.{camera}.password")
}

/// One shard's work. Unknown fields are ignored, so that an older pod survives a newer operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardConfig {
    /// Whose cameras these are.
    pub tenant: TenantId,
    /// Where the footage goes.
    pub store: StoreConfig,
    /// The recorder connects to these addresses only (CIDRs), redirects included.
    pub camera_networks: Vec<ipnet::IpNet>,
    /// The bound on what waits on disk for the store.
    pub spool: SpoolConfig,
    /// The cameras, by id.
    pub cameras: BTreeMap<CameraId, CameraConfig>,
    /// For each retention policy in use: the public epoch keys that exist, oldest first.
    pub epoch_keys: BTreeMap<PolicyId, Vec<EpochKeyConfig>>,
}

/// An S3 bucket and the folder in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreConfig {
    /// `https://s3.example.com`; plain `http` is accepted for stores inside the cluster.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// The folder below which the tenant's id follows.
    pub prefix: String,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`.
    pub path_style: bool,
    /// PEM certificates to trust beside the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
}

/// The spool's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpoolConfig {
    /// Bytes.
    pub size: u64,
    /// Seconds after which a segment that could not be stored is given up.
    pub max_age_seconds: u64,
}

/// One camera to record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CameraConfig {
    /// The object's name, for logs and people; the id decides.
    pub name: String,
    /// `rtsp://…`, without user and password.
    pub url: String,
    /// How RTP travels.
    pub transport: Transport,
    /// 1: the old pod of a roll-over must let go before the new one connects.
    pub max_sessions: u32,
    /// Whether sound is recorded. If not, its track is never set up.
    pub audio: bool,
    /// When to record.
    pub recording: Recording,
    /// The length of a segment; it is cut at the next random access point.
    pub segment_duration_ms: u64,
    /// Bits per second, the weight in placement.
    pub expected_bitrate: u64,
    /// Under which policy the footage expires.
    pub retention_policy: PolicyId,
    /// SHA-256 of the SharingPolicy in force, hex; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing_policy_digest: Option<String>,
    /// Who keeps its window keys.
    pub window: WindowConfig,
}

impl CameraConfig {
    /// The camera's Transit key; none where the owners keep the window keys.
    pub fn camera_key(&self) -> Option<&PublicKeyConfig> {
        match &self.window {
            WindowConfig::Vault { key } => Some(key),
            WindowConfig::Owners(_) => None,
        }
    }
}

/// Who keeps a camera's window keys. A pod that does not know the custody takes no configuration with it: it must not
/// fall back to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "custody", deny_unknown_fields)]
pub enum WindowConfig {
    /// They are wrapped to the camera's Transit key.
    Vault {
        /// The key.
        key: PublicKeyConfig,
    },
    /// They are split among the owners.
    Owners(OwnersConfig),
}

/// The owners who keep a camera's window keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnersConfig {
    /// How many of them it takes.
    pub threshold: u32,
    /// Their age recipients, in the SharingPolicy's order.
    pub recipients: Vec<String>,
}

impl OwnersConfig {
    /// What a recorder seals with.
    ///
    /// # Errors
    /// Where they cannot keep a key.
    pub fn custody(&self) -> Result<OwnersCustody, InvalidOwners> {
        let threshold = usize::try_from(self.threshold).unwrap_or(usize::MAX);
        OwnersCustody::new(threshold, self.recipients.iter().map(String::as_str))
    }
}

/// How RTP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Transport {
    #[serde(rename = "TCP")]
    Tcp,
    #[serde(rename = "UDP")]
    Udp,
}

/// When to record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode")]
pub enum Recording {
    /// Always.
    Continuous,
    /// Within the windows.
    Schedule {
        /// The windows; one that ends before it starts runs past midnight.
        windows: Vec<ScheduleWindow>,
    },
    /// Never.
    Off,
}

/// A window on some days of the week, in a time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleWindow {
    /// `Mon` to `Sun`; the day on which the window starts.
    pub days: Vec<String>,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`; up to `24:00`.
    pub to: String,
    /// An IANA name.
    pub time_zone: String,
}

/// A Transit key's public half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicKeyConfig {
    /// The key's name in the tenant's Transit mount.
    pub name: String,
    /// SubjectPublicKeyInfo, PEM.
    pub pem: String,
}

/// An epoch's public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochKeyConfig {
    /// Unix seconds, a multiple of `length`.
    pub start: i64,
    /// Seconds.
    pub length: u64,
    /// The key.
    pub key: PublicKeyConfig,
}

/// What an ingest pod answers on `GET /status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardStatus {
    /// The pod that answers; an answer from another pod than the one asked is discarded.
    pub pod_uid: String,
    /// SHA-256 (hex) of the `shard.json` in use; empty before the first.
    pub config_digest: String,
    /// Whether the pod is stopping and only empties its spool.
    pub draining: bool,
    /// Bytes sealed and waiting for the store.
    pub spool_bytes: u64,
    /// The cameras in use.
    pub cameras: BTreeMap<CameraId, CameraStatus>,
    /// The names of epoch keys with a segment that waits of a camera that is not among them, as of one that left while an
    /// earlier container of the pod recorded it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub other_pending_epochs: BTreeSet<String>,
}

/// One camera in a [`ShardStatus`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CameraStatus {
    /// How it is.
    pub state: CameraState,
    /// A sentence and a next step; deterministic, without numbers that change and without credentials.
    pub message: String,
    /// What the camera sends, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamInfo>,
    /// The recorder's incarnation.
    pub recorder: Recorder,
    /// Whether at least one segment reached the store since the pod started.
    pub stored: StoreState,
    /// The oldest epoch key with a segment that is open or pending. For operators of the release before
    /// [`pending_epochs`](Self::pending_epochs), and for where that is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_pending_epoch: Option<String>,
    /// The names of all epoch keys with a segment that is open or pending; absent where there are more than
    /// [`MAX_PENDING_EPOCHS`], or from a pod that does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_epochs: Option<BTreeSet<String>>,
}

/// The recorder's incarnation of a camera: what signs its segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorder {
    /// The stream's id.
    pub stream: StreamId,
    /// Its Ed25519 public key, 32 bytes, hex.
    pub public_key: String,
    /// The sequence number of the last finished segment, if any.
    pub last_sequence: Option<u64>,
    /// The last finished segment's digest, hex.
    pub head: Option<String>,
}

/// What a recorder says of one camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum CameraState {
    Connecting,
    Recording,
    ScheduledOff,
    Off,
    Unauthorized,
    Unreachable,
    Stalled,
    UnsupportedCodec,
    NoParameters,
    KeysNotReady,
    SpoolFull,
    CredentialsMissing,
    OutsideCameraNetworks,
}

/// Whether what a camera sends reaches the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state")]
pub enum StoreState {
    /// Nothing was finished yet.
    Waiting,
    /// The last upload succeeded.
    Stored,
    /// The last upload failed.
    Failing {
        /// A word for the condition, as `BucketMissing`, `AccessDenied`, `StoreUnreachable`.
        reason: String,
        /// A sentence and a next step, without credentials.
        message: String,
    },
}

/// What a camera sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamInfo {
    /// `H264`, `H265`, `MJPEG`.
    pub codec: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// `AAC`, `PCMU`, `PCMA`, or empty where no sound is recorded.
    pub audio: String,
}
