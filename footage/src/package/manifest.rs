//! What a package says of itself: canonical JSON, signed.

use camerafleet_crds::{Basis, PackageForm};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::chain::Report;
use crate::ids::{ApprovalUid, CameraId, OrderUid, RequestUid, StreamId, TenantId};

/// The manifest's format.
pub const MANIFEST_VERSION: u32 = 1;

/// All that a package is and rests on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: u32,
    /// Whose footage it is.
    pub tenant: TenantId,
    /// Which form.
    pub form: PackageForm,
    /// The age recipient.
    pub recipient: String,
    /// Whether sound was granted.
    pub audio: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// The program that made it, and its release.
    pub made_by: String,
    /// The request as it was first submitted: `{apiVersion, kind, namespace, name, uid, spec}`.
    pub request: Value,
    /// On whose word.
    pub authorization: Authorization,
    /// What was granted and what is there, camera by camera.
    pub cameras: Vec<CameraManifest>,
    /// That it was logged before any footage was opened.
    pub log: LogProof,
}

/// On whose word.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    /// The request's uid.
    pub request: RequestUid,
    /// The digest that approvals bind, `sha256:…`.
    pub request_digest: String,
    /// The basis.
    pub basis: Basis,
    /// The approvals that count, by uid.
    pub approvals: Vec<ApprovalUid>,
    /// The legal order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderUid>,
    /// The digest of the order's document, as the order gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_document: Option<String>,
    /// The digest of the order as it was submitted, `sha256:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_digest: Option<String>,
}

/// One camera.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CameraManifest {
    /// The camera's id.
    pub camera: CameraId,
    /// Its name when it was asked for.
    pub name: String,
    /// What was granted.
    pub from: Timestamp,
    /// Without this moment.
    pub to: Timestamp,
    /// Digests of the SharingPolicies that were decided on.
    pub policies: Vec<String>,
    /// Whether the footage is whole, with every gap and its reason.
    pub chain: Report,
    /// Segments of which something is in the package.
    pub segments: Vec<ReleasedSegment>,
    /// Segments that lie in the window by name and are not in the package.
    pub refused: Vec<RefusedSegment>,
    /// Clips; none in the form Sealed.
    pub clips: Vec<ClipManifest>,
}

/// A source segment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleasedSegment {
    /// Its object's name, below the tenant's folder.
    pub object: String,
    /// Its stream.
    pub stream: StreamId,
    /// Its number in the stream.
    pub sequence: u64,
    /// Its media's start, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// And length, milliseconds.
    pub duration_ms: u64,
    /// Its digest, which its successor or the stream's close record names.
    pub digest: String,
    /// SHA-256 of its payload.
    pub payload: String,
    /// The file in the package.
    pub file: String,
    /// The digest of that file, computed as a segment's, in the form Sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reheaded: Option<String>,
}

/// A segment that is not in the package.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedSegment {
    /// Its object's name.
    pub object: String,
    /// Why.
    pub why: String,
}

/// A clip.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClipManifest {
    /// In the package.
    pub file: String,
    /// The camera's id.
    pub camera: CameraId,
    /// SHA-256.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// When its first frame is shown, milliseconds since the Unix epoch: at the window's edges, a key frame inside it.
    pub from_ms: i64,
    /// When its last frame is no longer shown.
    pub to_ms: i64,
    /// Frames of picture.
    pub frames: u64,
}

/// The proof that the Intent was logged.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogProof {
    /// The Intent's inclusion proof, a C2SP tlog-proof with its checkpoint.
    pub intent: String,
    /// The log's verifier key, a C2SP vkey. Compare it with what the tenant or its auditors say.
    pub key: String,
}

impl Manifest {
    /// RFC 8785's form.
    pub fn to_json(&self) -> Vec<u8> {
        serde_jcs::to_vec(self).unwrap_or_else(|e| unreachable!("it is plain data: {e}"))
    }
}
