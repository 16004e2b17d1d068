//! How long and how much a camera may take.

use std::time::Duration;

use super::retry;

/// The limits of one camera's sessions. Tests make them shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For each of DESCRIBE (with connecting), SETUP and PLAY.
    pub step: Duration,
    /// How long an earlier session of ours is waited for.
    pub stale: Duration,
    /// No frame for this long: stalled.
    pub stall: Duration,
    /// No parameters for this long after PLAY.
    pub parameters: Duration,
    /// Frames, but none to begin a segment with, for this long.
    pub key_frame: Duration,
    /// How often clocks and schedules are looked at.
    pub tick: Duration,
    /// Bytes that an answer may take in memory. The library reads a header again with each piece of it that comes, so
    /// that this bounds its work, too.
    pub answer_bytes: usize,
    /// Bytes that a frame may take in memory while it comes. The largest key frames of 4K cameras are of some 3 MB,
    /// and the library holds them twice.
    pub frame_bytes: usize,
    /// When a camera is tried again.
    pub retry: retry::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            step: Duration::from_secs(10),
            stale: Duration::from_secs(10),
            stall: Duration::from_secs(25),
            parameters: Duration::from_secs(15),
            key_frame: Duration::from_secs(120),
            tick: Duration::from_secs(1),
            answer_bytes: 512 << 10,
            frame_bytes: 32 << 20,
            retry: retry::Limits::default(),
        }
    }
}
