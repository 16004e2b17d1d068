//! Taking away: payloads on purpose, and what a crash left of them.

use std::collections::HashSet;

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::{
    super::{CheckpointSigner, Leaf, LogError, bucket::timed, payload},
    Writer,
};

/// So many of the newest entries are looked at by a sweep.
const SWEPT: u64 = 4096;
/// No append is under way for so long: what lies beyond the log's end is a crash's.
const ORPHAN_AGE_SECONDS: i64 = 3600;

/// What erasing a payload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// The key is gone.
    Done,
    /// The key is gone from view, and the bucket keeps a version of it: it must be purged by the bucket's lifecycle.
    VersionKept,
}

impl Writer {
    /// Makes a payload unreadable for ever by deleting its salt and data key. Log a `PayloadErased` first.
    ///
    /// # Errors
    /// [`LogError::NoSuchEntry`]; those of the bucket.
    pub async fn erase(&self, index: u64) -> Result<Erasure, LogError> {
        let seen = self.seen.as_ref().ok_or(LogError::NoSuchEntry { index, size: 0 })?;
        let leaf = self.reader.at(seen).leaf(index).await?;
        let leaf = Leaf::decode(&leaf).ok_or(LogError::Newer(index))?;
        let (_, key) = payload::names(index, &leaf);
        let kept = self.bucket.delete(&key).await?;
        Ok(if kept { Erasure::VersionKept } else { Erasure::Done })
    }

    /// What was written for an append that did not come to be. What cannot be deleted now, [`Writer::sweep`] finds.
    pub(super) async fn drop_payloads(&self, names: &[String]) {
        for name in names {
            if let Err(error) = self.bucket.delete(name).await {
                tracing::debug!(%error, "a payload that is not in the log stays until the next sweep");
            }
        }
    }

    /// Deletes payloads that no entry of the log names, as a crash leaves them: among the newest entries those that
    /// a leaf contradicts, and beyond the log's end those that are older than an hour. Returns how many objects.
    /// To be called after [`Writer::open`] and now and then.
    pub async fn sweep(&mut self, signer: &impl CheckpointSigner, now: Timestamp) -> Result<usize, LogError> {
        // What another writer has committed in the meantime is named, too.
        self.state = None;
        self.load(signer).await?;
        let Some(seen) = &self.seen else { return Ok(0) };
        let from = seen.size().saturating_sub(SWEPT);
        let mut named = HashSet::new();
        let snapshot = self.reader.at(seen);
        let mut leaves = std::pin::pin!(snapshot.leaves(from));
        while let Some(item) = leaves.next().await {
            let (index, leaf) = item?;
            // An entry of a newer release names its objects in a way that is not known here.
            let Some(leaf) = Leaf::decode(&leaf) else { return Ok(0) };
            let (payload, key) = payload::names(index, &leaf);
            named.extend([payload, key]);
        }
        let mut deleted = 0;
        for folder in ["payloads", "keys"] {
            let root = self.bucket.path(folder);
            let offset = self.bucket.path(&format!("{folder}/{}", payload::position(from)));
            let listing = self.bucket.store().list_with_offset(Some(&root), &offset).try_collect::<Vec<_>>();
            for found in timed(|| format!("list {folder}"), listing).await? {
                let Some(name) = found.location.filename().map(|name| format!("{folder}/{name}")) else {
                    continue;
                };
                let beyond = name >= format!("{folder}/{}", payload::position(seen.size()));
                let young = now.as_second() - found.last_modified.timestamp() < ORPHAN_AGE_SECONDS;
                let stays = named.contains(&name) || (beyond && young);
                if !stays {
                    self.bucket.delete(&name).await?;
                    deleted += 1;
                }
            }
        }
        Ok(deleted)
    }
}
