//! Takes a camera's frames and makes sealed segments of them.

use std::sync::Arc;

use camerafleet_footage::{layout::Tracks, seal::GapReason};
use jiff::Timestamp;

use super::{
    Access, AudioFrame, RecordError, VideoFrame,
    cut::{self, Cut, Step, View},
    epoch::{self, Choice},
    sealer::{Policy, Sealer, SealingError},
    session::{Held, Placed, Session},
    timeline::Verdict,
};
use crate::{
    camera::limits::Limits,
    config::diff::{self, CameraSpec, Change},
    metrics::Metrics,
    mux::{AudioSample, AudioTrack, Fragment, Muxer, VIDEO_TIMESCALE, VideoSample, VideoTrack},
    spool::{EpochKey, Spool},
    status::Board,
};

/// Frames that are held back for late sound at most, with their bytes and the time, µs.
const HELD_FRAMES: usize = 60;
const HELD_BYTES: usize = 8 << 20;
const HELD_US: i64 = 500_000;

/// What a recorder shares with the pod.
#[derive(Clone)]
pub struct Context {
    /// Where segments go.
    pub spool: Arc<Spool>,
    /// Where states are shown.
    pub board: Arc<Board>,
    /// What is counted.
    pub metrics: Metrics,
    /// What cameras may take.
    pub limits: Limits,
}

/// One camera's recorder, over all of its sessions.
pub struct Recorder {
    context: Context,
    spec: Arc<CameraSpec>,
    /// Away while it works on another thread.
    sealer: Option<Sealer>,
    session: Session,
    open: Option<Open>,
    policy_changed: bool,
    /// Why the next segment will not continue the last one; the first reason since then.
    gap: Option<GapReason>,
    /// The usual length of a frame, 90 kHz.
    typical: u32,
    /// Until the stream's first segment is over: what [`cut::first_length`] chooses by.
    first: Option<u64>,
}

/// The open segment.
struct Open {
    muxer: Muxer,
    zero: i64,
    /// Of media, without sound.
    bytes: u64,
    track: Arc<VideoTrack>,
    /// Frames that refer to before the segment can only follow its first one.
    first_group: bool,
}

impl Recorder {
    /// With a stream of its own, whose first segment is shortened by a part that `random` chooses (0: by nothing).
    pub fn new(context: Context, spec: Arc<CameraSpec>, random: u64) -> Result<Self, SealingError> {
        let sealer = Sealer::new(spec.clone(), context.spool.clone())?;
        context.board.recorder(&spec.id, sealer.recorder());
        let typical = VIDEO_TIMESCALE / 25;
        Ok(Self {
            context,
            spec,
            sealer: Some(sealer),
            session: Session::new(None),
            open: None,
            policy_changed: false,
            gap: None,
            typical,
            first: Some(random),
        })
    }

    /// Whether the stream is gone with a thread that panicked: a new recorder is needed.
    pub fn is_lost(&self) -> bool {
        self.sealer.is_none()
    }

    /// The configuration from now on.
    pub fn configure(&mut self, spec: Arc<CameraSpec>) {
        self.policy_changed |= self.open.is_some() && diff::change(&self.spec, &spec) == Change::Cut;
        self.spec = spec;
    }

    /// A session begins; `audio` only where it is granted.
    pub fn begin_session(&mut self, audio: Option<AudioTrack>) {
        self.session = Session::new(audio);
    }

    /// A frame came. True if it, or an earlier one that was held back, was recorded.
    pub async fn video(&mut self, frame: VideoFrame) -> Result<bool, RecordError> {
        let (pts, verdict) = self.session.timeline.place(frame.raw, frame.at_us, self.typical);
        let id = self.spec.id.as_str();
        if matches!(verdict, Verdict::Outlier | Verdict::NewLine) {
            self.context.metrics.outliers.with_label_values(&[id]).inc();
        }
        if let Some((_, sound)) = &mut self.session.audio {
            if verdict == Verdict::NewLine {
                sound.forget();
            }
            sound.picture(frame.at_us, us(pts));
        }
        let placed = Placed { frame, pts, verdict };
        let Some(held) = &mut self.session.held else { return self.step(placed, true).await };
        held.bytes += placed.frame.data.len();
        let waited = placed.frame.at_us - held.frames[0].frame.at_us;
        held.frames.push(placed);
        if waited >= HELD_US || held.frames.len() >= HELD_FRAMES || held.bytes >= HELD_BYTES {
            return self.release().await;
        }
        Ok(false)
    }

