//! Someone asks for footage.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CameraRef, LocalRef, Span, Window, span::between};

/// Asks for footage of some cameras in a window. Nothing is read before the SharingPolicies in force then and now allow it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "camerafleet.io",
    version = "v1alpha1",
    kind = "DisclosureRequest",
    plural = "disclosurerequests",
    shortname = "discreq",
    category = "camerafleet",
    namespaced,
    status = "DisclosureRequestStatus",
    derive = "PartialEq",
    doc = "Asks for footage of some cameras in a window. Nothing is read before the SharingPolicies in force then and now allow it.",
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(name = "Basis", type_ = "string", json_path = ".spec.basis"),
    printcolumn(name = "Requester", type_ = "string", json_path = ".spec.requester.user"),
    printcolumn(name = "Case", type_ = "string", json_path = ".spec.caseNumber"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "From", type_ = "string", json_path = ".spec.window.from", priority = 1),
    printcolumn(name = "To", type_ = "string", json_path = ".spec.window.to", priority = 1),
    printcolumn(name = "Order", type_ = "string", json_path = ".spec.legalOrderRef.name", priority = 1),
    printcolumn(
        name = "Package-Expires",
        type_ = "string",
        json_path = ".status.package.expiresAt",
        priority = 1
    ),
    validation = Rule::new("size(self.metadata.name) <= 63").message("a DisclosureRequest's name must be at most 63 characters: its Job and its package are named after it")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.basis == 'CourtOrder' ? has(self.legalOrderRef) : !has(self.legalOrderRef)").message("give legalOrderRef with basis CourtOrder, and only then; the order that follows an Emergency names this request in its requestRef"),
    validation = Rule::new("self.basis in ['OwnerExport', 'SubjectAccess'] || (has(self.caseNumber) && has(self.purposeDigest) && has(self.requester.organisation) && has(self.requester.callback))").message("bases Consent, CourtOrder and Emergency need caseNumber, purposeDigest, requester.organisation and requester.callback: owners and reviewers decide by them"),
    validation = crate::formats::is_age_recipient("recipient"),
    validation = Rule::new(IMMUTABLE).message("a request cannot change, only be withdrawn: set withdrawn: true and create another DisclosureRequest")
)]
pub struct DisclosureRequestSpec {
    /// Who asks.
    pub requester: Requester,
    /// The requester's number for the matter. Required for bases Consent, CourtOrder and Emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub case_number: Option<String>,
    /// Whose footage, camera by camera; at most 16.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = Rule::new(crate::common::EACH_CAMERA_ONCE).message(crate::common::EACH_CAMERA_ONCE_MESSAGE))]
    pub cameras: Vec<CameraRef>,
    /// Which footage.
    pub window: Window,
    /// On what ground.
    pub basis: Basis,
    /// The LegalOrder. Required for basis CourtOrder, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_order_ref: Option<LocalRef>,
    /// The age recipient that the package is sealed to.
    #[schemars(schema_with = "crate::formats::age_recipient")]
    pub recipient: String,
    /// Whether sound is asked for.
    #[serde(default)]
    pub include_audio: bool,
    /// What the package holds.
    #[serde(default)]
    pub form: PackageForm,
    /// For how long the package can be fetched, 1m to 90d.
    #[serde(default = "a_week")]
    #[x_kube(validation = between("expiresAfter", Span::minutes(1), Span::days(90), "7d"))]
    pub expires_after: Span,
    /// The digest of the narrative and documents, which stay outside. Required for bases Consent, CourtOrder and Emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::formats::digest")]
    pub purpose_digest: Option<String>,
    /// The requester no longer wants it.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self || !oldSelf").message("withdrawn cannot be taken back: create another DisclosureRequest"))]
    pub withdrawn: bool,
}

/// Every field but `withdrawn`. A test changes each of them.
const IMMUTABLE: &str = "self.requester == oldSelf.requester \
    && has(self.caseNumber) == has(oldSelf.caseNumber) && (!has(self.caseNumber) || self.caseNumber == oldSelf.caseNumber) \
    && self.cameras == oldSelf.cameras && self.window == oldSelf.window && self.basis == oldSelf.basis \
    && has(self.legalOrderRef) == has(oldSelf.legalOrderRef) && (!has(self.legalOrderRef) || self.legalOrderRef == oldSelf.legalOrderRef) \
    && self.recipient == oldSelf.recipient && self.includeAudio == oldSelf.includeAudio && self.form == oldSelf.form \
    && self.expiresAfter == oldSelf.expiresAfter \
    && has(self.purposeDigest) == has(oldSelf.purposeDigest) && (!has(self.purposeDigest) || self.purposeDigest == oldSelf.purposeDigest)";

