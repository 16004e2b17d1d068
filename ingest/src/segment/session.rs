//! What a recorder knows of the session with its camera.

use super::{
    VideoFrame,
    cut::Cut,
    sound::Sound,
    timeline::{Timeline, Verdict, WallClock},
};
use crate::mux::{AudioTrack, VIDEO_TIMESCALE};

/// What lasts as long as a session.
pub(super) struct Session {
    pub timeline: Timeline,
    pub wall: WallClock,
    pub audio: Option<(AudioTrack, Sound)>,
    pub clock_pending: bool,
    pub held: Option<Held>,
}

/// A segment that waits for the sound of the one before it.
pub(super) struct Held {
    pub cut: Cut,
    pub frames: Vec<Placed>,
    pub bytes: usize,
}

/// A frame on the time line.
pub(super) struct Placed {
    pub frame: VideoFrame,
    pub pts: i64,
    pub verdict: Verdict,
}

impl Session {
    pub fn new(audio: Option<AudioTrack>) -> Self {
        let audio = audio.map(|track| {
            let sound = Sound::new(track.clock_rate);
            (track, sound)
        });
        Self {
            timeline: Timeline::new(VIDEO_TIMESCALE),
            wall: WallClock::default(),
            audio,
            clock_pending: false,
            held: None,
        }
    }
}
