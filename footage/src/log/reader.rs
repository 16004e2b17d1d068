//! Reading a log: for jobs, reports and people. Nothing is believed that the log's key did not sign.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::{Stream, StreamExt as _, stream};
use object_store::ObjectStore;
use tlog_tiles::{prove_record, prove_tree};

use super::{
    ConsistencyProof, InclusionProof, LogError, LogKey, OpenedEntry, SignedCheckpoint,
    bucket::Bucket,
    checkpoint::check_consistency,
    entry::Record,
    leaf::{self, Leaf},
    payload::{self, MAX_PAYLOAD, SECRET_BYTES, Secret},
    proof::read_record,
    tree::{CONCURRENCY, Tiles, WIDTH},
};
use crate::ids::TenantId;

/// The published checkpoint's object.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// A checkpoint with the signatures of some witnesses.
pub(super) const MAX_NOTE: u64 = 64 << 10;

/// A log in a bucket. The credential needs to get objects and to list: without that right, S3 denies what is missing
/// instead of saying that it is.
#[derive(Clone, Debug)]
pub struct Reader {
    bucket: Bucket,
    key: LogKey,
}

impl Reader {
    /// A tenant's log below a prefix. Makes no request.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str, tenant: &TenantId, key: LogKey) -> Self {
        Self { bucket: Bucket::new(store, prefix, tenant), key }
    }

    /// The published checkpoint, verified. That it is the newest is not said: see [`Reader::after`].
    ///
    /// # Errors
    /// [`LogError::Absent`], [`LogError::NotSigned`].
    pub async fn checkpoint(&self) -> Result<SignedCheckpoint, LogError> {
        let got = self.bucket.get(CHECKPOINT, MAX_NOTE).await?;
        self.key.open(&got.ok_or_else(|| LogError::Absent(self.bucket.root()))?.bytes)
    }

    /// The published checkpoint, proven to follow one that was seen before.
    ///
    /// # Errors
    /// [`LogError::Lost`], [`LogError::Stale`], [`LogError::Forked`].
    pub async fn after(&self, seen: &SignedCheckpoint) -> Result<SignedCheckpoint, LogError> {
        let checkpoint = match self.checkpoint().await {
            Err(LogError::Absent(root)) => return Err(LogError::Lost(root)),
            checkpoint => checkpoint?,
        };
        self.at(&checkpoint).consistency(seen).await?;
        Ok(checkpoint)
    }

    /// The log as a verified checkpoint has it.
    pub fn at(&self, checkpoint: &SignedCheckpoint) -> Snapshot {
        Snapshot {
            tiles: Tiles::new(self.bucket.clone(), checkpoint),
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            checkpoint: checkpoint.clone(),
        }
    }
}

/// The log as one checkpoint has it.
pub struct Snapshot {
    tiles: Tiles,
    bucket: Bucket,
    key: LogKey,
    checkpoint: SignedCheckpoint,
}

/// An entry as it was read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Its place.
    pub index: u64,
    /// Its leaf's bytes.
    pub leaf: Vec<u8>,
    /// What it says.
    pub content: Content,
}

/// What an entry says, as far as it can be read. A payload that is missing or altered is an error.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// As the leaf commits to it.
    Record(Box<Record>),
    /// A newer release wrote it.
    Newer,
    /// Its key was deleted.
    Erased,
}

impl LogEntry {
    /// The leaf, if this release knows its format.
    pub fn leaf(&self) -> Option<Leaf> {
        Leaf::decode(&self.leaf)
    }

    /// What the entry says, for a decision.
    ///
    /// # Errors
    /// [`LogError::Newer`], [`LogError::Erased`].
    pub fn record(&self) -> Result<&Record, LogError> {
        match &self.content {
            Content::Record(record) => Ok(record),
            Content::Newer => Err(LogError::Newer(self.index)),
            Content::Erased => Err(LogError::Erased(self.index)),
        }
    }
}

/// A payload that a leaf commits to.
struct Opened {
    secret: Secret,
    payload: Vec<u8>,
}

impl Snapshot {
    /// The checkpoint.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// That the log was only appended to since an older checkpoint.
    ///
    /// # Errors
    /// [`LogError::Stale`] if the other one is the newer, [`LogError::Forked`].
    pub async fn consistency(&self, older: &SignedCheckpoint) -> Result<ConsistencyProof, LogError> {
        let (from, to) = (older.size(), self.checkpoint.size());
        let hashes = if (1..to).contains(&from) {
            self.tiles.compute(|reader| prove_tree(to, from, reader)).await?
        } else {
            Vec::new()
        };
        check_consistency(&hashes, older, &self.checkpoint)?;
        Ok(ConsistencyProof {
            older: older.note().to_owned(),
            newer: self.checkpoint.note().to_owned(),
            hashes: hashes.iter().map(ToString::to_string).collect(),
        })
    }

