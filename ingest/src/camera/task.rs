//! One camera's task: record while it is wanted, try again when it fails, stop when told to.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use camerafleet_footage::shard::CameraState;
use jiff::Timestamp;
use retina::client::SessionGroup;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    failure::Failure,
    relay::Route,
    retry::{self, Attempt, Backoff},
    schedule::{self, Wanted},
    session::{self, Camera, Item},
};
use crate::{
    config::diff::{self, CameraSpec, Change},
    segment::{Context, RecordError, Recorder, SealingError},
};

/// Why a session ended.
enum End {
    Stopped,
    /// The configuration wants another session, or none.
    Changed,
    Failed(Failure),
}

/// One camera's task.
pub struct Task {
    context: Context,
    specs: watch::Receiver<Arc<CameraSpec>>,
    spec: Arc<CameraSpec>,
    stop: CancellationToken,
    recorder: Recorder,
    group: Arc<SessionGroup>,
    started: Instant,
    attempts: usize,
    route: Route,
}

impl Task {
    /// Ready to run.
    pub fn new(
        context: Context,
        mut specs: watch::Receiver<Arc<CameraSpec>>,
        stop: CancellationToken,
    ) -> Result<Self, SealingError> {
        let spec = specs.borrow_and_update().clone();
        let recorder = Recorder::new(context.clone(), spec.clone(), retry::random())?;
        Ok(Self {
            context,
            specs,
            spec,
            stop,
            recorder,
            group: Arc::default(),
            started: Instant::now(),
            attempts: 0,
            route: Route::default(),
        })
    }

    /// Runs until stopped, or until its stream is lost. The stream is closed with `reason()`.
    pub async fn run(mut self, reason: impl FnOnce() -> &'static str) {
        let mut backoff = Backoff::new(self.context.limits.retry);
        while !self.stop.is_cancelled() && !self.recorder.is_lost() {
            self.refresh();
            if let Some((state, message)) = self.not_wanted() {
                self.show(state, message);
                self.pause(self.context.limits.tick).await;
                continue;
            }
            // The configuration may change while a session lasts.
            let url = self.spec.camera.url.clone();
            let (end, recorded) = self.session().await;
            let reason = match &end {
                End::Stopped => "Stop".to_owned(),
                End::Changed => {
                    self.not_wanted().map_or_else(|| "Reconfigured".into(), |(state, _)| format!("{state:?}"))
                }
                End::Failed(failure) => failure.word().to_owned(),
            };
            if let Err(error) = self.recorder.end_session(&reason).await {
                tracing::error!(camera = %self.spec.id, %error, "the last segment of a session could not be finished");
            }
            match end {
                End::Stopped => break,
                End::Changed => backoff.reset(),
                End::Failed(failure) => {
                    self.route.failed(&url, failure);
                    self.failed(failure, recorded);
                    let attempt = Attempt {
                        recorded,
                        refused: failure.is_slow(),
                        one_session: self.spec.camera.max_sessions <= 1,
                        since_start: self.started.elapsed(),
                    };
                    let wait = backoff.next(&attempt, retry::random());
                    if self.pause(wait).await {
                        backoff.reset();
                    }
                }
            }
        }
        let id = self.spec.id.clone();
        if let Err(error) = self.recorder.close(reason()).await {
            tracing::error!(camera = %id, %error, "the stream could not be closed in good order");
        }
    }

    fn failed(&mut self, failure: Failure, recorded: Duration) {
        if failure == Failure::TooMuch {
            // Its session was dropped without a word, so that the old group would wait for its end.
            self.group = Arc::default();
        }
        let id = self.spec.id.as_str();
        let metrics = &self.context.metrics;
        metrics.reconnects.with_label_values(&[id, failure.word()]).inc();
        if recorded > Duration::ZERO {
            metrics.gaps.with_label_values(&[id, failure.word()]).inc();
        }
        // The first try after a good time is no condition yet: many cameras drop a session now and then.
        if recorded >= self.context.limits.stall && failure == Failure::Ended {
            self.show(CameraState::Connecting, failure.message());
        } else {
            self.show(failure.state(), failure.message());
        }
    }

