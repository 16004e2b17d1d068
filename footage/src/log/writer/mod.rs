//! Appending. The order is: payloads, then the head (conditional: this commits), then tiles and bundles, then the
//! published checkpoint. What a crash leaves after the head is completed from the head by whoever opens the log next;
//! what it leaves before it is not in the log.

mod edge;
mod head;
mod index;
mod load;
mod sweep;

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use object_store::{ObjectStore, UpdateVersion};

pub use self::sweep::Erasure;
use self::{
    edge::{Edge, Objects},
    head::{HEAD, Head},
    index::Index,
};
use super::{
    CheckpointSigner, Entry, LogError, LogKey, Reader, Record, SignedCheckpoint,
    bucket::{Bucket, Put, timed},
    entry::Version,
    leaf,
    payload::{self, Sealed},
    reader::CHECKPOINT,
    tree::CONCURRENCY,
};
use crate::ids::TenantId;

/// The most entries in one append.
pub const MAX_BATCH: usize = 256;

/// An entry to be appended.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Appended once; see [`Record::id`].
    pub id: String,
    /// Now.
    pub at: Timestamp,
    /// What happened.
    pub entry: Entry,
}

/// The one that appends. Two of them do no harm: one of the two gets [`LogError::Conflict`].
pub struct Writer {
    bucket: Bucket,
    reader: Reader,
    key: LogKey,
    index: Index,
    /// The newest checkpoint that was seen; older ones are refused from then on.
    seen: Option<SignedCheckpoint>,
    /// Absent after a failure whose outcome is not known: then the log is read again.
    state: Option<State>,
}

struct State {
    head: UpdateVersion,
    published: UpdateVersion,
    edge: Edge,
}

impl Writer {
    /// Opens a log, completing what a crash left. Where there is none, begins one, unless one is remembered.
    ///
    /// `remembered` is the newest checkpoint known from elsewhere than the bucket. What the log says now is proven to
    /// follow it.
    ///
    /// # Errors
    /// [`LogError::Lost`], [`LogError::Stale`], [`LogError::Forked`], [`LogError::HeadAltered`] and the others.
    pub async fn open(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        tenant: &TenantId,
        key: LogKey,
        signer: &impl CheckpointSigner,
        remembered: Option<SignedCheckpoint>,
    ) -> Result<Self, LogError> {
        let mut writer = Self {
            bucket: Bucket::new(Arc::clone(&store), prefix, tenant),
            reader: Reader::new(store, prefix, tenant, key.clone()),
            key,
            index: Index::default(),
            seen: remembered,
            state: None,
        };
        writer.load(signer).await?;
        Ok(writer)
    }

    /// The newest checkpoint: what [`Writer::open`] found and each append made. To be remembered elsewhere.
    pub fn checkpoint(&self) -> Option<&SignedCheckpoint> {
        self.seen.as_ref()
    }

    /// The index of the entry with this id, among the newest half million.
    pub fn find(&self, id: &str) -> Option<u64> {
        self.index.get(&leaf::tag(id))
    }

    /// For reading what is written.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Appends what is not in the log yet, at most [`MAX_BATCH`] entries. Returns each entry's index. When this
    /// returns, the entries are committed, published and provable. After an error they may be committed: the same ids
    /// again give the same entries, never second ones. What was first logged under an id stands.
    ///
    /// # Errors
    /// [`LogError::Conflict`]: another writer was first, and nothing of this is in the log.
    pub async fn append(
        &mut self,
        signer: &impl CheckpointSigner,
        batch: &[NewEntry],
    ) -> Result<Vec<u64>, LogError> {
        if batch.len() > MAX_BATCH {
            return Err(LogError::TooLarge(format!(
                "{} entries are more than {MAX_BATCH}: append in parts",
                batch.len()
            )));
        }
        if self.state.is_none() {
            self.load(signer).await?;
        }
        let mut fresh: Vec<(&NewEntry, [u8; 16])> = Vec::new();
        for new in batch {
            let tag = leaf::tag(&new.id);
            if self.index.get(&tag).is_none() && fresh.iter().all(|(_, other)| *other != tag) {
                fresh.push((new, tag));
            }
        }
        if !fresh.is_empty() {
            let records = fresh.iter().map(|(new, _)| Record {
                version: Version::V1,
                id: new.id.clone(),
                at: new.at,
                entry: new.entry.clone(),
            });
            let sealed = records
                .map(|record| payload::seal(self.key.origin(), &record))
                .collect::<Result<Vec<_>, _>>()?;
            self.commit(signer, sealed).await?;
        }
        let found = |new: &NewEntry| self.find(&new.id).ok_or(LogError::HeadAltered);
        batch.iter().map(found).collect()
    }

