//! The tenant's log, in which the operator must have said that it will have a key destroyed before this job does, and
//! which knows of holds that the cluster may have lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
};

use camerafleet_crds::DestroyIntent;
use camerafleet_footage::{
    ids::HoldId,
    log::{
        Entry, LOG_KEY, Leaf, LogError, LogKey, Reader, Snapshot,
        entry::{DestroyCause, kind_name},
    },
    vault::Vault,
};
use futures::StreamExt as _;
use jiff::Timestamp;
use object_store::ObjectStore;

use super::{Job, JobError};

/// The log as it was when this was made: the intents of a run are older.
pub(super) struct Log {
    snapshot: Snapshot,
    key: LogKey,
    told: Told,
}

/// What the log says beside the intents themselves.
#[derive(Default)]
struct Told {
    holds: BTreeMap<HoldId, Logged>,
    /// The indices of intents that no longer stand.
    withdrawn: BTreeSet<u64>,
}

/// What the log says of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Logged {
    expires_at: Timestamp,
    closed: bool,
}

impl Log {
    /// Reads the published checkpoint, verifies it under the key that Vault has, and reads what it says of holds.
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
            let told = told(&snapshot).await?;
            Ok(Self { snapshot, key, told })
        };
        read.await.map_err(unproven)
    }

    /// Whether the log has the intent, by a proof that is checked here, and has not its withdrawal.
    pub async fn prove(&self, intent: &DestroyIntent) -> Result<(), JobError> {
        let index = intent.log_index.ok_or(JobError::NotIntended)?;
        let opened = self.snapshot.open(index).await.map_err(unproven)?;
        let (record, _) = opened.verify(&self.key).map_err(unproven)?;
        match record.entry {
            Entry::DestroyIntent(logged)
                if logged.key == intent.key
                    && (logged.cause == DestroyCause::Shred) == intent.shred
                    && !self.told.withdrawn.contains(&index) =>
            {
                Ok(())
            }
            _ => Err(JobError::NotIntended),
        }
    }

    /// The holds that are open by the log.
    pub fn open_holds(&self, now: Timestamp) -> impl Iterator<Item = &HoldId> {
        self.told
            .holds
            .iter()
            .filter(move |(_, hold)| !hold.closed && now < hold.expires_at)
            .map(|(id, _)| id)
    }

    /// Whether the log knows a hold, and that it is over.
    pub fn is_over(&self, hold: &HoldId, now: Timestamp) -> bool {
        self.told.holds.get(hold).is_some_and(|hold| hold.closed || hold.expires_at <= now)
    }
}

/// Only leaves are read whole, 256 in a request; payloads only of what is about holds and withdrawals. One that is
/// unreadable stops the run: it may say that footage is held.
async fn told(snapshot: &Snapshot) -> Result<Told, LogError> {
    let mut told = Told::default();
    let mut leaves = pin!(snapshot.leaves(0));
    while let Some(leaf) = leaves.next().await {
        let (index, bytes) = leaf?;
        let leaf = Leaf::decode(&bytes).ok_or(LogError::Newer(index))?;
        if !matches!(
            kind_name(leaf.kind),
            Some("HoldOpened" | "HoldRenewed" | "HoldClosed" | "DestroyWithdrawn")
        ) {
            continue;
        }
        let entry = snapshot.entry(index).await?;
        let (hold, change) = match &entry.record()?.entry {
            Entry::HoldOpened(opened) => (&opened.hold, Some(opened.expires_at)),
            Entry::HoldRenewed(renewed) => (&renewed.hold, Some(renewed.expires_at)),
            Entry::HoldClosed(closed) => (&closed.hold, None),
            Entry::DestroyWithdrawn(withdrawn) => {
                told.withdrawn.insert(withdrawn.intent);
                continue;
            }
            _ => return Err(LogError::Newer(index)),
        };
        let id = HoldId::parse(hold.as_str()).map_err(|_| LogError::Newer(index))?;
        let known = told.holds.entry(id).or_insert(Logged { expires_at: Timestamp::MIN, closed: false });
        match change {
            Some(expires_at) => known.expires_at = known.expires_at.max(expires_at),
            None => known.closed = true,
        }
    }
    Ok(told)
}

fn unproven(error: LogError) -> JobError {
    match error {
        // The index is one that another log may have.
        LogError::NoSuchEntry { .. } => JobError::NotIntended,
        error => JobError::Log(Box::new(error)),
    }
}
