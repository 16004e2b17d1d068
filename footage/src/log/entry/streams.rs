//! Recorder streams and their chains, and the sharing policies that segments name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{CameraId, StreamId};

/// A recorder began a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamStarted {
    /// Of which camera.
    pub camera: CameraId,
    /// The stream.
    pub stream: StreamId,
    /// Its Ed25519 public key, hex.
    pub public_key: String,
    /// The pod that holds the private half.
    pub pod_uid: String,
    /// The image that runs there, as the kubelet reports it.
    pub image_digest: String,
}

/// Where the chains of a tenant's streams stand. One entry for all whose head moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChainHeads {
    /// When they were asked.
    pub at: Timestamp,
    /// Sorted by camera and stream.
    pub heads: Vec<ChainHead>,
}

/// The last finished segment of a stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChainHead {
    /// The camera.
    pub camera: CameraId,
    /// The stream.
    pub stream: StreamId,
    /// The segment's number.
    pub sequence: u64,
    /// The segment's digest, hex.
    pub digest: String,
}

/// A stream is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamClosed {
    /// Of which camera.
    pub camera: CameraId,
    /// The stream.
    pub stream: StreamId,
    /// Its last segment, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<ChainHead>,
    /// SHA-256 (hex) of its signed close record; absent where nobody looked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_record: Option<String>,
}

/// A SharingPolicy's spec, before any segment names its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyRevision {
    /// The SharingPolicy's lasting identity.
    pub policy: String,
    /// SHA-256 (hex) of `spec`.
    pub digest: String,
    /// The spec as canonical JSON (RFC 8785).
    pub spec: String,
}

/// A SharingPolicy was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyRetired {
    /// Its lasting identity.
    pub policy: String,
}

/// Which SharingPolicy a camera has from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CameraPolicy {
    /// The camera.
    pub camera: CameraId,
    /// The SharingPolicy's lasting identity; absent: none, so that nothing of it is disclosed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}