    async fn commit(&mut self, signer: &impl CheckpointSigner, sealed: Vec<Sealed>) -> Result<(), LogError> {
        let Some(state) = self.state.take() else { return Err(LogError::Conflict) };
        let mut edge = state.edge.clone();
        let (start, leaves) = (edge.size(), sealed.iter().map(|s| s.leaf.encode()).collect::<Vec<_>>());
        let payloads: Objects = (start..)
            .zip(&sealed)
            .flat_map(|(index, s)| {
                let (object, key) = payload::names(index, &s.leaf);
                [(object, Bytes::from(s.payload.clone())), (key, Bytes::from(s.secret.encode()))]
            })
            .collect();
        let names: Vec<_> = payloads.iter().map(|(name, _)| name.clone()).collect();
        let objects = edge.extend(&leaves);
        // Before anything is written: while Vault is away, nothing is left behind.
        let checkpoint = self.key.sign(signer, edge.size(), edge.root()).await?;
        if let Err(error) = self.create_all(payloads).await {
            self.drop_payloads(&names).await;
            return Err(error);
        }
        let head = Head::encode(&checkpoint, &leaves);
        let head = match self.bucket.replace(HEAD, head, &state.head).await {
            Ok(Put::Done(version)) => version,
            Ok(Put::Lost) => {
                // The client repeats what was answered by an error. The first of the two may have been committed, and
                // another writer gone on from there: then these payloads are the log's.
                self.load(signer).await?;
                if let (Some(seen), Some(ours)) = (&self.seen, leaves.first())
                    && seen.size() > start
                    && self.reader.at(seen).leaf(start).await? == ours[..]
                {
                    return Ok(());
                }
                self.drop_payloads(&names).await;
                return Err(LogError::Conflict);
            }
            // Perhaps it is committed.
            Err(error) => return Err(error),
        };
        // From here on it is committed, whatever happens.
        let published = self.publish(objects, &checkpoint, Some(&state.published)).await?;
        self.seen = Some(checkpoint);
        let Some(published) = published else {
            // Another writer has completed it, and gone on.
            return self.load(signer).await;
        };
        for (index, leaf) in (start..).zip(&sealed) {
            self.index.add(index, Some(leaf.leaf.tag));
        }
        self.state = Some(State { head, published, edge });
        Ok(())
    }

    /// Writes what follows from a committed head. `None`: the published checkpoint is not the one that was read.
    async fn publish(
        &self,
        objects: Objects,
        checkpoint: &SignedCheckpoint,
        published: Option<&UpdateVersion>,
    ) -> Result<Option<UpdateVersion>, LogError> {
        let full: Vec<_> =
            objects.iter().map(|(name, _)| name.clone()).filter(|name| !name.contains(".p/")).collect();
        self.create_all(objects).await?;
        let note = Bytes::from(checkpoint.note().to_owned());
        let put = match published {
            Some(version) => self.bucket.replace(CHECKPOINT, note, version).await?,
            None => self.bucket.create(CHECKPOINT, note).await?,
        };
        let Put::Done(version) = put else { return Ok(None) };
        for name in full {
            self.drop_partial(&name).await;
        }
        Ok(Some(version))
    }

    /// Every one of them is the only content that its name can have: one that is there and differs was altered.
    async fn create_all(&self, objects: Objects) -> Result<(), LogError> {
        stream::iter(objects)
            .map(|(name, bytes)| async move {
                match self.bucket.create(&name, bytes).await? {
                    Put::Done(_) => Ok(()),
                    Put::Lost => Err(LogError::TileAltered(name)),
                }
            })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await
    }

    /// Partial tiles are of no use beside the full one (C2SP tlog-tiles). That one stays is no harm.
    async fn drop_partial(&self, full: &str) {
        let folder = self.bucket.path(&format!("{full}.p"));
        let store = Arc::clone(self.bucket.store());
        let names = store.list(Some(&folder)).map_ok(|meta| meta.location).boxed();
        let deleted =
            timed(|| format!("drop {full}.p"), store.delete_stream(names).try_collect::<Vec<_>>()).await;
        if let Err(error) = deleted {
            tracing::debug!(%error, "partial tiles stay");
        }
    }
}
