//! Media time, pure: which of a camera's timestamps to believe, and when the first frame was in wall-clock time.
//!
//! Moonfire NVR's method: lengths come from RTP; the start is the least (local clock − media elapsed) over the
//! frames, because the network only ever delays; a segment's end is corrected towards the clock by at most
//! 500 ppm, so that segments follow each other without a seam and drift stays bounded.

/// A timestamp this far (seconds) from the last one is doubted unless the clock agrees.
const JUMP_S: i64 = 5;
/// Doubted timestamps that agree with each other and begin a new time line.
const AGREEING: u32 = 3;
/// The most that a segment's length is corrected, in parts per million.
const CORRECTION_PPM: i64 = 500;
/// A start this far (µs) from what the clock says is not drift but a clock that was set.
const CLOCK_STEP_US: i64 = 5_000_000;

/// What became of a frame's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It follows on.
    Plain,
    /// Time passed without frames: the clock agrees with the jump.
    Gap,
    /// Not believed: stamped after the frame before it.
    Outlier,
    /// Three in a row agreed: the camera's clock was set, a new time line begins.
    NewLine,
}

/// Turns a camera's timestamps into ones that can be relied on.
#[derive(Debug)]
pub struct Timeline {
    rate: i64,
    last: Option<Last>,
    /// Added to a timestamp to continue the line before it.
    offset: i64,
    doubted: u32,
    doubted_at: i64,
    /// Whether frames come in another order than they are shown.
    reordered: bool,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    pts: i64,
    at_us: i64,
}

impl Timeline {
    /// In units of `rate` per second.
    pub fn new(rate: u32) -> Self {
        Self { rate: i64::from(rate), last: None, offset: 0, doubted: 0, doubted_at: 0, reordered: false }
    }

    /// Places a frame that arrived at `at_us` (µs) with timestamp `raw`; `step` is the usual length of a frame.
    pub fn place(&mut self, raw: i64, at_us: i64, step: u32) -> (i64, Verdict) {
        let pts = raw + self.offset;
        let Some(last) = self.last else {
            self.last = Some(Last { pts, at_us });
            return (pts, Verdict::Plain);
        };
        let moved = pts - last.pts;
        let passed = (at_us - last.at_us) * self.rate / 1_000_000;
        let jump = JUMP_S * self.rate;
        let verdict = if moved.abs() <= jump {
            Verdict::Plain
        } else if moved > 0 && (moved - passed).abs() <= jump {
            Verdict::Gap
        } else {
            return self.doubt(raw, last, at_us, step);
        };
        self.doubted = 0;
        self.reordered |= moved < 0;
        self.last = Some(Last { pts, at_us });
        (pts, verdict)
    }

    fn doubt(&mut self, raw: i64, last: Last, at_us: i64, step: u32) -> (i64, Verdict) {
        let agrees = self.doubted > 0 && (raw - self.doubted_at).abs() <= JUMP_S * self.rate;
        self.doubted = if agrees { self.doubted + 1 } else { 1 };
        self.doubted_at = raw;
        let step = i64::from(step);
        let pts = last.pts
            + match self.doubted {
                // Among frames that come in another order, one place further may be taken, so that doubted ones stand
                // on halves, and a new line on quarters: no two are ever shown at the same time.
                1 if self.reordered => step / 2,
                AGREEING if self.reordered => step / 4 * 3,
                _ => step,
            };
        self.last = Some(Last { pts, at_us });
        if self.doubted < AGREEING {
            return (pts, Verdict::Outlier);
        }
        self.offset = pts - raw;
        self.doubted = 0;
        (pts, Verdict::NewLine)
    }
}

/// The wall-clock time of a run of segments that follow each other without a gap.
#[derive(Debug, Default)]
pub struct WallClock {
    /// Where the next segment starts, µs since the Unix epoch; none at the beginning of a run.
    next_start: Option<i64>,
    /// The least (clock − elapsed) of the open segment.
    least: Option<i64>,
}

/// A finished segment's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Milliseconds.
    pub duration_ms: u64,
}

impl WallClock {
    /// A frame of the open segment arrived at `at_us`, `elapsed_us` of media after the segment's start.
    pub fn frame(&mut self, at_us: i64, elapsed_us: i64) {
        let start = at_us - elapsed_us;
        self.least = Some(self.least.map_or(start, |least| least.min(start)));
    }

