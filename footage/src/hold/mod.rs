//! Legal holds without reading: the epoch share E of a held segment is copied, wrapped to the hold's own key, into a
//! sidecar object. Stored segments never change, and the epoch's key is destroyed on time for everything else.
//!
//! Whoever copies ([`make_sidecars`]) can decrypt with epoch keys only, and E without W reads nothing. The segment is
//! later opened with W from the camera's key and E from the hold ([`epoch_share`]).

mod copy;
mod report;
mod sidecar;
mod terms;
#[cfg(test)]
mod tests;

pub use copy::{Hold, check_sidecars, epoch_share, make_sidecars};
pub use report::{HeldEpoch, HeldNames, HoldReport, hold_report_key};
pub use sidecar::{MAX_SIDECAR_BYTES, Sidecar};
pub use terms::{HoldTerms, Holds, InForce};

use crate::{seal::SealError, vault::VaultError};

/// A sidecar could not be made, is not right, or does not help.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// No sidecar in the form of this version.
    #[error("the sidecar is malformed: {why}")]
    #[allow(missing_docs)]
    Malformed { why: String },
    /// Written by a newer release.
    #[error("the sidecar has version {0}, which this release cannot read: use a newer one")]
    UnknownVersion(u64),
    /// A genuine sidecar, of something else.
    #[error("the sidecar is for {what} {found}, not {expected}: it lies in the wrong place and is not used")]
    #[allow(missing_docs)]
    Misplaced { what: &'static str, expected: String, found: String },
    /// The key that was given is not the hold's.
    #[error("the key {found:?} was given where the hold's own, {expected:?}, must be used")]
    #[allow(missing_docs)]
    WrongKeyName { expected: String, found: String },
    /// The share that the sidecar's tag was made with is not the segment's: it was damaged, or made for another.
    #[error(
        "the sidecar's copy does not fit its segment: it was damaged or swapped; make it again while the epoch's key exists"
    )]
    WrongCopy,
    /// What was decrypted is no secret of ours.
    #[error(
        "the key {key} decrypts to something that is no 32-byte secret: it was not wrapped by this system"
    )]
    #[allow(missing_docs)]
    NotASecret { key: String },
    /// Vault did not decrypt. [`VaultError::NoSuchKey`] for an epoch's key says that the hold came too late.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Wrapping failed.
    #[error(transparent)]
    Seal(#[from] SealError),
}
