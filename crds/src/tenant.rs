//! A tenant of the fleet.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{ResourceRequirements, Toleration},
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Condition},
};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Amount, Audio, LocalRef, Span};

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
    )
)]
#[serde(rename_all = "camelCase")]
pub struct TenantSpec {
    /// The tenant's namespace: created if absent, adopted only with its consent. Immutable.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("namespace cannot change: create another Tenant"),
        validation = Rule::new("self != 'default' && !self.startsWith('kube-') && !self.startsWith('camerafleet-')").message("namespace must be the tenant's own: not default, kube-* or camerafleet-*")
    )]
    pub namespace: String,
    /// Where the footage is stored.
    pub storage: Storage,
    /// The Vault that holds the tenant's keys. Absent: the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultRef>,
    /// The recorder connects to these addresses only, redirects included.
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

/// A CIDR.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Cidr(#[schemars(length(max = 43))] pub String);

/// Where the footage is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Storage {
    /// An S3 bucket.
    pub s3: S3,
}

/// An S3 bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.prefix) == has(oldSelf.prefix) && (!has(self.prefix) || self.prefix == oldSelf.prefix)").message("prefix cannot change: footage would no longer be found"))]
pub struct S3 {
    /// `https://s3.example.com`.
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^/@?#]+$')").message("endpoint is a scheme and a host, for instance https://s3.example.com, without path, user or password"))]
    pub endpoint: String,
    /// The region that requests are signed for.
    #[serde(default = "default_region")]
    #[schemars(length(min = 1, max = 64))]
    pub region: String,
    /// The bucket. Immutable.
    #[schemars(length(min = 3, max = 63))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("bucket cannot change: footage would no longer be found"))]
    pub bucket: String,
    /// The folder in it. Default: the tenant's name. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"))]
    pub prefix: Option<String>,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`.
    #[serde(default = "yes")]
    pub path_style: bool,
    /// A Secret in the operator's namespace with `ca.crt`, to trust beside the system's certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_secret_ref: Option<LocalRef>,
    /// Secrets in the operator's namespace with `accessKeyId` and `secretAccessKey`.
    pub credentials: StoreCredentials,
    /// How to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Egress>,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

fn yes() -> bool {
    true
}

/// A credential for each role, so that a stolen one does only what its role does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoreCredentials {
    /// PutObject under `footage/` and `streams/` only.
    pub ingest: LocalRef,
    /// List, get, delete under `footage/`, `streams/` and `holds/`; put under `holds/` and `reports/`.
    pub retention: LocalRef,
    /// List, get under `footage/`, `streams/` and `holds/`; all under `packages/`.
    pub disclosure: LocalRef,
}

/// The store's addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Egress {
    /// Pods of this tenant reach the store at these addresses only.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.all(n, isCIDR(n))").message("cidrs are CIDRs, for instance 192.0.2.0/24"))]
    pub cidrs: Vec<Cidr>,
}

/// A Vault other than the operator's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultRef {
    /// `https://vault.example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^https://[^/@?#]+$')").message("address is https:// and a host, for instance https://vault.example.com:8200"))]
    pub address: Option<String>,
    /// Vault's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub namespace: Option<String>,
    /// A Secret in the operator's namespace with `ca.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_secret_ref: Option<LocalRef>,
}

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
    #[schemars(length(min = 1, max = 253))]
    pub retention_policy: Option<String>,
    /// A SharingPolicy of the tenant's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub sharing_policy: Option<String>,
    /// Whether sound is recorded.
    #[serde(default)]
    pub audio: Audio,
}

/// The most that a tenant may use. Absent: unbounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    pub ingest_cpu: Option<Quantity>,
    /// Memory of all recorders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingest_memory: Option<Quantity>,
}

/// How a tenant's recorders run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ingest {
    /// What waits on disk for the store.
    pub spool: Spool,
    /// The most cameras of one pod.
    #[schemars(range(min = 1, max = 1000))]
    pub cameras_per_shard: u32,
    /// Cameras are local to a site: on which nodes their recorders run.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the recorders tolerate.
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,
    /// Requests and limits of a recorder.
    pub resources: ResourceRequirements,
    /// The recorders' priority class.
    #[schemars(length(max = 253))]
    pub priority_class_name: String,
    /// Secrets to pull the image with, in the tenant's namespace.
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<LocalRef>,
    /// How long a stopping recorder may take to empty its spool.
    #[schemars(range(min = 5, max = 3600))]
    pub drain_seconds: u32,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            spool: Spool::default(),
            cameras_per_shard: 100,
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            resources: ResourceRequirements::default(),
            priority_class_name: String::new(),
            image_pull_secrets: Vec::new(),
            drain_seconds: 300,
        }
    }
}

/// What waits on disk for the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Spool {
    /// The most bytes.
    pub size: Amount,
    /// The longest wait; also how long a silent recorder keeps an epoch's key alive.
    pub max_age: Span,
}

impl Default for Spool {
    fn default() -> Self {
        let size = Amount::try_from("2Gi".to_owned()).unwrap_or_else(|_| unreachable!("2Gi is an amount"));
        Self { size, max_age: Span::hours(1) }
    }
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
    /// Bytes stored, by the retention jobs' last runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// Recorder shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<u32>,
    /// Ready, NamespaceReady, VaultReady, StorageReady, AdmissionEnforced, EgressBroad.
    #[serde(default)]
    #[schemars(schema_with = "crate::common::conditions")]
    pub conditions: Vec<Condition>,
}