    /// An audio frame came.
    pub async fn audio(&mut self, frame: AudioFrame) -> Result<(), RecordError> {
        let Some((_, sound)) = &mut self.session.audio else { return Ok(()) };
        let Some(at) = sound.place(frame.raw, frame.at_us) else { return Ok(()) };
        if self.session.held.as_ref().is_some_and(|held| at >= us(held.frames[0].pts)) {
            self.release().await?;
        }
        let (Some(open), Some((_, sound))) = (&mut self.open, &self.session.audio) else { return Ok(()) };
        let pts = sound.units(at, us(open.zero));
        // From before the first picture.
        if pts < 0 {
            return Ok(());
        }
        let metrics = &self.context.metrics;
        let labels = &[self.spec.id.as_str(), "audio"];
        metrics.frames.with_label_values(labels).inc();
        metrics.bytes.with_label_values(labels).inc_by(frame.data.len() as u64);
        open.muxer.audio(AudioSample { pts, length: frame.length, data: frame.data });
        Ok(())
    }

    /// What was held back goes on.
    async fn release(&mut self) -> Result<bool, RecordError> {
        let Some(held) = self.session.held.take() else { return Ok(false) };
        let mut recorded = false;
        let mut frames = held.frames.into_iter();
        if let Some(first) = frames.next() {
            self.begin(first, Some(held.cut)).await?;
            recorded = true;
        }
        for frame in frames {
            recorded |= self.step(frame, false).await?;
        }
        Ok(recorded)
    }

    async fn step(&mut self, placed: Placed, may_hold: bool) -> Result<bool, RecordError> {
        let target_ms = self.spec.camera.segment_duration_ms;
        let view = View {
            open_ms: self
                .open
                .as_ref()
                .map(|open| u64::try_from(us(placed.pts - open.zero) / 1_000).unwrap_or(0)),
            open_bytes: self.open.as_ref().map_or(0, |open| open.bytes),
            target_ms: self.first.map_or(target_ms, |random| cut::first_length(target_ms, random)),
            sync: placed.frame.access == Access::Start,
            verdict: placed.verdict,
            clock_pending: self.session.clock_pending,
            policy_changed: self.policy_changed,
            parameters_changed: self.open.as_ref().is_some_and(|open| open.track != placed.frame.track),
        };
        let step = cut::decide(&view);
        self.session.clock_pending |= placed.verdict == Verdict::NewLine;
        match step {
            Step::Append => self.append(placed).await,
            Step::Drop => {
                self.dropped("NoKeyFrameYet");
                Ok(false)
            }
            Step::End(cut) => {
                self.gap(cut);
                self.end(None, false).await?;
                self.dropped("AfterGap");
                Ok(false)
            }
            Step::Begin(cut) => {
                if let Some(cut @ (Cut::Length | Cut::Size | Cut::Policy)) = cut
                    && may_hold
                    && self.session.audio.as_ref().is_some_and(|(_, sound)| sound.is_behind(us(placed.pts)))
                {
                    let bytes = placed.frame.data.len();
                    self.session.held = Some(Held { cut, frames: vec![placed], bytes });
                    return Ok(false);
                }
                self.begin(placed, cut).await?;
                Ok(true)
            }
        }
    }

