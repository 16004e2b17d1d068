//! What the tenant's log says, read and proven here.

use std::sync::Arc;

use camerafleet_footage::{
    disclosure::History,
    log::{Entry, InclusionProof, LOG_KEY, Leaf, LogError, LogKey, Reader, Snapshot, entry},
    vault::Vault,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use object_store::ObjectStore;

use super::{Job, JobError, Objects};

/// Entries that are read at a time.
const CONCURRENCY: usize = 8;

/// What the log says of the request, as of one checkpoint.
pub(super) struct Told {
    pub history: History,
    /// That the Intent is in it.
    pub proof: InclusionProof,
    pub intent: entry::Intent,
    /// The log's verifier key.
    pub vkey: String,
}

/// Reads it under the key that Vault has.
pub(super) async fn read<O: Objects>(job: &Job<O>, vault: &Vault) -> Result<Told, JobError> {
    let config = &job.config;
    let public = vault.signing_public_key(&config.vault.mount, LOG_KEY).await?;
    let key = LogKey::new(config.log.origin.clone(), public)?;
    let store: Arc<dyn ObjectStore> = Arc::clone(&job.log_store);
    let reader = Reader::new(store, &config.log.store.prefix, &config.tenant, key.clone());
    let snapshot = reader.at(&reader.checkpoint().await?);
    let missing = |error| match error {
        // The index is one that another log may have.
        LogError::NoSuchEntry { .. } => JobError::NotIntended,
        error => error.into(),
    };
    let opened = snapshot.open(config.intent).await.map_err(missing)?;
    let (record, _) = opened.verify(&key)?;
    let intent = match record.entry {
        Entry::Intent(intent) if intent.request == config.request_uid.as_str() => intent,
        _ => return Err(JobError::NotIntended),
    };
    let history = history(job, &snapshot, (intent.from, intent.to)).await?;
    Ok(Told { history, proof: opened.proof, intent, vkey: key.vkey() })
}

async fn history<O: Objects>(
    job: &Job<O>,
    snapshot: &Snapshot,
    window: (Timestamp, Timestamp),
) -> Result<History, JobError> {
    let request = &job.config.request_uid;
    let index = snapshot.find(&History::request_id(request), 0).await?.ok_or(JobError::NotIntended)?;
    let mut history = History::of(request.clone(), index);
    let mut wanted = Vec::new();
    let mut leaves = std::pin::pin!(snapshot.leaves(0));
    while let Some((index, leaf)) = leaves.try_next().await? {
        let leaf = Leaf::decode(&leaf).ok_or(LogError::Newer(index))?;
        if history.wants(index, &leaf, window) {
            wanted.push(index);
        }
    }
    let mut entries = stream::iter(wanted).map(|index| snapshot.entry(index)).buffered(CONCURRENCY);
    while let Some(entry) = entries.try_next().await? {
        // An entry that was erased or that a newer release wrote may be the one that forbids it.
        history.take(entry.index, entry.record()?);
    }
    Ok(history)
}
