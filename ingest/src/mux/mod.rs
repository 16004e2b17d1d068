//! Fragmented MP4, pure: samples in, bytes out. Each segment stands alone (`ftyp`, `moov` with `mvex`, then
//! `moof` + `mdat` about twice a second), so that memory holds one fragment and not one segment.

mod fragment;
pub mod init;
pub mod nal;
mod video;

pub use fragment::Fragment;
pub use init::{AudioTrack, VideoTrack};

use bytes::Bytes;

/// The video's time base in units per second, as H.264's and H.265's RTP payloads have it.
pub const VIDEO_TIMESCALE: u32 = 90_000;

/// Why bytes could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the MP4 box {what}: {source}")]
pub struct MuxError {
    /// Which box.
    pub what: &'static str,
    /// The library's reason.
    #[source]
    pub source: mp4_atom::Error,
}

/// One access unit.
#[derive(Clone, Debug)]
pub struct VideoSample {
    /// Presentation time since the segment's start, in [`VIDEO_TIMESCALE`]; decode order is the order of arrival.
    pub pts: i64,
    /// Whether decoding can start here.
    pub sync: bool,
    /// NAL units with four-byte lengths.
    pub data: Bytes,
}

/// One audio frame.
#[derive(Clone, Debug)]
pub struct AudioSample {
    /// Time since the segment's start, in the audio's own clock rate.
    pub pts: i64,
    /// Length in the audio's clock rate.
    pub length: u32,
    /// AAC without a header, or G.711.
    pub data: Bytes,
}

/// Puts samples into fragments.
#[derive(Debug)]
pub struct Muxer {
    tracks: (VideoTrack, Option<AudioTrack>),
    created: i64,
    sequence: u32,
    video: video::Queue,
    /// How much later frames are shown than decoded, at least, so that no decode time lies after its
    /// presentation; an edit list takes it back. Known with the first fragment, 90 kHz.
    delay: i64,
    audio_rate: i64,
    audio: Vec<AudioSample>,
    audio_next: i64,
}

impl Muxer {
    /// For one segment, made at `created` (Unix seconds). `typical` is the length of a frame in
    /// [`VIDEO_TIMESCALE`], where known from before.
    pub fn new(video: VideoTrack, audio: Option<AudioTrack>, created: i64, typical: Option<u32>) -> Self {
        let audio_rate = audio.as_ref().map_or(1, |track| i64::from(track.clock_rate));
        Self {
            tracks: (video, audio),
            created,
            sequence: 1,
            video: video::Queue::new(typical),
            delay: 0,
            audio_rate,
            audio: Vec::new(),
            audio_next: 0,
        }
    }

    /// Adds a frame; gives the fragment that it completes, if any.
    pub fn video(&mut self, sample: VideoSample) -> Result<Option<Fragment>, MuxError> {
        let done = self.video.push(sample);
        done.map(|run| self.fragment(run)).transpose()
    }

    /// Adds an audio frame; it goes out with the fragment of its time.
    pub fn audio(&mut self, sample: AudioSample) {
        // Sound without picture must not grow without bound; the session ends as stalled long before this.
        if self.audio.len() < 8_192 {
            self.audio.push(sample);
        }
    }

    /// The rest. `next_pts` is the presentation time of the frame that begins the next segment, where there is one.
    /// `length` is told where the picture ends and how long its last frame lasts, and says where it shall end.
    pub fn finish(
        &mut self,
        next_pts: Option<i64>,
        length: impl FnOnce(i64, i64) -> i64,
    ) -> Result<Option<Fragment>, MuxError> {
        let rest = self.video.finish(next_pts, length);
        rest.map(|run| self.fragment(run)).transpose()
    }

    /// Sound that came ahead of the picture and belongs to the next segment, which begins `later` after this
    /// one ([`VIDEO_TIMESCALE`]).
    pub fn early_audio(self, later: i64) -> Vec<AudioSample> {
        let shift = later * self.audio_rate / i64::from(VIDEO_TIMESCALE);
        let moved = |sample: AudioSample| AudioSample { pts: sample.pts - shift, ..sample };
        self.audio.into_iter().map(moved).filter(|sample| sample.pts >= 0).collect()
    }

    /// The picture's end since the segment's start, in [`VIDEO_TIMESCALE`], of what has been given out.
    pub fn video_end(&self) -> i64 {
        self.video.end()
    }

    /// The usual length of a frame, in [`VIDEO_TIMESCALE`].
    pub fn typical(&self) -> u32 {
        self.video.typical()
    }

    fn fragment(&mut self, run: video::Run) -> Result<Fragment, MuxError> {
        let until = self.video.end() * self.audio_rate / i64::from(VIDEO_TIMESCALE);
        let (audio, early) =
            std::mem::take(&mut self.audio).into_iter().partition(|sample| sample.pts < until);
        self.audio = early;
        let first = self.sequence == 1;
        if first {
            self.delay = run.frames.iter().map(|frame| -frame.offset).max().unwrap_or(0).max(0);
        }
        let mut fragment = fragment::build(self.sequence, run, self.delay, audio, &mut self.audio_next)?;
        if first {
            let (video, audio) = &self.tracks;
            let mut head = init::initialization(video, audio.as_ref(), self.created, self.delay)?;
            head.append(&mut fragment.head);
            fragment.head = head;
        }
        self.sequence += 1;
        Ok(fragment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_that_comes_early_goes_where_it_belongs() {
        let video = VideoTrack { sample_entry: Vec::new(), width: 640, height: 360 };
        let audio = AudioTrack { sample_entry: Vec::new(), clock_rate: 48_000 };
        let mut muxer = Muxer::new(video, Some(audio), 0, None);
        let data = Bytes::from_static(b"x");
        for i in 0..5 {
            muxer.video(VideoSample { pts: i * 3_600, sync: i == 0, data: data.clone() }).unwrap();
        }
        for i in 0..12 {
            muxer.audio(AudioSample { pts: i * 1_024, length: 1_024, data: data.clone() });
        }
        // 0.2 s of picture are 9,600 units of sound.
        let fragment = muxer.finish(Some(5 * 3_600), |end, _| end).unwrap().unwrap();
        assert_eq!(fragment.payload.len(), 5 + 10);
        let early: Vec<_> = muxer.early_audio(5 * 3_600).iter().map(|sample| sample.pts).collect();
        assert_eq!(early, [10 * 1_024 - 9_600, 11 * 1_024 - 9_600]);
    }
}