    /// Waits; true if the connection's configuration changed, which ends the wait.
    async fn pause(&mut self, wait: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = tokio::time::sleep_until(deadline) => return false,
                changed = self.specs.changed() => match changed {
                    Err(_) => return false,
                    Ok(()) if self.refresh() <= Change::Reconnect => return true,
                    Ok(()) => {}
                },
            }
        }
    }

    /// Takes the newest configuration over.
    fn refresh(&mut self) -> Change {
        let new = self.specs.borrow_and_update().clone();
        let change = diff::change(&self.spec, &new);
        if change != Change::None {
            self.recorder.configure(new.clone());
            self.spec = new;
        }
        change
    }

    fn not_wanted(&self) -> Option<(CameraState, &'static str)> {
        match schedule::wanted(&self.spec.camera.recording, Timestamp::now()) {
            Wanted::Off => Some((CameraState::Off, "Recording is off (spec.recording.mode).")),
            Wanted::ScheduledOff => {
                Some((CameraState::ScheduledOff, "Outside the windows of spec.recording.schedule."))
            }
            Wanted::Unreadable => Some((
                CameraState::ScheduledOff,
                "The schedule cannot be read, so nothing is recorded: correct days, times and time zone in spec.recording.schedule.",
            )),
            Wanted::Record if self.spec.epoch_keys.is_empty() => {
                Some((CameraState::KeysNotReady, Failure::KeysNotReady.message()))
            }
            Wanted::Record => None,
        }
    }

    fn show(&self, state: CameraState, message: &str) {
        self.context.board.state(&self.spec.id, state, message);
    }

    /// One session, and how long it recorded.
    async fn session(&mut self) -> (End, Duration) {
        self.attempts += 1;
        let spec = self.spec.clone();
        let stop = self.stop.clone();
        let way = self.route.way(&spec.camera.url);
        let connect = session::connect(&spec, &self.context.limits, &self.group, self.attempts, way);
        let connected = tokio::select! {
            () = stop.cancelled() => return (End::Stopped, Duration::ZERO),
            connected = connect => connected,
        };
        let mut camera = match connected {
            Ok(camera) => camera,
            Err(failure) => return (End::Failed(failure), Duration::ZERO),
        };
        if spec.camera.audio && camera.audio().is_none() {
            tracing::warn!(camera = %spec.id, "sound is granted, but the camera offers none that can be recorded (AAC, G.711)");
        }
        self.recorder.begin_session(camera.audio().cloned());
        let mut first: Option<Instant> = None;
        let end = self.record(&mut camera, &mut first).await;
        if matches!(end, End::Failed(Failure::TooMuch)) {
            camera.discard();
        }
        (end, first.map_or(Duration::ZERO, |first| first.elapsed()))
    }

    async fn record(&mut self, camera: &mut Camera, first: &mut Option<Instant>) -> End {
        let limits = self.context.limits;
        let mut tick = tokio::time::interval(limits.tick);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last_frame = Instant::now();
        let mut last_recorded = Instant::now();
        let mut shown = None;
        let spec = self.spec.clone();
        loop {
            // Only waiting happens inside: what is recorded must not be interrupted half-way.
            let item = tokio::select! {
                biased;
                () = self.stop.cancelled() => return End::Stopped,
                changed = self.specs.changed() => {
                    if changed.is_err() {
                        return End::Stopped;
                    }
                    if self.refresh() <= Change::Reconnect {
                        return End::Changed;
                    }
                    continue;
                }
                _ = tick.tick() => {
                    if self.not_wanted().is_some() {
                        return End::Changed;
                    }
                    if !camera.has_parameters() && camera.playing_for() >= limits.parameters {
                        return End::Failed(if camera.is_foreign() { Failure::Foreign } else { Failure::NoParameters });
                    }
                    if last_frame.elapsed() >= limits.stall {
                        return End::Failed(if camera.is_foreign() { Failure::Foreign } else { Failure::Stalled });
                    }
                    if last_recorded.elapsed() >= limits.key_frame {
                        return End::Failed(Failure::NoKeyFrame);
                    }
                    continue;
                }
                item = camera.next(&spec) => match item {
                    Ok(item) => item,
                    Err(failure) => return End::Failed(failure),
                },
            };
            let result = match item {
                Item::Video(frame, loss) => {
                    last_frame = Instant::now();
                    self.context.board.frame(&spec.id);
                    self.lost(loss);
                    self.recorder.video(frame).await
                }
                Item::Audio(frame, loss) => {
                    self.lost(loss);
                    self.recorder.audio(frame).await.map(|()| false)
                }
                Item::Undecodable => {
                    last_frame = Instant::now();
                    Ok(false)
                }
                Item::BadPacket => {
                    self.context.metrics.bad_packets.with_label_values(&[spec.id.as_str()]).inc();
                    Ok(false)
                }
                Item::Other => Ok(false),
            };
            match result {
                Ok(true) => {
                    last_recorded = Instant::now();
                    first.get_or_insert(last_recorded);
                    let info = camera.info();
                    if info != shown {
                        if let Some(info) = info.clone() {
                            self.context.board.stream(&spec.id, info);
                        }
                        shown = info;
                    }
                    self.show(CameraState::Recording, "Recording.");
                }
                Ok(false) => {}
                Err(error) => return End::Failed(self.record_failure(&error)),
            }
        }
    }

    fn lost(&self, packets: u64) {
        if packets > 0 {
            self.context.metrics.lost_packets.with_label_values(&[self.spec.id.as_str()]).inc_by(packets);
        }
    }

    fn record_failure(&self, error: &RecordError) -> Failure {
        tracing::error!(camera = %self.spec.id, %error, "recording failed");
        match error {
            RecordError::NoEpochKey => Failure::KeysNotReady,
            RecordError::Sealing(error) if error.is_key() => Failure::BadKeys,
            RecordError::Sealing(error) if error.is_full() => Failure::SpoolFull,
            RecordError::Sealing(_) => Failure::SealingFailed,
        }
    }
}
