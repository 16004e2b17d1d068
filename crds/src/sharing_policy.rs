//! Who may see footage, and on what ground.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LocalRef, Span, span::between};

/// Who owns footage, and on what ground it may be released. What is not listed is denied.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "camerafleet.io",
    version = "v1alpha1",
    kind = "SharingPolicy",
    plural = "sharingpolicies",
    shortname = "sharepol",
    category = "camerafleet",
    namespaced,
    status = "SharingPolicyStatus",
    derive = "PartialEq",
    doc = "Who owns footage, and on what ground it may be released. What is not listed is denied.",
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(name = "Custody", type_ = "string", json_path = ".spec.custody"),
    printcolumn(name = "Threshold", type_ = "integer", json_path = ".spec.consentThreshold", priority = 1),
    printcolumn(name = "Digest", type_ = "string", json_path = ".status.digest", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.consentThreshold) || self.consentThreshold <= size(self.owners)").message("consentThreshold must not be above the number of owners"),
    validation = Rule::new("self.owners.all(o, self.owners.exists_one(p, p.user == o.user))").message("each owner must be another user: one person must not count twice towards the threshold"),
    validation = Rule::new("self.notify.all(n, self.owners.exists(o, o.name == n.owner))").message("notify.owner must be the name of one of the owners"),
    validation = Rule::new("self.custody != 'Owners' || self.owners.all(o, has(o.ageRecipient))").message("custody Owners needs an ageRecipient for every owner: kubectl footage keygen makes one"),
    validation = Rule::new("self.custody != 'Owners' || self.owners.all(o, !has(o.ageRecipient) || self.owners.exists_one(p, has(p.ageRecipient) && p.ageRecipient == o.ageRecipient))").message("under custody Owners each owner must have an ageRecipient of their own: one key must not count twice towards the threshold")
)]
pub struct SharingPolicySpec {
    /// Whose footage this is; at most 16, each with a name of its own.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub owners: Vec<Owner>,
    /// How many owners must agree. Absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16))]
    pub consent_threshold: Option<u32>,
    /// Whose keys open the footage.
    #[serde(default)]
    pub custody: Custody,
    /// The grounds on which footage may be released; a ground that is not listed is denied.
    #[serde(default)]
    pub bases: Bases,
    /// Whose signature makes a legal order; at most 32, each with a name of its own.
    #[serde(default)]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub trusted_authorities: Vec<Authority>,
    /// Where owners are told; at most 32.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub notify: Vec<Notify>,
}

/// An owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = crate::formats::is_age_recipient("ageRecipient"),
    validation = crate::formats::is_ssh_public_key("sshPublicKey")
)]
pub struct Owner {
    /// What the policy calls them.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Their user name at the API server.
    #[schemars(length(min = 1, max = 256))]
    pub user: String,
    /// Their age recipient; required under custody Owners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::formats::age_recipient")]
    pub age_recipient: Option<String>,
    /// Their SSH key; where it is set, their approvals must be signed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::formats::ssh_public_key")]
    pub ssh_public_key: Option<String>,
}

/// Whose keys open the footage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Custody {
    /// Vault's.
    #[default]
    Vault,
    /// A threshold of the owners'; without them not even Vault's administrator can read.
    Owners,
}

/// The grounds on which footage may be released.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bases {
    /// The owners agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// An owner wants their own footage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_export: Option<OwnerExport>,
    /// Someone in the picture asks for what is held about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_access: Option<SubjectAccess>,
    /// A warrant or order of a court, an emergency warrant included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub court_order: Option<CourtOrder>,
    /// Danger to life before an order can be had. Absent: denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Emergency>,
}

/// Bounds on releases with consent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// The longest window, 1m to 3650d.
    #[x_kube(validation = between("maxWindow", Span::minutes(1), Span::days(3650), "12h"))]
    pub max_window: Span,
    /// The most cameras.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 16))]
    pub max_cameras: u32,
    /// Whether sound may be included.
    #[serde(default)]
    pub audio: bool,
}

fn four() -> u32 {
    4
}

fn one() -> u32 {
    1
}

fn two() -> u32 {
    2
}

/// Bounds on an owner's own export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnerExport {
    /// The longest window, 1m to 3650d.
    #[x_kube(validation = between("maxWindow", Span::minutes(1), Span::days(3650), "12h"))]
    pub max_window: Span,
}

/// Bounds on subject access.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectAccess {
    /// The longest window, 1m to 3650d.
    #[x_kube(validation = between("maxWindow", Span::minutes(1), Span::days(3650), "12h"))]
    pub max_window: Span,
    /// How many reviewers must agree.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    pub reviewers: u32,
}

/// What a legal order needs beside its signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CourtOrder {
    /// How many legal reviewers must agree.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    pub reviewers: u32,
    /// For how long an authority must have been listed before its orders count, 1s to 3650d.
    #[serde(default = "a_week")]
    #[x_kube(validation = between("minAuthorityAge", Span::seconds(1), Span::days(3650), "7d"))]
    pub min_authority_age: Span,
}

fn a_week() -> Span {
    Span::days(7)
}

/// A release before an order can be had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.threshold <= size(self.approvers)").message("emergency.threshold (2 unless you say otherwise) must not be above the number of approvers"))]
pub struct Emergency {
    /// Who decides; each person once.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["user".into()]))]
    pub approvers: Vec<UserRef>,
    /// How many of them must agree.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 16))]
    pub threshold: u32,
    /// The longest window, 1m to 3650d.
    #[x_kube(validation = between("maxWindow", Span::minutes(1), Span::days(3650), "12h"))]
    pub max_window: Span,
    /// By when the order must follow, 1m to 90d.
    #[x_kube(validation = between("followUpWithin", Span::minutes(1), Span::days(90), "48h"))]
    pub follow_up_within: Span,
}

/// A user at the API server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserRef {
    /// The user name.
    #[schemars(length(min = 1, max = 256))]
    pub user: String,
}

/// An authority whose signature makes an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::formats::is_ssh_public_key("sshPublicKey"))]
pub struct Authority {
    /// What orders call it.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Its SSH key.
    #[schemars(schema_with = "crate::formats::ssh_public_key")]
    pub ssh_public_key: String,
}

/// Where an owner is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notify {
    /// The owner's name in `owners`.
    #[schemars(length(min = 1, max = 63))]
    pub owner: String,
    /// A Secret of type `camerafleet.io/webhook` with `url` (https), `hmacKey`, and `ca.crt` where its certificate is not
    /// signed by a public authority. Messages are signed as standardwebhooks.com describes it, with the key's bytes, or
    /// with what follows `whsec_` in base64.
    pub webhook_secret_ref: LocalRef,
}

/// What the operator knows of a sharing policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SharingPolicyStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// SHA-256 of the spec in RFC 8785's form, as segments carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How many revisions there have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revisions: Option<u64>,
    /// Ready.
    #[serde(default)]
    #[schemars(schema_with = "crate::common::conditions")]
    pub conditions: Vec<Condition>,
}
