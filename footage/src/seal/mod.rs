//! Sealed segments: the format of `FORMAT.md`.
//!
//! The recorder's side ([`RecorderStream`]) holds public keys only. The reader's side ([`SealedHeader`],
//! [`open`]) takes the two secrets that must meet, after their keys' custodians have unwrapped them.

mod aead;
mod close;
mod digest;
pub(crate) mod encode;
mod error;
mod gap;
mod header;
mod identity;
mod keys;
mod loss;
mod open;
mod owners;
mod payload;
mod recipient;
mod record;
mod rehead;
mod secret;
mod stream;
mod writer;

#[cfg(test)]
mod tests;

pub use close::CloseRecord;
pub use digest::{hash_segment, segment_digest};
pub use error::{OpenError, SealError};
pub use gap::{GapReason, InvalidGapReason, MAX_GAP_REASON_BYTES};
pub use header::{AuthenticatedHeader, MAX_HEADER_BYTES, SealedHeader};
pub use identity::{Custody, Previous, SegmentIdentity, stream_id};
pub use keys::{MIN_RSA_BITS, PublicKey, PublicKeyError};
pub use loss::LossRecord;
pub use open::{OpenedSegment, SegmentExpectation, open};
pub use owners::{
    InvalidOwners, MAX_OWNERS, MAX_SEALED_SHARE_BYTES, MAX_SHARE_BYTES, OwnersCustody, OwnersWindow,
    ShareContext, ShareError, WindowContext, WindowShare, combine,
};
pub use record::{MAX_REASON_BYTES, MAX_RECORD_BYTES, StreamRecordError};
pub use rehead::{NewHeader, Reheaded, rehead};
pub use secret::{Secret32, WrongSecretLength};
pub use stream::{FinishedSegment, RecorderStream, SegmentPolicy, WindowCustody};
pub use writer::SegmentWriter;

/// The format's version, the first argument of the segment stanza.
pub const FORMAT_VERSION: &str = "1";

/// The stanza with the identity; its body is the file key under the key-encryption key.
pub const SEGMENT_STANZA: &str = "camerafleet.io/segment";
/// The stanza with the wrapped window key, or its sealed shares.
pub const WINDOW_STANZA: &str = "camerafleet.io/window";
/// The stanza whose body is the wrapped epoch share.
pub const EPOCH_STANZA: &str = "camerafleet.io/epoch";
