//! A tenant of the fleet.

mod ingest;
mod storage;

pub use ingest::*;
pub use storage::*;

use k8s_openapi::apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Condition};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Amount, Audio};

/// A tenant: a namespace of its own with its cameras, keys, store and members, which no other tenant can reach.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "camerafleet.io",
    version = "v1alpha1",
    kind = "Tenant",
    plural = "tenants",
    shortname = "cftenant",
    category = "camerafleet",
    status = "TenantStatus",
    derive = "PartialEq",
    doc = "A tenant: a namespace of its own with its cameras, keys, store and members, which no other tenant can reach.",
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(name = "Namespace", type_ = "string", json_path = ".spec.namespace"),
    printcolumn(name = "Cameras", type_ = "integer", json_path = ".status.cameras"),
    printcolumn(name = "Recording", type_ = "integer", json_path = ".status.recording"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Shards", type_ = "integer", json_path = ".status.shards", priority = 1),
    printcolumn(
        name = "Id",
        type_ = "string",
        json_path = ".metadata.annotations.camerafleet\\.io/id",
        priority = 1
    ),
    validation = Rule::new("size(self.metadata.name) <= 63").message("a Tenant's name must be at most 63 characters: it becomes a label's value")
)]
#[serde(rename_all = "camelCase")]
pub struct TenantSpec {
    /// The tenant's namespace: created if absent, adopted only with its consent. Immutable.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("namespace is a namespace's name: lower-case letters, digits and - only, as in elm-street"),
        validation = Rule::new("self == oldSelf").message("namespace cannot change: create another Tenant"),
        validation = Rule::new("self != 'default' && !self.startsWith('kube-') && !self.startsWith('camerafleet-')").message("namespace must be the tenant's own: not default, kube-* or camerafleet-*")
    )]
    pub namespace: String,
    /// Where the footage is stored.
    pub storage: Storage,
    /// The Vault that holds the tenant's keys. Absent: the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultRef>,
    /// The recorder connects to these addresses only, redirects included; at most 64 CIDRs.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.all(n, isCIDR(n))").message("cameraNetworks are CIDRs, for instance 198.51.100.0/24, or 198.51.100.7/32 for one camera"))]
    pub camera_networks: Vec<Cidr>,
    /// Who may do what in the tenant's namespace.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub members: Vec<Member>,
    /// What Cameras that say nothing get.
    #[serde(default)]
    pub defaults: TenantDefaults,
    /// The most that the tenant may use.
    #[serde(default)]
    pub quota: TenantQuota,
    /// How its recorders run.
    #[serde(default)]
    pub ingest: Ingest,
    /// Stops recording and reconciling; retention goes on.
    #[serde(default)]
    pub suspend: bool,
    /// What becomes of the footage when the Tenant is deleted.
    #[serde(default)]
    pub deletion_policy: TenantDeletionPolicy,
}

impl Tenant {
    /// Whether it was deleted, and nothing is to be kept to its date.
    pub fn is_shredded(&self) -> bool {
        self.metadata.deletion_timestamp.is_some() && self.spec.deletion_policy == TenantDeletionPolicy::Shred
    }
}

/// A CIDR.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Cidr(#[schemars(length(max = 43))] pub String);

/// People with a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("!(self.role in ['Owner', 'Reviewer']) || self.subjects.all(s, s.kind == 'User')").message("Owner and Reviewer decide in person: name users, not groups"))]
pub struct Member {
    /// What they may do.
    pub role: Role,
    /// Who they are.
    #[schemars(length(min = 1, max = 64))]
    pub subjects: Vec<Subject>,
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Role {
    Manager,
    Owner,
    Requester,
    Reviewer,
    Auditor,
    Viewer,
}

/// A user or a group of the API server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// Which of the two.
    pub kind: SubjectKind,
    /// The name.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
}

/// A user or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum SubjectKind {
    User,
    Group,
}

/// What Cameras that say nothing get.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantDefaults {
    /// A RetentionPolicy of the tenant's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::formats::object_name")]
    pub retention_policy: Option<String>,
    /// A SharingPolicy of the tenant's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::formats::object_name")]
    pub sharing_policy: Option<String>,
    /// Whether sound is recorded.
    #[serde(default)]
    pub audio: Audio,
}

/// The most that a tenant may use. Absent: unbounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantQuota {
    /// Cameras.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub cameras: Option<u32>,
    /// Bytes stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Amount>,
    /// CPU of all recorders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantity")]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))").message("ingestCpu is an amount of Kubernetes above zero, as in 8 or 500m"))]
    pub ingest_cpu: Option<Quantity>,
    /// Memory of all recorders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantity")]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))").message("ingestMemory is an amount of Kubernetes above zero, as in 8Gi"))]
    pub ingest_memory: Option<Quantity>,
}

fn quantity(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "minLength": 1, "maxLength": 32})
}

/// What becomes of the footage when the Tenant is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TenantDeletionPolicy {
    /// Namespace, jobs and shredding stay until the last segment is due.
    #[default]
    Retain,
    /// The keys are destroyed now, unless held.
    Shred,
}

/// What the operator knows of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Cameras declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cameras: Option<u32>,
    /// Cameras recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<u32>,
    /// Bytes of footage stored, as the retention jobs counted them last, which they do once a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// Recorder shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<u32>,
    /// Ready, NamespaceReady, VaultReady, StorageReady, LogReady, AdmissionEnforced, EgressBroad; WithinStorageQuota where
    /// there is a quota.
    #[serde(default)]
    #[schemars(schema_with = "crate::common::conditions")]
    pub conditions: Vec<Condition>,
}
