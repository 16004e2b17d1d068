//! For how long footage is kept.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Amount, Span,
    span::{at_most, between},
};

/// For how long footage is kept, and how soon after that it can no longer be read from any copy.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "camerafleet.io",
    version = "v1alpha1",
    kind = "RetentionPolicy",
    plural = "retentionpolicies",
    shortname = "retpol",
    category = "camerafleet",
    namespaced,
    status = "RetentionPolicyStatus",
    derive = "PartialEq",
    doc = "For how long footage is kept, and how soon after that it can no longer be read from any copy.",
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(name = "Keep-For", type_ = "string", json_path = ".spec.keepFor"),
    printcolumn(name = "Key-Epoch", type_ = "string", json_path = ".spec.keyEpoch"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Oldest", type_ = "date", json_path = ".status.oldestFootageTime", priority = 1),
    printcolumn(name = "Overdue", type_ = "integer", json_path = ".status.overdueObjects", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = at_most("keyEpoch", "keepFor", "keyEpoch must not be longer than keepFor: write a keyEpoch of at most keepFor, for instance keepFor: 30d with keyEpoch: 24h")
)]
pub struct RetentionPolicySpec {
    /// The least time a segment is kept, and the most that it can be read after its end (plus keyEpoch). 1m to 10y (3650d).
    #[x_kube(validation = between("keepFor", Span::minutes(1), Span::days(3650), "30d"))]
    pub keep_for: Span,
    /// At most so much of each camera; the older end goes first, its key at its date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes_per_camera: Option<Amount>,
    /// How much footage shares one key, and so how exactly it is shredded. 1m to 24h. Immutable.
    #[serde(default = "default_epoch")]
    #[x_kube(
        validation = between("keyEpoch", Span::minutes(1), Span::days(1), "1h"),
        validation = Rule::new("self == oldSelf").message("keyEpoch cannot change: it is part of the names of keys and objects. Create another RetentionPolicy and refer to it")
    )]
    pub key_epoch: Span,
    /// When the retention job runs, as a CronJob's schedule, in UTC.
    #[serde(default = "default_schedule")]
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(validation = Rule::new("self.matches('^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[0-9A-Za-z*/,?-]+( [0-9A-Za-z*/,?-]+){4})$')").message("schedule is that of a CronJob: minute, hour, day of the month, month, day of the week, as in 17 * * * *"))]
    pub schedule: String,
    /// How long backups of Vault live, at most 3650d: what is destroyed can be read from them until then.
    #[serde(default = "default_snapshot_ttl", rename = "snapshotTTL")]
    #[x_kube(validation = between("snapshotTTL", Span::seconds(1), Span::days(3650), "7d"))]
    pub snapshot_ttl: Span,
}

fn default_epoch() -> Span {
    Span::hours(24)
}

fn default_schedule() -> String {
    "17 * * * *".to_owned()
}

fn default_snapshot_ttl() -> Span {
    Span::days(7)
}

/// What the operator knows of a retention policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionPolicyStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The last run of the retention job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<RetentionRun>,
    /// The end of the last run that did all that was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_time: Option<Time>,
    /// When it runs next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run_time: Option<Time>,
    /// The start of the oldest segment still stored.
    // Written also when empty, as null: in a merge patch, what is left out stays.
    #[serde(default)]
    pub oldest_footage_time: Option<Time>,
    /// Objects past their date that are still stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue_objects: Option<u64>,
    /// Their bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue_bytes: Option<u64>,
    /// Bytes kept past their date by a hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_bytes: Option<u64>,
    /// All keys of epochs that ended before are destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_destroyed_until: Option<Time>,
    /// And from when on not even an old backup of Vault can read them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shred_effective_until: Option<Time>,
    /// The Tenant is deleted with `deletionPolicy: Shred`: of a deleted policy, nothing is kept to its date but what is held.
    #[serde(default)]
    pub shred: bool,
    /// The keys that the operator found due and the retention job is to destroy, oldest first. A key is destroyed
    /// only while it is named here and the job finds it due by itself.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub destroy_intents: Vec<DestroyIntent>,
    /// Ready, RunSucceeded, OnTime, KeyDestroyed; NoOrphans on one of a tenant's policies.
    #[serde(default)]
    #[schemars(schema_with = "crate::common::conditions")]
    pub conditions: Vec<Condition>,
}

/// A key that is to be destroyed: an epoch's, or a camera's of which nothing is left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DestroyIntent {
    /// Its name in the tenant's Transit mount.
    #[schemars(length(max = 256))]
    pub key: String,
    /// The end of its epoch; none for a camera's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch_end: Option<Time>,
    /// When the operator found it due.
    pub intended_at: Time,
    /// The index of its entry in the tenant's log. The job destroys nothing that it does not find there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_index: Option<u64>,
    /// Whether Vault was told to let it be deleted, which is done after the intent stands here and in the log.
    #[serde(default)]
    pub allowed: bool,
    /// Whether it goes by `deletionPolicy: Shred`, before the date of what was sealed with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shred: bool,
}

/// A run of the retention job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionRun {
    /// Its start.
    pub started_at: Time,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Objects it deleted.
    pub deleted_objects: u64,
    /// Their bytes.
    pub deleted_bytes: u64,
    /// Keys it destroyed.
    pub destroyed_keys: u64,
}
