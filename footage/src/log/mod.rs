//! The disclosure log (`LOG.md`): one append-only Merkle tree for each tenant, in a bucket of the operator's own, by
//! C2SP tlog-tiles, tlog-checkpoint and signed-note.
//!
//! A [`Writer`] appends, one at a time; a [`Reader`] believes nothing that the log's key did not sign. Leaves hold
//! commitments only: what an entry says lies beside the tree under a key of its own, and erasing that key leaves every
//! proof as it was.

mod bucket;
mod checkpoint;
pub mod entry;
mod error;
mod leaf;
mod payload;
mod proof;
mod reader;
mod tree;
mod writer;

pub use checkpoint::{
    CheckpointSigner, ConsistencyProof, LOG_KEY, LogKey, SignedCheckpoint, VaultSigner, origin,
};
pub use entry::{Entry, Record};
pub use error::LogError;
pub use leaf::{LEAF_BYTES, Leaf};
pub use payload::MAX_PAYLOAD;
pub use proof::{InclusionProof, OpenedEntry};
pub use reader::{Content, LogEntry, Reader, Snapshot};
pub use writer::{Erasure, MAX_BATCH, NewEntry, Writer};