    /// That an entry is in the log.
    ///
    /// # Errors
    /// [`LogError::NoSuchEntry`], and those of altered tiles.
    pub async fn prove(&self, index: u64) -> Result<InclusionProof, LogError> {
        let leaf = self.leaf(index).await?;
        let size = self.checkpoint.size();
        let hashes = self.tiles.compute(|reader| prove_record(size, index, reader)).await?;
        let hashes = hashes.into_iter().map(|hash| hash.0).collect();
        let proof = InclusionProof { leaf, index, hashes, note: self.checkpoint.note().to_owned() };
        proof.verify(&self.key)?;
        Ok(proof)
    }

    /// An entry with its proof, for one who may read it.
    ///
    /// # Errors
    /// Those of [`Snapshot::prove`]; [`LogError::Erased`], [`LogError::Newer`] and those of altered payloads.
    pub async fn open(&self, index: u64) -> Result<OpenedEntry, LogError> {
        let proof = self.prove(index).await?;
        let leaf = Leaf::decode(proof.leaf()).ok_or(LogError::Newer(index))?;
        let Opened { secret, payload } = self.payload(index, &leaf).await?.ok_or(LogError::Erased(index))?;
        let payload = String::from_utf8(payload).map_err(|_| LogError::Newer(index))?;
        Ok(OpenedEntry { proof, salt: BASE64_STANDARD.encode(secret.salt), payload })
    }

    /// One entry.
    ///
    /// # Errors
    /// [`LogError::NoSuchEntry`], and those of altered tiles and payloads.
    pub async fn entry(&self, index: u64) -> Result<LogEntry, LogError> {
        let leaf = self.leaf(index).await?;
        self.read(index, leaf).await
    }

    /// The entries from `from` on, in order. It goes on after an error about one payload.
    pub fn entries(&self, from: u64) -> impl Stream<Item = Result<LogEntry, LogError>> + '_ {
        self.leaves(from)
            .map(move |item| async move {
                let (index, leaf) = item?;
                self.read(index, leaf).await
            })
            .buffered(CONCURRENCY)
    }

    /// The leaves from `from` on, in order, without payloads; one request for 256 of them.
    pub fn leaves(&self, from: u64) -> impl Stream<Item = Result<(u64, Vec<u8>), LogError>> + '_ {
        stream::iter(from / WIDTH..self.checkpoint.size().div_ceil(WIDTH))
            .map(move |number| async move { (number, self.tiles.bundle(number).await) })
            .buffered(2)
            .flat_map(move |(number, bundle)| {
                let items: Vec<_> = match bundle {
                    Ok(leaves) => {
                        (number * WIDTH..).zip(leaves).filter(|(i, _)| *i >= from).map(Ok).collect()
                    }
                    Err(error) => vec![Err(error)],
                };
                stream::iter(items)
            })
    }

    /// The first entry from `from` on that was appended under an id.
    pub async fn find(&self, id: &str, from: u64) -> Result<Option<u64>, LogError> {
        let tag = leaf::tag(id);
        let mut leaves = std::pin::pin!(self.leaves(from));
        while let Some(item) = leaves.next().await {
            let (index, leaf) = item?;
            if Leaf::decode(&leaf).is_some_and(|leaf| leaf.tag == tag) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    pub(super) async fn leaf(&self, index: u64) -> Result<Vec<u8>, LogError> {
        let missing = || LogError::NoSuchEntry { index, size: self.checkpoint.size() };
        if index >= self.checkpoint.size() {
            return Err(missing());
        }
        let mut leaves = self.tiles.bundle(index / WIDTH).await?;
        let place = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
        if place < leaves.len() { Ok(leaves.swap_remove(place)) } else { Err(missing()) }
    }

    async fn read(&self, index: u64, leaf: Vec<u8>) -> Result<LogEntry, LogError> {
        let content = match Leaf::decode(&leaf) {
            None => Content::Newer,
            Some(decoded) => match self.payload(index, &decoded).await? {
                None => Content::Erased,
                Some(opened) => match read_record(&decoded, &opened.payload) {
                    Some(record) => Content::Record(Box::new(record)),
                    None => Content::Newer,
                },
            },
        };
        Ok(LogEntry { index, leaf, content })
    }

    /// The payload; `None` if its key is gone.
    async fn payload(&self, index: u64, leaf: &Leaf) -> Result<Option<Opened>, LogError> {
        let (object, key) = payload::names(index, leaf);
        let altered = || LogError::PayloadAltered { index, object: object.clone() };
        let oversized = |error| if matches!(error, LogError::Oversized(_)) { altered() } else { error };
        let Some(key) = self.bucket.get(&key, SECRET_BYTES as u64).await.map_err(oversized)? else {
            return Ok(None);
        };
        let sealed = self.bucket.get(&object, MAX_PAYLOAD as u64 + 16).await.map_err(oversized)?;
        let sealed = sealed.ok_or_else(|| LogError::PayloadMissing { index, object: object.clone() })?;
        let secret = Secret::decode(&key.bytes).ok_or_else(altered)?;
        let payload = payload::open(self.key.origin(), leaf, &secret, &sealed.bytes).ok_or_else(altered)?;
        Ok(Some(Opened { secret, payload }))
    }
}
