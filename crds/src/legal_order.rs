//! What a court or another authority ordered.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CameraRef, RequestRef, Window};

/// What an authority ordered, signed by it. Whether it is lawful is a reviewer's attestation; form, signature, scope and time are checked.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "camerafleet.io",
    version = "v1alpha1",
    kind = "LegalOrder",
    plural = "legalorders",
    category = "camerafleet",
    namespaced,
    status = "LegalOrderStatus",
    derive = "PartialEq",
    doc = "What an authority ordered, signed by it. Whether it is lawful is a reviewer's attestation; form, signature, scope and time are checked.",
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.kind"),
    printcolumn(name = "Authority", type_ = "string", json_path = ".spec.authority"),
    printcolumn(name = "Docket", type_ = "string", json_path = ".spec.docket"),
    printcolumn(name = "Verified", type_ = "boolean", json_path = ".status.verified"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".spec.expiresAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Request", type_ = "string", json_path = ".spec.requestRef.name", priority = 1),
    printcolumn(name = "Hold", type_ = "string", json_path = ".status.hold", priority = 1),
    validation = Rule::new("size(self.metadata.name) <= 63").message("a LegalOrder's name must be at most 63 characters: its hold is named after it")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self == oldSelf").message("an order cannot change: its signature covers it. Create another LegalOrder"),
    validation = Rule::new("self.issuedAt < self.expiresAt").message("issuedAt must be before expiresAt"),
    validation = Rule::new("!has(self.nondisclosureUntil) || self.issuedAt < self.nondisclosureUntil").message("nondisclosureUntil must be after issuedAt; leave it out if owners may be told at once"),
    validation = Rule::new("self.kind != 'PreservationOrder' || !has(self.requestRef)").message("a PreservationOrder releases nothing: it keeps footage until a request has an order of its own; leave requestRef out")
)]
pub struct LegalOrderSpec {
    /// What it is.
    pub kind: LegalOrderKind,
    /// Who issued it: a name in the SharingPolicy's trustedAuthorities.
    #[schemars(length(min = 1, max = 63))]
    pub authority: String,
    /// The court, as the document names it.
    #[schemars(length(min = 1, max = 256))]
    pub court: String,
    /// The docket number.
    #[schemars(length(min = 1, max = 128))]
    pub docket: String,
    /// When it was issued.
    #[schemars(schema_with = "crate::formats::utc_time")]
    pub issued_at: Time,
    /// Until when it can be used.
    #[schemars(schema_with = "crate::formats::utc_time")]
    pub expires_at: Time,
    /// The request that it is for; the order that follows an Emergency names its request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_ref: Option<RequestRef>,
    /// What it covers. A request must lie inside.
    pub scope: OrderScope,
    /// The digest of the document itself, which stays outside.
    #[schemars(schema_with = "crate::formats::digest")]
    pub document_digest: String,
    /// Until when owners are not told. Absent: they are told at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::formats::utc_time")]
    pub nondisclosure_until: Option<Time>,
    /// SSHSIG in the namespace order.camerafleet.io over RFC 8785's form of the spec without signature.
    #[schemars(schema_with = "crate::formats::ssh_signature")]
    pub signature: String,
}

/// What an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LegalOrderKind {
    /// Footage is to be released.
    Warrant,
    /// Footage is to be released.
    CourtOrder,
    /// Footage is to be released, in danger to life.
    EmergencyWarrant,
    /// Footage is to be kept; it releases nothing.
    PreservationOrder,
}

/// What an order covers, so that it can be replayed neither elsewhere nor on a camera made again under the name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct OrderScope {
    /// The tenant's id: the annotation `camerafleet.io/id` of the Tenant.
    #[schemars(schema_with = "crate::formats::id")]
    pub tenant: String,
    /// Whose footage, camera by camera; at most 256.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new(crate::common::EACH_CAMERA_ONCE).message(crate::common::EACH_CAMERA_ONCE_MESSAGE))]
    pub cameras: Vec<CameraRef>,
    /// Which footage.
    pub window: Window,
    /// Whether sound is covered.
    #[serde(default)]
    pub audio: bool,
}

/// What the operator knows of an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LegalOrderStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Whether its signature is the authority's.
    #[serde(default)]
    pub verified: bool,
    /// The LegalHold that a PreservationOrder made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Ready.
    #[serde(default)]
    #[schemars(schema_with = "crate::common::conditions")]
    pub conditions: Vec<Condition>,
}
