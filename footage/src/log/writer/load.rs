//! Taking up a log where it stands, whatever a crash or another writer left.

use futures::StreamExt as _;
use object_store::UpdateVersion;
use tlog_tiles::EMPTY_HASH;

use super::{
    super::{
        CheckpointSigner, Leaf, LogError, SignedCheckpoint,
        bucket::{Got, Put},
        reader::{CHECKPOINT, MAX_NOTE},
        tree::{Tiles, WIDTH},
    },
    State, Writer,
    edge::Edge,
    head::{HEAD, Head, MAX_HEAD},
    index::INDEXED,
};

/// How often the head is read anew when another writer comes between.
const LOAD_ATTEMPTS: usize = 5;

impl Writer {
    /// Reads the head, completes what it began, and proves that it follows what was seen.
    pub(super) async fn load(&mut self, signer: &impl CheckpointSigner) -> Result<(), LogError> {
        let (head, state) = self.settled(signer).await?;

        let snapshot = self.reader.at(&head.checkpoint);
        if let Some(seen) = &self.seen {
            snapshot.consistency(seen).await?;
        }
        let from = self.index.end().max(head.checkpoint.size().saturating_sub(INDEXED)) / WIDTH * WIDTH;
        let end = self.index.end();
        let mut leaves = std::pin::pin!(snapshot.leaves(from));
        while let Some(item) = leaves.next().await {
            let (index, leaf) = item?;
            if index >= end {
                self.index.add(index, Leaf::decode(&leaf).map(|leaf| leaf.tag));
            }
        }
        self.seen = Some(head.checkpoint);
        self.state = Some(state);
        Ok(())
    }

    async fn settled(&self, signer: &impl CheckpointSigner) -> Result<(Head, State), LogError> {
        let mut last = LogError::Overtaken;
        for _ in 0..LOAD_ATTEMPTS {
            match self.settle(signer).await {
                Ok(Some(settled)) => return Ok(settled),
                Ok(None) => last = LogError::Overtaken,
                // Two appends between the two reads look like it.
                Err(stale @ LogError::Stale { .. }) => last = stale,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Reads the head and completes what it began. `None`: another writer is at it.
    async fn settle(&self, signer: &impl CheckpointSigner) -> Result<Option<(Head, State)>, LogError> {
        let published = match self.bucket.get(CHECKPOINT, MAX_NOTE).await? {
            Some(got) => Some((self.key.open(&got.bytes)?, got.version)),
            None => None,
        };
        let got = match self.bucket.get(HEAD, MAX_HEAD).await? {
            Some(got) => got,
            None if published.is_some() || self.seen.is_some() => {
                return Err(LogError::Lost(self.bucket.root()));
            }
            None => match self.begin(signer).await? {
                Some(got) => got,
                None => return Ok(None),
            },
        };
        let head = Head::decode(&got.bytes, &self.key)?;
        // Before anything is completed: what does not follow what was seen is not written to.
        if let (Some(seen), Some((published, _))) = (&self.seen, &published) {
            self.reader.at(published).consistency(seen).await?;
        }
        if let Some(seen) = self.seen.as_ref().filter(|seen| seen.size() > head.checkpoint.size()) {
            return Err(LogError::Stale { remembered: seen.size(), found: head.checkpoint.size() });
        }
        Ok(self.complete(got.version, &head, published).await?.map(|state| (head, state)))
    }

    /// Brings tiles and the published checkpoint to where the head is.
    async fn complete(
        &self,
        version: UpdateVersion,
        head: &Head,
        published: Option<(SignedCheckpoint, UpdateVersion)>,
    ) -> Result<Option<State>, LogError> {
        let size = head.checkpoint.size();
        let (mut edge, old) = match published {
            Some((old, published)) if old.size() == size => {
                if old.root() != head.checkpoint.root() {
                    return Err(LogError::Forked { older: size, newer: size });
                }
                let edge = Edge::load(&Tiles::new(self.bucket.clone(), &old), size).await?;
                return Ok(Some(State { head: version, published, edge }));
            }
            Some((old, published)) if old.size() == head.base() => {
                (Edge::load(&Tiles::new(self.bucket.clone(), &old), old.size()).await?, Some(published))
            }
            // Each append is published before the next begins: the one or the other was put back.
            Some((old, _)) if old.size() > size => {
                return Err(LogError::Stale { remembered: old.size(), found: size });
            }
            Some((old, _)) => return Err(LogError::Stale { remembered: head.base(), found: old.size() }),
            None if head.base() == 0 => (Edge::default(), None),
            None => return Err(LogError::Lost(self.bucket.root())),
        };
        let objects = edge.extend(&head.leaves);
        if edge.root().0 != head.checkpoint.root() {
            return Err(LogError::HeadAltered);
        }
        let published = self.publish(objects, &head.checkpoint, old.as_ref()).await?;
        Ok(published.map(|published| State { head: version, published, edge }))
    }

    /// Begins a log. `None`: another writer did.
    async fn begin(&self, signer: &impl CheckpointSigner) -> Result<Option<Got>, LogError> {
        let empty = self.key.sign(signer, 0, EMPTY_HASH).await?;
        let bytes = Head::encode::<[u8; 0]>(&empty, &[]);
        match self.bucket.create(HEAD, bytes.clone()).await? {
            Put::Done(version) => Ok(Some(Got { bytes, version })),
            Put::Lost => Ok(None),
        }
    }
}
