//! When a fragment is complete, and its frames' decode times. Frames arrive in decode order with presentation
//! times only; sorted, those are the decode times, since no group of pictures shows a frame after the next
//! group's first.

use std::collections::VecDeque;

use super::{VIDEO_TIMESCALE, VideoSample};

/// A fragment's least length: half a second, which is held in memory.
const SPAN: i64 = VIDEO_TIMESCALE as i64 / 2;
/// Bytes after which a fragment is given out whatever its length.
const BYTES: usize = 8 << 20;
/// Frames, likewise.
const FRAMES: usize = 1_200;
/// How many frame lengths the median is taken over.
const LENGTHS: usize = 31;
/// A frame's length where nothing is known: 1/25 s.
const FALLBACK: u32 = VIDEO_TIMESCALE / 25;

/// A fragment's frames with their times.
#[derive(Debug)]
pub struct Run {
    /// The first frame's decode time.
    pub start: i64,
    /// In decode order.
    pub frames: Vec<Timed>,
}

/// A frame with its times.
#[derive(Debug)]
pub struct Timed {
    /// The frame.
    pub sample: VideoSample,
    /// To the next frame's decode time.
    pub duration: u32,
    /// Presentation less decode time.
    pub offset: i64,
}

#[derive(Debug)]
pub struct Queue {
    pending: Vec<VideoSample>,
    bytes: usize,
    /// Whether any frame came with an earlier presentation time than one before it.
    reordered: bool,
    newest: i64,
    next_dts: i64,
    lengths: VecDeque<u32>,
    typical: Option<u32>,
}

impl Queue {
    pub fn new(typical: Option<u32>) -> Self {
        Self {
            pending: Vec::new(),
            bytes: 0,
            reordered: false,
            newest: i64::MIN,
            next_dts: 0,
            lengths: VecDeque::with_capacity(LENGTHS),
            typical,
        }
    }

    pub fn push(&mut self, sample: VideoSample) -> Option<Run> {
        let done = self.complete(&sample).then(|| self.run(Some(sample.pts))).flatten();
        self.reordered |= sample.pts < self.newest;
        self.newest = self.newest.max(sample.pts);
        self.bytes += sample.data.len();
        self.pending.push(sample);
        done
    }

    /// See [`super::Muxer::finish`].
    pub fn finish(&mut self, next_pts: Option<i64>, length: impl FnOnce(i64, i64) -> i64) -> Option<Run> {
        let mut run = self.run(next_pts)?;
        let last = run.frames.last_mut()?;
        let change = length(self.next_dts, last.duration.into()) - self.next_dts;
        last.duration = clamp(i64::from(last.duration) + change);
        self.next_dts += change;
        Some(run)
    }

    pub fn end(&self) -> i64 {
        self.next_dts
    }

    pub fn typical(&self) -> u32 {
        if self.lengths.is_empty() {
            return self.typical.unwrap_or(FALLBACK);
        }
        let mut sorted: Vec<u32> = self.lengths.iter().copied().collect();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    }

    /// Whether what is pending is a fragment of its own, now that `next` has come.
    fn complete(&self, next: &VideoSample) -> bool {
        let Some(first) = self.pending.first() else { return false };
        if self.bytes >= BYTES || self.pending.len() >= FRAMES {
            return true;
        }
        let long_enough = next.pts - first.pts >= SPAN;
        // Between two frames that are shown in another order than they come, decode times are not known yet.
        long_enough && (next.sync || !self.reordered)
    }

    fn run(&mut self, next_pts: Option<i64>) -> Option<Run> {
        if self.pending.is_empty() {
            return None;
        }
        let samples = std::mem::take(&mut self.pending);
        self.bytes = 0;
        let mut dts: Vec<i64> = samples.iter().map(|s| s.pts).collect();
        dts.sort_unstable();
        let mut least = self.next_dts;
        for time in &mut dts {
            *time = (*time).max(least);
            least = *time + 1;
        }
        for pair in dts.windows(2) {
            self.note(pair[1] - pair[0]);
        }
        let last_dts = dts[dts.len() - 1];
        let last = self.last_duration(last_dts, next_pts);
        self.next_dts = last_dts + i64::from(last);
        let start = dts[0];
        let durations = dts.windows(2).map(|pair| clamp(pair[1] - pair[0])).chain([last]);
        let frames = samples
            .into_iter()
            .zip(&dts)
            .zip(durations)
            .map(|((sample, dts), duration)| Timed { offset: sample.pts - dts, duration, sample })
            .collect();
        Some(Run { start, frames })
    }