fn a_week() -> Span {
    Span::days(7)
}

/// Who asks for footage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requester {
    /// Their user name at the API server; admission checks that it is theirs.
    #[schemars(length(min = 1, max = 256))]
    pub user: String,
    /// For whom they ask. Required for bases Consent, CourtOrder and Emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub organisation: Option<String>,
    /// Where they can be called back, for whoever decides. Required for bases Consent, CourtOrder and Emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub callback: Option<String>,
}

/// On what ground footage is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Basis {
    /// The owners agree.
    Consent,
    /// A warrant or order, an emergency warrant included.
    CourtOrder,
    /// Danger to life before an order can be had.
    Emergency,
    /// Someone in the picture asks for what is held about them.
    SubjectAccess,
    /// An owner wants their own footage.
    OwnerExport,
}

/// What a package holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PackageForm {
    /// Clips trimmed to the window, remuxed, never transcoded.
    #[default]
    Clip,
    /// The stored segments under new headers, payloads untouched; only where every segment lies inside the window.
    Sealed,
}

/// What the operator knows of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisclosureRequestStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// SHA-256 of RFC 8785's form of {apiVersion, kind, namespace, name, uid, spec without withdrawn}; what approvals bind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What was decided, and what is still missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionStatus>,
    /// What was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageStatus>,
    /// Where the disclosure log says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogStatus>,
    /// Until when owners are not told, by the order on which the release rests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_not_before: Option<Time>,
    /// Whom it was told, and how that went; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub notices: Vec<NoticeStatus>,
    /// Basis Emergency: by when the order must follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up_by: Option<Time>,
    /// Ready, Authorized, OwnersNotified, Packaged; on basis Emergency FollowedUp.
    #[serde(default)]
    #[schemars(schema_with = "crate::common::conditions")]
    pub conditions: Vec<Condition>,
}

/// What was decided of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionStatus {
    /// The decision.
    pub verdict: DecisionVerdict,
    /// Why.
    #[serde(default)]
    pub reasons: Vec<DecisionReason>,
    /// Who must still do what.
    #[serde(default)]
    pub needs: Vec<DecisionNeed>,
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DecisionVerdict {
    /// Someone must still do something.
    Pending,
    /// Footage is released.
    Authorized,
    /// It is not.
    Denied,
}

/// Why a decision is as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionReason {
    /// The rule, in one word.
    pub rule: String,
    /// A sentence.
    pub message: String,
    /// What the requester can do instead, or empty.
    #[serde(default)]
    pub way_forward: String,
}

/// What is needed for a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionNeed {
    /// Whose turn it is.
    pub who: String,
    /// What they must do.
    pub what: String,
    /// Whether they have.
    pub satisfied: bool,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PackageStatus {
    /// Its key in the tenant's bucket. The ConfigMap `package-<name>` says how to fetch it.
    pub key: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Its bytes.
    pub bytes: u64,
    /// Segments in it.
    pub segments: u64,
    /// When it is deleted.
    pub expires_at: Time,
}

/// A message to an owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoticeStatus {
    /// The owner's name in the SharingPolicy.
    pub owner: String,
    /// What of.
    pub occasion: NoticeOccasion,
    /// Whether it arrived.
    pub state: NoticeState,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Time>,
}

/// What an owner is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum NoticeOccasion {
    /// Footage is asked for.
    Requested,
    /// It was denied.
    Denied,
    /// It was released.
    Delivered,
    /// It was granted, and nothing came of it.
    Failed,
}

/// Whether a message arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NoticeState {
    /// The webhook's server took it.
    Delivered,
    /// It is tried again.
    Retrying,
    /// It was tried often enough.
    Failed,
    /// No SharingPolicy says where this owner is told.
    NoWebhook,
}

/// A request's entries in the tenant's disclosure log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogStatus {
    /// The Intent's index: logged before any key was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<u64>,
    /// The Outcome's index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<u64>,
}
