//! From frames to sealed segments. The decisions are pure and lie in [`cut`], [`epoch`] and [`timeline`];
//! [`recorder`] carries them out, [`sealer`] does what blocks.

pub mod cut;
pub mod epoch;
mod recorder;
mod sealer;
mod session;
mod sound;
pub mod timeline;

pub use recorder::{Context, Recorder};
pub use sealer::SealingError;

use bytes::Bytes;

use crate::mux::VideoTrack;

/// What a frame is to a segment.
pub use crate::mux::nal::Access;

/// A frame as the session has it.
#[derive(Clone, Debug)]
pub struct VideoFrame {
    /// RTP time since the session's start, 90 kHz.
    pub raw: i64,
    /// When its first packet came, µs since the Unix epoch.
    pub at_us: i64,
    /// What can be done with it.
    pub access: Access,
    /// The picture's description from this frame on.
    pub track: std::sync::Arc<VideoTrack>,
    /// NAL units with four-byte lengths.
    pub data: Bytes,
}

/// An audio frame as the session has it.
#[derive(Clone, Debug)]
pub struct AudioFrame {
    /// RTP time since the session's start, in the audio's clock rate.
    pub raw: i64,
    /// When it came, µs since the Unix epoch.
    pub at_us: i64,
    /// In the audio's clock rate.
    pub length: u32,
    /// AAC without a header, or G.711.
    pub data: Bytes,
}

/// Why recording cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is no epoch key at all.
    #[error("there is no epoch key")]
    NoEpochKey,
    /// From sealing; the segment is given up.
    #[error(transparent)]
    Sealing(#[from] SealingError),
}