    /// Ends the open segment, if any, and begins one with a frame.
    async fn begin(&mut self, placed: Placed, cut: Option<Cut>) -> Result<(), RecordError> {
        let mut early = Vec::new();
        if let Some(cut) = cut {
            let seamless = matches!(cut, Cut::Length | Cut::Size | Cut::Policy | Cut::Parameters);
            if !seamless {
                self.gap(cut);
            }
            early = self.end(seamless.then_some(placed.pts), seamless).await?;
            // A seamless cut still breaks the run when the pod's own clock was set.
            if seamless && !self.session.wall.continues() {
                self.note_gap(Cut::Clock.gap());
            }
        }
        self.session.clock_pending = false;
        self.policy_changed = false;
        // The pod's clock and not the camera's decides epoch and hour.
        let now = Timestamp::now();
        let id = self.spec.id.clone();
        let key = match epoch::choose(&self.spec.epoch_keys, now.as_second()) {
            Choice::Current(key) => key,
            Choice::Stale(key) => {
                self.context.metrics.stale_epoch_key.with_label_values(&[id.as_str()]).inc();
                tracing::warn!(camera = %id, key = key.key.name, "no epoch key of this time, sealing to the newest one");
                key
            }
            Choice::None => return Err(RecordError::NoEpochKey),
        };
        let epoch = EpochKey { start: key.start, name: key.key.name.clone() };
        let policy = Policy::new(&self.spec, key);
        let audio = self.session.audio.as_ref().map(|(track, _)| track.clone());
        let tracks = if audio.is_some() { Tracks::VideoAudio } else { Tracks::Video };
        let gap = self.gap.clone();
        self.sealing(move |sealer| sealer.open(&policy, now, gap, tracks)).await?;
        self.gap = None;
        self.context.board.open(&id, Some(epoch));
        let mut muxer =
            Muxer::new(VideoTrack::clone(&placed.frame.track), audio, now.as_second(), Some(self.typical));
        early.into_iter().for_each(|sample| muxer.audio(sample));
        self.open = Some(Open {
            muxer,
            zero: placed.pts,
            bytes: 0,
            track: placed.frame.track.clone(),
            first_group: true,
        });
        self.append(placed).await?;
        Ok(())
    }

    async fn append(&mut self, placed: Placed) -> Result<bool, RecordError> {
        let Some(open) = &mut self.open else { return Ok(false) };
        let Placed { frame, pts, .. } = placed;
        let pts = pts - open.zero;
        if open.first_group {
            if frame.access == Access::Leading {
                self.dropped("RefersToBefore");
                return Ok(false);
            }
            open.first_group = frame.access != Access::Start || pts == 0;
        }
        let labels = &[self.spec.id.as_str(), "video"];
        self.context.metrics.frames.with_label_values(labels).inc();
        self.context.metrics.bytes.with_label_values(labels).inc_by(frame.data.len() as u64);
        open.bytes += frame.data.len() as u64;
        self.session.wall.frame(frame.at_us, us(pts));
        let sample = VideoSample { pts, sync: frame.access == Access::Start, data: frame.data };
        let fragment = open.muxer.video(sample).map_err(SealingError::from)?;
        self.typical = open.muxer.typical();
        self.write(fragment).await?;
        Ok(true)
    }

    async fn write(&mut self, fragment: Option<Fragment>) -> Result<(), RecordError> {
        let Some(fragment) = fragment else { return Ok(()) };
        let end = self.open.as_ref().map_or(0, |open| us(open.muxer.video_end()));
        let so_far = self.session.wall.so_far(end);
        let written = self.sealing(move |sealer| sealer.fragment(&fragment, so_far)).await;
        if written.is_err() {
            self.open = None;
            self.context.board.open(&self.spec.id, None);
        }
        Ok(written?)
    }

