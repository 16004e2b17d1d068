//! What the operator and the retention job say to each other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{PolicyId, TenantId},
    shard::StoreConfig,
};

/// What a job needs to know beside its RetentionPolicy, which it reads itself. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobConfig {
    /// Whose footage it is.
    pub tenant: TenantId,
    /// The policy's lasting identity.
    pub policy: PolicyId,
    /// And the object's uid: one that was made anew under the name is another one.
    pub policy_uid: String,
    /// Where the footage is.
    pub store: StoreConfig,
    /// Where its keys are.
    pub vault: VaultAccess,
    /// Where the intents are logged; without it no key is destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogAccess>,
    /// The operator has a log, whether or not it could say where: without it nothing is deleted, as it knows of holds.
    #[serde(default)]
    pub log_required: bool,
}

/// How a job reads the tenant's log. The key that it verifies under is Vault's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogAccess {
    /// The operator's bucket.
    pub store: StoreConfig,
    /// The log's name.
    pub origin: String,
}

/// How a job reaches the tenant's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultAccess {
    /// `https://vault.example.com:8200`.
    pub address: String,
    /// Vault's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// PEM certificates to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// The mount of the Kubernetes auth method.
    pub auth_mount: String,
    /// The job's role there.
    pub role: String,
    /// The tenant's Transit mount.
    pub mount: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// All that was due is done.
    Done,
    /// Some of it is left for the next run.
    Incomplete,
    /// It deleted nothing: something must be put right first.
    Refused,
}

/// A run in short: the pod's termination message, and the head of its report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// Its start.
    pub started_at: Timestamp,
    /// Its end.
    pub finished_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// One word for a condition.
    pub reason: String,
    /// A sentence and a next step: deterministic, without numbers, times and credentials.
    pub message: String,
    /// Objects deleted.
    pub deleted_objects: u64,
    /// Their bytes.
    pub deleted_bytes: u64,
    /// Keys destroyed.
    pub destroyed_keys: u64,
    /// Everything that may be due was looked at: without this, what follows is not known.
    #[serde(default)]
    pub looked: bool,
    /// Objects past their date that could not be deleted.
    pub overdue_objects: u64,
    /// Their bytes.
    pub overdue_bytes: u64,
    /// Bytes past their date that a hold keeps.
    #[serde(default)]
    pub held_bytes: u64,
    /// Epochs whose keys stay because a hold's copies of their shares are not complete.
    #[serde(default)]
    pub uncopied_epochs: u64,
    /// The bucket does not say whether it keeps old versions of objects: some of what was deleted may be left there.
    #[serde(default)]
    pub versions_unknown: bool,
    /// Objects among the policy's that no recorder wrote: never touched.
    pub foreign_objects: u64,
    /// The start of the oldest segment that is still stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_footage_time: Option<Timestamp>,
}

impl RunSummary {
    /// A run that began at `started_at` and has done nothing yet.
    pub fn started(started_at: Timestamp) -> Self {
        Self {
            started_at,
            finished_at: started_at,
            outcome: Outcome::Done,
            reason: "Done".to_owned(),
            message: "All that was due is deleted.".to_owned(),
            deleted_objects: 0,
            deleted_bytes: 0,
            destroyed_keys: 0,
            looked: false,
            overdue_objects: 0,
            overdue_bytes: 0,
            held_bytes: 0,
            uncopied_epochs: 0,
            versions_unknown: false,
            foreign_objects: 0,
            oldest_footage_time: None,
        }
    }
}
