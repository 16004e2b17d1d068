//! Remuxing fragmented MP4: fragments go through as they are, or with fewer samples. Nothing is decoded, and nothing
//! that was left out stays in the bytes.

mod boxes;
mod fragment;
mod init;
mod remux;

pub use init::Init;
pub use remux::{Clip, Cut, remux};

/// The largest `ftyp` and `moov` together, in bytes.
pub(super) const MAX_INIT_BYTES: usize = 256 << 10;
/// The largest `moof`, in bytes: a recorder's has at most 1,200 frames.
const MAX_MOOF_BYTES: u64 = 4 << 20;
/// The largest `mdat` that is held to leave samples out of it, in bytes; a recorder's is about 8 MiB at most. One
/// that goes through whole is not held.
const MAX_MDAT_BYTES: u64 = 64 << 20;

/// Why a segment's media cannot be remuxed. Its file opened, so a recorder wrote it so.
#[derive(Debug, thiserror::Error)]
pub enum Mp4Error {
    /// It is no MP4 as recorders write it.
    #[error("the media is no fragmented MP4 as recorders write it: {0}")]
    Layout(&'static str),
    /// A box of it cannot be read.
    #[error("a box of the media cannot be read: {0}")]
    Box(#[from] mp4_atom::Error),
    /// The file below, or the package above.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
