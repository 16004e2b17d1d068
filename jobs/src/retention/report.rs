//! What a run found and did: in short for the pod's termination message, camera by camera for the store.

use std::collections::BTreeMap;

use camerafleet_footage::{
    ids::CameraId,
    retention::{Outcome, RunSummary, listing::Stored, report_key},
};
use jiff::Timestamp;
use object_store::{ObjectStoreExt as _, path::Path};
use serde::{Deserialize, Serialize};

use super::{Job, JobError, PolicySource};

/// The longest message, in characters: a termination message has 4096 bytes, and the rest of it takes under 1,000.
const MAX_MESSAGE: usize = 700;

/// A run's report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The run in short.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// Camera by camera, of the epochs that were visited.
    pub cameras: BTreeMap<CameraId, CameraReport>,
    /// The keys that were destroyed.
    pub destroyed: Vec<String>,
    /// The keys that the operator named and has not yet allowed to be destroyed.
    pub not_allowed: Vec<String>,
    /// Everything that went wrong.
    pub failures: Vec<String>,
}

/// What was found of a camera in the epochs that were visited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CameraReport {
    /// Objects deleted.
    pub deleted_objects: u64,
    /// Their bytes.
    pub deleted_bytes: u64,
    /// Objects that are due and could not be deleted.
    pub overdue_objects: u64,
    /// Objects that are not due.
    pub kept_objects: u64,
    /// Their bytes.
    pub kept_bytes: u64,
}

impl Report {
    /// Nothing done yet.
    pub(super) fn new(summary: RunSummary) -> Self {
        Self {
            summary,
            cameras: BTreeMap::new(),
            destroyed: Vec::new(),
            not_allowed: Vec::new(),
            failures: Vec::new(),
        }
    }

    pub(super) fn deleted(&mut self, object: &Stored, done: bool) {
        let camera = self.cameras.entry(object.name.camera.clone()).or_default();
        let summary = &mut self.summary;
        if done {
            summary.deleted_objects += 1;
            summary.deleted_bytes += object.size;
            camera.deleted_objects += 1;
            camera.deleted_bytes += object.size;
        } else {
            summary.overdue_objects += 1;
            summary.overdue_bytes += object.size;
            camera.overdue_objects += 1;
            self.oldest(object.name.start_ms);
        }
    }

    pub(super) fn kept(&mut self, camera: &CameraId, start_ms: i64, bytes: u64, objects: u64) {
        let camera = self.cameras.entry(camera.clone()).or_default();
        camera.kept_objects += objects;
        camera.kept_bytes += bytes;
        self.oldest(start_ms);
    }

    fn oldest(&mut self, start_ms: i64) {
        let start = Timestamp::from_millisecond(start_ms).ok();
        let known = self.summary.oldest_footage_time;
        self.summary.oldest_footage_time = known.into_iter().chain(start).min();
    }

    pub(super) fn destroyed(&mut self, key: &str) {
        self.summary.destroyed_keys += 1;
        self.destroyed.push(key.to_owned());
    }

    pub(super) fn not_allowed(&mut self, key: &str) {
        self.not_allowed.push(key.to_owned());
    }

    pub(super) fn left_over(&mut self) {
        if self.summary.outcome == Outcome::Done {
            self.summary.outcome = Outcome::Incomplete;
            self.summary.reason = "OutOfTime".to_owned();
            self.summary.message = "More is due than one run can delete: the next runs go on.".to_owned();
        }
    }

    /// A run that has deleted something, before or after it met a failure, did not refuse.
    pub(super) fn settle(&mut self) {
        let summary = &mut self.summary;
        if summary.outcome == Outcome::Refused && summary.deleted_objects + summary.destroyed_keys > 0 {
            summary.outcome = Outcome::Incomplete;
        }
    }

    pub(super) fn versions_unknown(&mut self) {
        self.summary.versions_unknown = true;
        if self.summary.outcome == Outcome::Done {
            self.summary.message = "All that was due is deleted; but whether the bucket keeps old versions of it could not be told: allow the retention credential s3:GetBucketVersioning.".to_owned();
        }
    }

    /// The first failure is what a condition says; all are in the report.
    pub(super) fn failed(&mut self, error: &JobError) {
        let message = error.to_string();
        tracing::error!(reason = error.reason(), message, "the run met a failure");
        if self.summary.outcome == Outcome::Done || self.failures.is_empty() {
            self.summary.outcome = error.outcome();
            self.summary.reason = error.reason().to_owned();
            self.summary.message = message.chars().take(MAX_MESSAGE).collect();
        }
        if self.failures.len() < 100 {
            self.failures.push(message);
        }
    }

    /// Whether there is something to tell: a run each minute that finds nothing writes nothing.
    pub(super) fn is_worth_keeping(&self) -> bool {
        let summary = &self.summary;
        summary.outcome == Outcome::Incomplete
            || summary.deleted_objects + summary.destroyed_keys + summary.foreign_objects > 0
    }
}

/// Puts it into the store; a run that is made again replaces its report.
pub(super) async fn put<P: PolicySource>(job: &Job<P>, report: &Report) -> Result<(), JobError> {
    let config = &job.config;
    let key = report_key(&config.store.prefix, &config.tenant, &config.policy, &job.run);
    let failed = |source| JobError::Store { doing: "take the run's report".to_owned(), source };
    let path = Path::parse(&key).map_err(|source| failed(object_store::Error::InvalidPath { source }))?;
    let body = serde_json::to_vec_pretty(report)
        .map_err(|e| JobError::Setup { what: "The report".to_owned(), why: e.to_string() })?;
    job.store.put(&path, body.into()).await.map_err(failed)?;
    Ok(())
}
