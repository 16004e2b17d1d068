//! What can be wrong with a log, told apart: an outage is not an attack, and an attack has a name.

use std::time::Duration;

use crate::{store::StoreFault, vault::VaultError};

/// A sentence with a next step. Nothing of a payload is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "a variant's fields are named in its sentence")]
pub enum LogError {
    /// The bucket failed. What was asked for may have been done.
    #[error(
        "the log's bucket could not {doing} ({fault:?}): look at the chart's values log.s3 and at the store"
    )]
    Store { doing: String, fault: StoreFault, source: object_store::Error },
    /// The bucket did not answer. What was asked for may have been done.
    #[error(
        "the log's bucket did not answer within {after:?} when asked to {doing}: look at the store's load"
    )]
    Timeout { doing: String, after: Duration },
    /// The checkpoint could not be signed.
    #[error("the log's checkpoint could not be signed: {0}")]
    Sign(#[source] VaultError),
    /// There is no log where one is expected.
    #[error("there is no log at {0}: it was never made, or its bucket or prefix is another one")]
    Absent(String),
    /// There was a log, and its head or its checkpoint is gone.
    #[error(
        "the log at {0} is gone or has lost its head although one is remembered: restore the bucket; a new log is not begun in its place"
    )]
    Lost(String),
    /// A checkpoint that the log's key did not sign, or another log's.
    #[error(
        "the checkpoint is not this log's: {0}; somebody wrote to the bucket, or the key in Vault is another one"
    )]
    NotSigned(&'static str),
    /// A signed checkpoint that is older than one already seen: the log was truncated or an old state was put back.
    #[error(
        "the log was rolled back: its checkpoint has {found} entries and one with {remembered} was seen before; restore the bucket's newer state"
    )]
    Stale { remembered: u64, found: u64 },
    /// Two signed checkpoints that cannot belong to one history.
    #[error(
        "the log was forked: its checkpoints with {older} and {newer} entries contradict each other; keep both, they prove it"
    )]
    Forked { older: u64, newer: u64 },
    /// A tile or an entry bundle of the signed tree is not there.
    #[error("the log's object {0} is missing: restore it; its bytes can be checked against the checkpoint")]
    TileMissing(String),
    /// Tiles that do not give the signed tree's hash.
    #[error(
        "the log's tiles were altered ({0}): restore them; their bytes can be checked against the checkpoint"
    )]
    TileAltered(String),
    /// An entry bundle that differs from what the tree's leaves say.
    #[error(
        "the log's entry bundle {0} was altered: restore it; its bytes can be checked against the checkpoint"
    )]
    LeafAltered(String),
    /// The writer's head does not follow from the log.
    #[error(
        "the log's head was altered: its entries do not give the tree that its checkpoint signs; restore the object head"
    )]
    HeadAltered,
    /// A payload that the log commits to is not there although its key is.
    #[error("the payload of the log's entry {index} is missing: restore the object {object}")]
    PayloadMissing { index: u64, object: String },
    /// A payload or its key is not what the log commits to.
    #[error(
        "the payload of the log's entry {index} or its key was altered: restore the object {object} and its key"
    )]
    PayloadAltered { index: u64, object: String },
    /// The payload's key was deleted.
    #[error(
        "the payload of the log's entry {0} was erased: that it was logged can be proven, what it said cannot be read"
    )]
    Erased(u64),
    /// The entry was written by a newer release.
    #[error(
        "the log's entry {0} is of a kind that this release does not know: it takes no decision on it; update"
    )]
    Newer(u64),
    /// A proof that proves nothing.
    #[error("the proof is not valid: {0}")]
    InvalidProof(&'static str),
    /// The log has no such entry.
    #[error("the log has {size} entries and none with the index {index}")]
    NoSuchEntry { index: u64, size: u64 },
    /// Another writer appended first. Nothing of this batch is in the log.
    #[error(
        "another writer appended to the log first: open it again, and see that one operator alone holds the Lease"
    )]
    Conflict,
    /// Another writer is at it all the time. What was to be appended may be in the log.
    #[error(
        "another writer appends to the log at the same time: see that one operator alone holds the Lease; the same append may be tried again"
    )]
    Overtaken,
    /// A batch or an entry that is over the bounds.
    #[error("{0}")]
    TooLarge(String),
    /// Text that can be no log's name.
    #[error("{0:?} cannot be a log's origin: no spaces and no '+'")]
    InvalidOrigin(String),
    /// An object that is longer than any that is written.
    #[error("the log's object {0} is longer than any that is written: it was altered, restore it")]
    Oversized(String),
    /// The system gave no random bytes.
    #[error("an entry could not be sealed: the system gave no random bytes; nothing was logged")]
    Crypto,
}
