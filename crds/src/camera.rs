//! A camera or doorbell.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Amount, LocalRef, Span, formats::of_field, quantity, span::between};

/// A camera or doorbell whose pictures are recorded, sealed, and kept for as long as its RetentionPolicy says.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "camerafleet.io",
    version = "v1alpha1",
    kind = "Camera",
    plural = "cameras",
    shortname = "cam",
    category = "camerafleet",
    namespaced,
    status = "CameraStatus",
    derive = "PartialEq",
    doc = "A camera or doorbell whose pictures are recorded, sealed, and kept for as long as its RetentionPolicy says.",
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(
        name = "Recording",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Recording')].status"
    ),
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.kind"),
    printcolumn(name = "Retention", type_ = "string", json_path = ".status.retentionPolicy"),
    printcolumn(name = "Sharing", type_ = "string", json_path = ".status.sharingPolicy"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Codec", type_ = "string", json_path = ".status.stream.codec", priority = 1),
    printcolumn(
        name = "Resolution",
        type_ = "string",
        json_path = ".status.stream.resolution",
        priority = 1
    ),
    printcolumn(name = "Shard", type_ = "string", json_path = ".status.shard", priority = 1),
    printcolumn(
        name = "Id",
        type_ = "string",
        json_path = ".metadata.annotations.camerafleet\\.io/id",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct CameraSpec {
    /// Where the camera is and how to read it.
    pub source: CameraSource,
    /// What it is.
    #[serde(default)]
    pub kind: CameraKind,
    /// Whether sound is recorded. Absent: the tenant's default, and that is Disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<Audio>,
    /// When to record.
    #[serde(default)]
    pub recording: Recording,
    /// Bits per second, 16k to 1G, for placing cameras and for sizing.
    #[serde(default = "default_bitrate")]
    #[x_kube(validation = quantity::between("expectedBitrate (bits per second)", ["16k", "1G"], "4M"))]
    pub expected_bitrate: Amount,
    /// The length of a stored segment, 2s to 300s.
    #[serde(default = "default_segment")]
    #[x_kube(validation = between("segmentDuration", Span::seconds(2), Span::minutes(5), "60s"))]
    pub segment_duration: Span,
    /// For how long footage is kept. Absent: the tenant's default; none at all: the camera is not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_policy_ref: Option<LocalRef>,
    /// Who may see footage. Absent: the tenant's default; none at all: recorded, never disclosed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing_policy_ref: Option<LocalRef>,
    /// What becomes of the footage when the Camera is deleted.
    #[serde(default)]
    pub deletion_policy: CameraDeletionPolicy,
}

fn default_bitrate() -> Amount {
    Amount::try_from("4M".to_owned()).unwrap_or_else(|_| unreachable!("4M is an amount"))
}

fn default_segment() -> Span {
    Span::seconds(60)
}

/// Where a camera is and how to read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = of_field("url", "self.url.matches('^rtsp://[^/?#]') && isURL(self.url)", "the url must start with rtsp:// and a host, for instance rtsp://198.51.100.7:554/stream1"),
    validation = of_field("url", "!self.url.matches('^[a-z]+://[^/?#]*@')", "the url must not hold a user or password: put them into a Secret of type camerafleet.io/camera and name it in credentialsSecretRef")
)]
pub struct CameraSource {
    /// The RTSP address, without user and password.
    #[schemars(length(min = 8, max = 2048))]
    pub url: String,
    /// A Secret of type `camerafleet.io/camera` with `username` and `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalRef>,
    /// How RTP travels.
    #[serde(default)]
    pub transport: Transport,
    /// How many sessions the camera allows. 1: hand-overs between pods have a gap, recorded as such.
    #[serde(default = "default_sessions")]
    #[schemars(range(min = 1, max = 16))]
    pub max_sessions: u32,
}

fn default_sessions() -> u32 {
    2
}

/// How RTP travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Transport {
    #[default]
    #[serde(rename = "TCP")]
    Tcp,
    #[serde(rename = "UDP")]
    Udp,
}

/// What a camera is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum CameraKind {
    #[default]
    Camera,
    Doorbell,
}

/// Whether sound is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Audio {
    #[default]
    Disabled,
    Enabled,
}

/// When to record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.mode == 'Schedule' ? size(self.schedule) > 0 : size(self.schedule) == 0").message("give schedule with mode Schedule, and only then"))]
pub struct Recording {
    /// Continuous, by schedule, or not at all.
    #[serde(default)]
    pub mode: RecordingMode,
    /// The windows of mode Schedule.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub schedule: Vec<RecordingWindow>,
}

/// Continuous, by schedule, or not at all. (Not `Off`, which YAML 1.1, and so kubectl, reads as a boolean.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum RecordingMode {
    #[default]
    Continuous,
    Schedule,
    Disabled,
}

/// A window on some days; one that ends before it starts runs past midnight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.from != self.to").message("a window's from and to must differ; for the whole day write from 00:00 to 24:00"))]
pub struct RecordingWindow {
    /// The days on which it starts.
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub days: Vec<Weekday>,
    /// `HH:MM`.
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([01][0-9]|2[0-3]):[0-5][0-9]$')").message("from is a time of day as HH:MM, from 00:00 to 23:59"))]
    pub from: String,
    /// `HH:MM`, up to `24:00`.
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$')").message("to is a time of day as HH:MM, from 00:00 to 24:00"))]
    pub to: String,
    /// An IANA time zone, as `Europe/London`.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$')").message("timeZone is a name of the IANA time zone database, as in Europe/London or UTC"))]
    pub time_zone: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Camera {
    /// Whether it was deleted, and its key is to go.
    pub fn is_shredded(&self) -> bool {
        self.metadata.deletion_timestamp.is_some() && self.spec.deletion_policy == CameraDeletionPolicy::Shred
    }
}

/// What becomes of the footage when the Camera is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CameraDeletionPolicy {
    /// The object goes at once, its footage lives to its date.
    #[default]
    Retain,
    /// The camera's key is destroyed by the next run of a retention job, and the object goes with it; while a LegalHold
    /// names the camera, both stay. With custody Owners there is no such key: as Retain.
    Shred,
}

/// What the operator knows of a camera.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CameraStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The shard that records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// The RetentionPolicy in force, the tenant's default included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_policy: Option<String>,
    /// The SharingPolicy in force, the tenant's default included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing_policy: Option<String>,
    /// What the camera sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<CameraStream>,
    /// The start of the oldest stored segment, under whatever policy, as the retention jobs found it last, which they do
    /// once a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_footage_time: Option<Time>,
    /// Bytes stored, as of then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// Ready, Recording, SourceReachable, KeysReady, Stored.
    #[serde(default)]
    #[schemars(schema_with = "crate::common::conditions")]
    pub conditions: Vec<Condition>,
}

/// What a camera sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CameraStream {
    /// `H264`, `H265`, `MJPEG`.
    pub codec: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// `1920x1080`, for the printer column.
    pub resolution: String,
    /// `AAC`, `PCMU`, `PCMA`, or empty where no sound is recorded.
    pub audio: String,
}
