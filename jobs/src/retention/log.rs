//! The tenant's log, in which the operator must have said that it will have a key destroyed before this job does.

use std::sync::Arc;

use camerafleet_crds::DestroyIntent;
use camerafleet_footage::{
    log::{Entry, LOG_KEY, LogError, LogKey, Reader, Snapshot},
    vault::Vault,
};
use object_store::ObjectStore;

use super::{Job, JobError};

/// The log as it was when this was made: the intents of a run are older.
pub(super) struct Intents {
    snapshot: Snapshot,
    key: LogKey,
}

impl Intents {
    /// Reads the published checkpoint and verifies it under the key that Vault has.
    pub async fn read<P>(job: &Job<P>, vault: &Vault) -> Result<Self, JobError> {
        let (Some(access), Some(store)) = (&job.config.log, &job.log_store) else {
            return Err(JobError::NoLog);
        };
        let public = vault.signing_public_key(&job.config.vault.mount, LOG_KEY).await?;
        let read = async {
            let key = LogKey::new(access.origin.clone(), public)?;
            let store: Arc<dyn ObjectStore> = Arc::clone(store);
            let reader = Reader::new(store, &access.store.prefix, &job.config.tenant, key.clone());
            let snapshot = reader.at(&reader.checkpoint().await?);
            Ok(Self { snapshot, key })
        };
        read.await.map_err(unproven)
    }

    /// Whether the log has the intent, by a proof that is checked here.
    pub async fn prove(&self, intent: &DestroyIntent) -> Result<(), JobError> {
        let index = intent.log_index.ok_or(JobError::NotIntended)?;
        let opened = self.snapshot.open(index).await.map_err(unproven)?;
        let (record, _) = opened.verify(&self.key).map_err(unproven)?;
        match record.entry {
            Entry::DestroyIntent(logged) if logged.key == intent.key => Ok(()),
            _ => Err(JobError::NotIntended),
        }
    }
}

fn unproven(error: LogError) -> JobError {
    match error {
        // The index is one that another log may have.
        LogError::NoSuchEntry { .. } => JobError::NotIntended,
        error => JobError::Log(Box::new(error)),
    }
}
