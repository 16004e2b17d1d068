//! What is read of a manifest. What a newer release adds is left aside; what the manifest is, its version says.

use camerafleet_crds::PackageForm;
use camerafleet_footage::log::InclusionProof;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// See [`camerafleet_footage::package::Manifest`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub tenant: String,
    pub form: PackageForm,
    pub recipient: String,
    pub created_at: Timestamp,
    pub request: Value,
    pub authorization: Authorization,
    pub cameras: Vec<Camera>,
    pub log: Log,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    pub request: String,
    pub request_digest: String,
}

#[derive(Deserialize)]
pub struct Camera {
    pub camera: String,
    pub name: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub chain: Chain,
    pub segments: Vec<Segment>,
    pub refused: Vec<Refused>,
    pub clips: Vec<Clip>,
}

/// See [`camerafleet_footage::chain::Report`].
#[derive(Deserialize)]
pub struct Chain {
    pub verdict: String,
    pub timeline: Vec<Stretch>,
    pub findings: Vec<Finding>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stretch {
    pub from_ms: i64,
    pub to_ms: i64,
    pub state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub kind: String,
    pub time_ms: Option<(i64, i64)>,
    pub sentence: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    pub stream: String,
    pub sequence: u64,
    pub start_ms: i64,
    pub duration_ms: u64,
    pub payload: String,
    pub file: String,
    pub reheaded: Option<String>,
}

#[derive(Deserialize)]
pub struct Refused {
    pub object: String,
    pub why: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clip {
    pub file: String,
    pub camera: String,
    pub sha256: String,
    pub bytes: u64,
    pub from_ms: i64,
    pub to_ms: i64,
    pub frames: u64,
}

#[derive(Deserialize)]
pub struct Log {
    pub intent: InclusionProof,
    pub key: String,
}