    /// Ends the open segment before a frame at `next_pts`, if there is one. Gives the sound that belongs to
    /// the next.
    async fn end(&mut self, next_pts: Option<i64>, continues: bool) -> Result<Vec<AudioSample>, RecordError> {
        let Some(mut open) = self.open.take() else {
            self.session.wall.restart();
            return Ok(Vec::new());
        };
        self.first = None;
        let mut place = None;
        let rest = open.muxer.finish(next_pts.map(|pts| pts - open.zero), |end, last| {
            let (placed, length_us) = self.session.wall.finish(us(end), us(last), continues);
            place = Some(placed);
            length_us * i64::from(VIDEO_TIMESCALE) / 1_000_000
        });
        let rest = rest.map_err(SealingError::from)?;
        self.typical = open.muxer.typical();
        let id = self.spec.id.clone();
        let finished = self
            .sealing(move |sealer| {
                // A segment is begun with a frame, so that there is one to finish it with.
                let (Some(fragment), Some(place)) = (rest, place) else {
                    return Ok((None, sealer.recorder()));
                };
                sealer.fragment(&fragment, place)?;
                let finished = sealer.finish(place, Timestamp::now())?;
                Ok((finished, sealer.recorder()))
            })
            .await;
        self.context.board.open(&id, None);
        let (finished, recorder) = finished?;
        self.context.board.recorder(&id, recorder);
        if let Some(finished) = finished {
            self.context.metrics.finished.with_label_values(&[id.as_str()]).inc();
            tracing::debug!(camera = %id, sequence = finished.name.sequence, bytes = finished.bytes, "segment finished");
        }
        Ok(next_pts.map_or_else(Vec::new, |pts| open.muxer.early_audio(pts - open.zero)))
    }

    /// The session is over: what is held back and open is finished. `reason` is one word in the fleet's
    /// CamelCase.
    pub async fn end_session(&mut self, reason: &str) -> Result<(), RecordError> {
        let released = self.release().await.map(|_| ());
        let ended = self.end(None, false).await.map(|_| ());
        self.note_gap(reason);
        self.session = Session::new(None);
        released.and(ended)
    }

    /// The camera is recorded no more: the stream's last word is said.
    pub async fn close(mut self, reason: &'static str) -> Result<(), RecordError> {
        self.end_session("Stop").await?;
        let Some(sealer) = self.sealer.take() else { return Err(SealingError::Lost.into()) };
        let closing = tokio::task::spawn_blocking(move || sealer.close(reason, Timestamp::now()));
        closing.await.unwrap_or(Err(SealingError::Lost))?;
        Ok(())
    }

    /// Sealing and the disk block: not on the threads that read cameras. The future must not be dropped
    /// before it is done, or the stream is lost.
    async fn sealing<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Sealer) -> Result<T, SealingError> + Send + 'static,
    ) -> Result<T, SealingError> {
        let mut sealer = self.sealer.take().ok_or(SealingError::Lost)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&mut sealer);
            (sealer, result)
        });
        let (sealer, result) = done.await.map_err(|_| SealingError::Lost)?;
        self.sealer = Some(sealer);
        result.inspect_err(|error| {
            let reason = if error.is_full() { "SpoolFull" } else { "SealingFailed" };
            self.context.metrics.lost.with_label_values(&[self.spec.id.as_str(), reason]).inc();
        })
    }

    fn gap(&mut self, cut: Cut) {
        self.note_gap(cut.gap());
        let reason = format!("{cut:?}");
        self.context.metrics.gaps.with_label_values(&[self.spec.id.as_str(), &reason]).inc();
    }

    fn note_gap(&mut self, reason: &str) {
        self.gap = self.gap.take().or_else(|| gap_reason(reason));
    }

    fn dropped(&self, reason: &str) {
        self.context.metrics.dropped_frames.with_label_values(&[self.spec.id.as_str(), reason]).inc();
    }
}

/// As headers write it: `KeysNotReady` is `keys-not-ready`.
fn gap_reason(word: &str) -> Option<GapReason> {
    let mut kebab = String::new();
    for c in word.chars() {
        if c.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    GapReason::parse(kebab).ok()
}

fn us(pts: i64) -> i64 {
    pts * 1_000_000 / i64::from(VIDEO_TIMESCALE)
}