    /// The open segment ends after `media_us`, the last frame of which lasts `last_us`. With `continues`, the next one
    /// begins where it ends. Gives its place and its length, µs: that of its media from now on, for the last frame is
    /// lengthened or shortened to it.
    pub fn finish(&mut self, media_us: i64, last_us: i64, continues: bool) -> (Placed, i64) {
        let measured = self.least.take();
        let start = self.next_start.or(measured).unwrap_or(0);
        let error = measured.map_or(0, |measured| measured - start);
        let most = media_us * CORRECTION_PPM / 1_000_000;
        // Not to nothing.
        let least = most.min(last_us / 4 * 3);
        let end = start + media_us + error.clamp(-least, most);
        let stepped = error.abs() > CLOCK_STEP_US;
        self.next_start = (continues && !stepped).then_some(end);
        // Both ends are rounded, not the length: so one segment's end in milliseconds is the next one's start.
        let (start_ms, end_ms) = (start.div_euclid(1_000), end.div_euclid(1_000));
        let duration_ms = u64::try_from(end_ms - start_ms).unwrap_or(0).max(1);
        (Placed { start_ms, duration_ms }, end - start)
    }

    /// The open segment's place as it is now, after `media_us`.
    pub fn so_far(&self, media_us: i64) -> Placed {
        let start = self.next_start.or(self.least).unwrap_or(0).div_euclid(1_000);
        Placed { start_ms: start, duration_ms: u64::try_from(media_us / 1_000).unwrap_or(0).max(1) }
    }

    /// Whether the next segment begins where the last one ended.
    pub fn continues(&self) -> bool {
        self.next_start.is_some()
    }

    /// The run is broken: the next segment's start is measured anew.
    pub fn restart(&mut self) {
        *self = Self::default();
    }
}