    /// The last frame's length is the way to the next one; a frame that stands before a hole, or before
    /// nothing, must not fill it.
    fn last_duration(&mut self, last: i64, next_pts: Option<i64>) -> u32 {
        let Some(next) = next_pts else { return self.typical() };
        let length = clamp(next - last);
        if self.reordered {
            // The next group may begin with frames that are shown before its first.
            return length.min(self.typical());
        }
        // It counts before it is judged: of a camera with a frame a second, every frame is the last of its fragment.
        self.note(next - last);
        length.min(self.typical().saturating_mul(2))
    }

    fn note(&mut self, length: i64) {
        if self.lengths.len() == LENGTHS {
            self.lengths.pop_front();
        }
        self.lengths.push_back(clamp(length));
    }
}

fn clamp(length: i64) -> u32 {
    u32::try_from(length.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = VIDEO_TIMESCALE as i64;

    fn sample(pts: i64, sync: bool) -> VideoSample {
        VideoSample { pts, sync, data: bytes::Bytes::from_static(b"x") }
    }

    fn times(run: &Run) -> Vec<(i64, i64, u32)> {
        let mut dts = run.start;
        run.frames
            .iter()
            .map(|f| {
                let at = dts;
                dts += i64::from(f.duration);
                (at, at + f.offset, f.duration)
            })
            .collect()
    }

    #[test]
    fn frames_in_order_go_out_twice_a_second_with_the_lengths_between_them() {
        let mut queue = Queue::new(None);
        let mut runs = Vec::new();
        for i in 0..60 {
            runs.extend(queue.push(sample(i * 3_600, i % 50 == 0)));
        }
        runs.extend(queue.finish(Some(60 * 3_600), |end, _| end));
        let starts: Vec<_> = runs.iter().map(|r| r.start).collect();
        assert_eq!(starts, [0, 46_800, 93_600, 140_400, 187_200]);
        assert!(runs.iter().flat_map(times).all(|(dts, pts, length)| dts == pts && length == 3_600));
        assert_eq!(queue.end(), 60 * 3_600);
    }

    #[test]
    fn reordered_frames_get_rising_decode_times_and_keep_their_presentation() {
        let mut queue = Queue::new(None);
        let mut runs = Vec::new();
        // I P B B P B B … shown as I B B P B B P, two groups of 28 frames.
        for group in 0..2_i64 {
            let zero = group * 28 * 3_600;
            let mut order = vec![0];
            for p in (3..28).step_by(3) {
                order.extend([p, p - 2, p - 1]);
            }
            for (i, n) in order.into_iter().enumerate() {
                runs.extend(queue.push(sample(zero + n * 3_600, i == 0)));
            }
        }
        runs.extend(queue.finish(None, |end, _| end));
        let all: Vec<_> = runs.iter().flat_map(times).collect();
        assert_eq!(all.len(), 56);
        assert!(all.windows(2).all(|w| w[1].0 > w[0].0), "decode times rise: {all:?}");
        let mut shown: Vec<_> = all.iter().map(|t| t.1).collect();
        shown.sort_unstable();
        assert!(shown.windows(2).all(|w| w[1] - w[0] == 3_600), "presentation is untouched");
    }

    #[test]
    fn a_last_frame_before_a_hole_or_nothing_has_a_usual_length() {
        for (next, want) in [(None, 3_600), (Some(20 * 3_600), 7_200), (Some(10 * 3_600 + 100), 3_700)] {
            let mut queue = Queue::new(None);
            for i in 0..10 {
                queue.push(sample(i * 3_600, i == 0));
            }
            let next = next.map(|n| if n == 10 * 3_600 + 100 { 9 * 3_600 + 3_700 } else { n });
            let run = queue.finish(next, |end, _| end).unwrap();
            assert_eq!(run.frames.last().unwrap().duration, want, "{next:?}");
        }
    }

    #[test]
    fn a_frame_a_second_lasts_a_second() {
        let mut queue = Queue::new(None);
        let mut runs = Vec::new();
        for i in 0..4 {
            runs.extend(queue.push(sample(i * SECOND, true)));
        }
        runs.extend(queue.finish(Some(4 * SECOND), |end, _| end));
        assert_eq!(runs.len(), 4);
        assert!(runs.iter().flat_map(times).all(|(_, _, length)| i64::from(length) == SECOND));
        assert_eq!(queue.end(), 4 * SECOND);
    }

    #[test]
    fn equal_times_stay_in_order() {
        let mut queue = Queue::new(None);
        for pts in [0, 3_600, 3_600, 3_600] {
            queue.push(sample(pts, pts == 0));
        }
        let run = queue.finish(None, |end, _| end).unwrap();
        assert!(times(&run).windows(2).all(|w| w[1].0 > w[0].0));
    }
}
