//! A person's answer to a request.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CameraRef, RequestRef, Window};

/// One person's answer to one DisclosureRequest. It binds the request's uid and digest, is used once, and may only narrow.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "camerafleet.io",
    version = "v1alpha1",
    kind = "Approval",
    plural = "approvals",
    category = "camerafleet",
    namespaced,
    status = "ApprovalStatus",
    derive = "PartialEq",
    doc = "One person's answer to one DisclosureRequest. It binds the request's uid and digest, is used once, and may only narrow.",
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(name = "Request", type_ = "string", json_path = ".spec.requestRef.name"),
    printcolumn(name = "Approver", type_ = "string", json_path = ".spec.approver"),
    printcolumn(name = "Capacity", type_ = "string", json_path = ".spec.capacity"),
    printcolumn(name = "Decision", type_ = "string", json_path = ".spec.decision"),
    printcolumn(name = "Used", type_ = "boolean", json_path = ".status.used"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Not-After", type_ = "string", json_path = ".spec.notAfter", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.decision == 'Approve' || !has(self.narrowTo)").message("narrowTo is for decision Approve: a denial denies the whole request"),
    validation = Rule::new("(self.decision == 'Approve' && self.capacity == 'Owner') || !has(self.release)").message("release is for an Owner who approves: nobody else has shares of the window's keys"),
    validation = Rule::new(IMMUTABLE).message("an approval cannot change, only be withdrawn: set withdrawn: true and create another Approval")
)]
pub struct ApprovalSpec {
    /// The request.
    pub request_ref: RequestRef,
    /// The request's `status.digest`, so that the answer is to what the approver saw.
    #[schemars(schema_with = "crate::formats::digest")]
    pub request_digest: String,
    /// Who answers: their user name at the API server; admission checks that it is theirs.
    #[schemars(length(min = 1, max = 256))]
    pub approver: String,
    /// As what.
    pub capacity: Capacity,
    /// The answer.
    pub decision: ApprovalDecision,
    /// Less than was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrow_to: Option<NarrowTo>,
    /// Until when the answer counts.
    #[schemars(schema_with = "crate::formats::utc_time")]
    pub not_after: Time,
    /// The window's keys, under custody Owners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// SSHSIG in the namespace approval.camerafleet.io over RFC 8785's form of the spec without signature and
    /// withdrawn; required when the owner's sshPublicKey is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::formats::ssh_signature")]
    pub signature: Option<String>,
    /// The approver takes it back; what was released before stays released.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self || !oldSelf").message("withdrawn cannot be taken back: create another Approval"))]
    pub withdrawn: bool,
}

/// Every field but `withdrawn`. A test changes each of them.
const IMMUTABLE: &str = "self.requestRef == oldSelf.requestRef && self.requestDigest == oldSelf.requestDigest \
    && self.approver == oldSelf.approver && self.capacity == oldSelf.capacity && self.decision == oldSelf.decision \
    && has(self.narrowTo) == has(oldSelf.narrowTo) && (!has(self.narrowTo) || self.narrowTo == oldSelf.narrowTo) \
    && self.notAfter == oldSelf.notAfter \
    && has(self.release) == has(oldSelf.release) && (!has(self.release) || self.release == oldSelf.release) \
    && has(self.signature) == has(oldSelf.signature) && (!has(self.signature) || self.signature == oldSelf.signature)";

/// As what a person answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Capacity {
    /// An owner of the footage.
    Owner,
    /// A legal reviewer.
    Reviewer,
    /// An Owner or Reviewer whom the policy names for emergencies.
    EmergencyApprover,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ApprovalDecision {
    Approve,
    Deny,
}

/// Less than was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("size(self.cameras) > 0 || has(self.window)").message("narrowTo needs cameras or a window; leave it out to approve all that was asked for"))]
pub struct NarrowTo {
    /// These cameras only. Empty: all that were asked for.
    #[serde(default)]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new(crate::common::EACH_CAMERA_ONCE).message(crate::common::EACH_CAMERA_ONCE_MESSAGE))]
    pub cameras: Vec<CameraRef>,
    /// This time only. Absent: all that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// An owner's shares of the window's keys, sealed to the request's key in Vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// What `kubectl footage approve` made, in base64; at most 256 KiB.
    #[schemars(schema_with = "bundle")]
    pub bundle: String,
    /// SHA-256 of the public key that it is sealed to.
    #[schemars(schema_with = "crate::formats::digest")]
    pub key_fingerprint: String,
}

fn bundle(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 262_144,
        "x-kubernetes-validations": [{
            "rule": "self.matches('^[A-Za-z0-9+/]+={0,2}$')",
            "message": "the bundle is base64 in one line, as kubectl footage approve writes it",
        }],
    })
}

/// What the operator knows of an approval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Whether a release used it; it is used once.
    #[serde(default)]
    pub used: bool,
    /// Ready.
    #[serde(default)]
    #[schemars(schema_with = "crate::common::conditions")]
    pub conditions: Vec<Condition>,
}