/// Where the sound begins against the picture, in µs to add to its time: none where the camera's own time
/// agrees with the order of arrival, else as they arrived (without `rtptime` both tracks begin at zero).
pub fn audio_offset_us(video: (i64, i64), audio: (i64, i64)) -> i64 {
    /// Arrival times this near (µs) are no evidence against the camera.
    const BELIEVED: i64 = 200_000;
    let (video_at, video_elapsed) = video;
    let (audio_at, audio_elapsed) = audio;
    let apart = (audio_at - audio_elapsed) - (video_at - video_elapsed);
    if apart.abs() <= BELIEVED { 0 } else { apart }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 90_000;

    fn verdicts(frames: &[(i64, i64)]) -> Vec<(i64, Verdict)> {
        let mut line = Timeline::new(90_000);
        frames.iter().map(|(pts, at)| line.place(*pts, *at, 3_600)).collect()
    }

    #[test]
    fn timestamps_are_believed_doubted_and_believed_again() {
        use Verdict::{Gap, NewLine, Outlier, Plain};
        let second = 1_000_000;
        for (name, frames, want) in [
            ("plain", vec![(0, 0), (3_600, 40_000)], vec![(0, Plain), (3_600, Plain)]),
            (
                "B-frames",
                vec![(0, 0), (14_400, 10), (7_200, 20)],
                vec![(0, Plain), (14_400, Plain), (7_200, Plain)],
            ),
            (
                "the network holds back and then bursts",
                vec![(0, 0), (3_600, 20 * second), (7_200, 20 * second)],
                vec![(0, Plain), (3_600, Plain), (7_200, Plain)],
            ),
            ("time passed", vec![(0, 0), (20 * S, 21 * second)], vec![(0, Plain), (20 * S, Gap)]),
            (
                "one outlier",
                vec![(0, 0), (900 * S, 40_000), (7_200, 80_000)],
                vec![(0, Plain), (3_600, Outlier), (7_200, Plain)],
            ),
            (
                "the camera's clock was set back",
                vec![(900 * S, 0), (0, 40_000), (3_600, 80_000), (7_200, 120_000), (10_800, 160_000)],
                vec![
                    (900 * S, Plain),
                    (900 * S + 3_600, Outlier),
                    (900 * S + 7_200, Outlier),
                    (900 * S + 10_800, NewLine),
                    (900 * S + 14_400, Plain),
                ],
            ),
            (
                "one outlier among B-frames",
                vec![(0, 0), (10_800, 1), (3_600, 2), (900 * S, 3), (14_400, 4)],
                vec![(0, Plain), (10_800, Plain), (3_600, Plain), (5_400, Outlier), (14_400, Plain)],
            ),
            (
                "outliers that do not agree",
                vec![(0, 0), (100 * S, 1), (900 * S, 2), (100 * S, 3), (900 * S, 4)],
                vec![(0, Plain), (3_600, Outlier), (7_200, Outlier), (10_800, Outlier), (14_400, Outlier)],
            ),
        ] {
            assert_eq!(verdicts(&frames), want, "{name}");
        }
    }

    #[test]
    fn a_run_has_no_seams_and_follows_the_clock_by_500_ppm() {
        let mut clock = WallClock::default();
        let zero = 1_700_000_000_000_000;
        // The camera's clock is 1 % fast: 60 s of its media take 59.4 s.
        let mut segments = Vec::new();
        for i in 0..10 {
            let begin = zero + i * 59_400_000;
            clock.frame(begin + 300, 0);
            clock.frame(begin + 29_700_000, 30_000_000);
            segments.push(clock.finish(60_000_000, 40_000, true).0);
        }
        // The first start is the least estimate over its frames.
        assert_eq!(segments[0].start_ms, (zero + 29_700_000 - 30_000_000) / 1_000);
        for pair in segments.windows(2) {
            assert_eq!(pair[0].start_ms + pair[0].duration_ms as i64, pair[1].start_ms);
            assert_eq!(pair[1].duration_ms, 59_970, "corrected by 500 ppm and no more");
        }
    }

    #[test]
    fn a_last_frame_is_not_shortened_to_nothing() {
        let mut clock = WallClock::default();
        clock.frame(0, 0);
        assert_eq!(clock.finish(60_000_000, 16_000, true).1, 60_000_000);
        // The camera's clock is far too fast: 30 ms would be taken back, but the frame has 16.
        clock.frame(59_000_000, 0);
        assert_eq!(clock.finish(60_000_000, 16_000, true).1, 60_000_000 - 12_000);
        // Too slow: there is room.
        clock.frame(121_000_000, 0);
        assert_eq!(clock.finish(60_000_000, 16_000, true).1, 60_000_000 + 30_000);
    }

    /// Moonfire#350 tells of 16 s after 236 segments.
    #[test]
    fn drift_stays_bounded_over_a_thousand_segments() {
        for ppm in [-450, -80, 0, 80, 450] {
            let mut clock = WallClock::default();
            let zero = 1_700_000_000_000_000;
            // How long what the camera calls 60 s takes.
            let minute = 60_000_000 + 60 * ppm;
            let mut random = 7_u64;
            let mut before = None;
            for n in 0..1_000 {
                let begin = zero + n * minute;
                for frame in 0..60 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let late = i64::try_from(random >> 48).unwrap_or(0) * 2;
                    clock.frame(begin + frame * minute / 60 + late, frame * 1_000_000);
                }
                let (placed, _) = clock.finish(60_000_000, 40_000, true);
                let error = placed.start_ms - begin / 1_000;
                assert!(error.abs() <= 60, "{ppm} ppm: {error} ms after {n} segments");
                let end = placed.start_ms + i64::try_from(placed.duration_ms).unwrap();
                assert!(before.replace(end).is_none_or(|before| before == placed.start_ms), "no seam");
            }
        }
    }

    #[test]
    fn a_gap_or_a_clock_that_was_set_begins_a_new_run() {
        let mut clock = WallClock::default();
        clock.frame(1_000_000_000, 0);
        assert_eq!(
            clock.finish(1_000_000, 40_000, false).0,
            Placed { start_ms: 1_000_000, duration_ms: 1_000 }
        );
        clock.frame(5_000_000_000, 0);
        assert_eq!(clock.finish(1_000_000, 40_000, true).0.start_ms, 5_000_000);
        // NTP sets the clock by an hour: this segment keeps its line, the next one starts by the clock.
        clock.frame(8_600_000_000, 0);
        assert_eq!(clock.finish(1_000_000, 40_000, true).0.start_ms, 5_001_000);
        clock.frame(8_601_000_000, 0);
        assert_eq!(clock.finish(1_000_000, 40_000, true).0.start_ms, 8_601_000);
    }

    #[test]
    fn sound_is_placed_by_the_camera_or_by_arrival() {
        for (name, video, audio, want) in [
            ("both by rtptime", (1_000_000, 0), (1_030_000, 20_000), 0),
            ("both begin at zero, sound comes later", (1_000_000, 0), (1_800_000, 0), 800_000),
            ("sound comes first", (1_800_000, 0), (1_000_000, 0), -800_000),
        ] {
            assert_eq!(audio_offset_us(video, audio), want, "{name}");
        }
    }
}
