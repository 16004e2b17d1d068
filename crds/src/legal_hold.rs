//! Footage that must not be deleted yet.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CameraRef, Span, Window, span::between};

/// Keeps the footage of a window past its date, without reading it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "camerafleet.io",
    version = "v1alpha1",
    kind = "LegalHold",
    plural = "legalholds",
    shortname = "hold",
    category = "camerafleet",
    namespaced,
    status = "LegalHoldStatus",
    derive = "PartialEq",
    doc = "Keeps the footage of a window past its date, without reading it.",
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(name = "Effective", type_ = "boolean", json_path = ".status.effective"),
    printcolumn(name = "Reference", type_ = "string", json_path = ".spec.reference.name"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.expiresAt"),
    printcolumn(name = "Segments", type_ = "integer", json_path = ".status.heldSegments"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "From", type_ = "string", json_path = ".spec.window.from", priority = 1),
    printcolumn(name = "To", type_ = "string", json_path = ".spec.window.to", priority = 1),
    printcolumn(name = "Bytes", type_ = "integer", json_path = ".status.heldBytes", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.allCameras ? size(self.cameras) == 0 : size(self.cameras) > 0").message("name the cameras, or set allCameras: true for every camera of the tenant, but not both"),
    validation = Rule::new("self.cameras == oldSelf.cameras && self.allCameras == oldSelf.allCameras && self.window == oldSelf.window && self.reference == oldSelf.reference && self.duration == oldSelf.duration").message("a hold cannot change, only be renewed once (renewals): create another LegalHold")
)]
pub struct LegalHoldSpec {
    /// Whose footage is held, camera by camera; at most 256.
    #[serde(default)]
    #[schemars(length(max = 256))]
    #[x_kube(validation = Rule::new(crate::common::EACH_CAMERA_ONCE).message(crate::common::EACH_CAMERA_ONCE_MESSAGE))]
    pub cameras: Vec<CameraRef>,
    /// Every camera of the tenant, later ones included.
    #[serde(default)]
    pub all_cameras: bool,
    /// Which footage is held.
    pub window: Window,
    /// On whose word.
    pub reference: HoldReference,
    /// For how long from its creation, 1m to 2160h (90 days).
    #[x_kube(validation = between("a hold's duration", Span::minutes(1), Span::days(90), "30d"))]
    pub duration: Span,
    /// At most one, added when the duration is not enough.
    #[serde(default)]
    #[schemars(length(max = 1))]
    #[x_kube(validation = Rule::new("size(oldSelf) == 0 || self == oldSelf").message("renewals can only be added to: what stands there stays"))]
    pub renewals: Vec<Renewal>,
}

/// What a hold rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldReference {
    /// What `name` is the name of.
    pub kind: HoldReferenceKind,
    /// The LegalOrder's name, or the matter's number.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What a hold rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HoldReferenceKind {
    /// A LegalOrder of this namespace.
    LegalOrder,
    /// A matter that is kept elsewhere, as an expected claim.
    Matter,
}

/// More time for a hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Renewal {
    /// How much longer, 1m to 2160h (90 days).
    #[x_kube(validation = between("a renewal's duration", Span::minutes(1), Span::days(90), "30d"))]
    pub duration: Span,
    /// On whose word.
    pub reference: HoldReference,
}

/// What the operator knows of a hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LegalHoldStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Whether every segment of the window that still exists is held.
    #[serde(default)]
    pub effective: bool,
    /// When the hold ends, the renewal included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Segments held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_segments: Option<u64>,
    /// Their bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_bytes: Option<u64>,
    /// Segments whose epoch share was copied to the hold's key and read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrapped_segments: Option<u64>,
    /// Ready.
    #[serde(default)]
    #[schemars(schema_with = "crate::common::conditions")]
    pub conditions: Vec<Condition>,
}
