//! Brings what is pending into the store: oldest first, a few at a time, again and again until it is there.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use camerafleet_footage::{ids::CameraId, shard::CameraConfig};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Entry, Kind, Spool};
use crate::{
    camera::retry,
    config::Current,
    metrics::Metrics,
    status::{Board, StoreFailure},
    store::{self, Failure, Put, Store},
};

/// Uploads at a time. Each holds a whole segment in memory.
const WORKERS: usize = 3;
/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(60);
/// How often ages are looked at.
const TICK: Duration = Duration::from_secs(5);

/// All that the workers share.
struct Uploader {
    spool: Arc<Spool>,
    board: Arc<Board>,
    metrics: Metrics,
    store: Mutex<Result<Arc<Store>, Failure>>,
    /// Failures in a row that concern every object, and until when to wait for that.
    pause: Mutex<(u32, Option<Instant>)>,
    /// A new credential or store: what was waited for may be healed.
    renewed: tokio::sync::Notify,
}

/// Runs until stopped.
pub async fn run(
    spool: Arc<Spool>,
    board: Arc<Board>,
    metrics: Metrics,
    config: watch::Receiver<Current>,
    stop: CancellationToken,
) {
    let uploader = Arc::new(Uploader {
        spool,
        board,
        metrics,
        store: Mutex::new(Err(store::NO_CREDENTIAL)),
        pause: Mutex::default(),
        renewed: tokio::sync::Notify::new(),
    });
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(uploader.clone().follow(config));
    for _ in 0..WORKERS {
        tasks.spawn(uploader.clone().work());
    }
    tasks.spawn(uploader.expire());
    stop.cancelled().await;
    tasks.shutdown().await;
}

impl Uploader {
    /// Rebuilds the client when its configuration or credential changed.
    async fn follow(self: Arc<Self>, mut config: watch::Receiver<Current>) {
        let mut built = None;
        loop {
            let current = config.borrow_and_update().clone();
            if let (Some(shard), Some(secrets)) = (&current.shard, &current.secrets) {
                self.spool.limit(shard.config.spool);
                let weight = |(id, camera): (&CameraId, &CameraConfig)| (id.clone(), camera.expected_bitrate);
                self.spool.share(shard.config.cameras.iter().map(weight).collect());
                let wanted = (shard.config.store.clone(), secrets.store());
                if built.as_ref() != Some(&wanted) {
                    let (config, credential) = &wanted;
                    let store = match credential {
                        Some(credential) => Store::new(config, credential).map(Arc::new),
                        None => Err(store::NO_CREDENTIAL),
                    };
                    *self.store.lock().unwrap_or_else(PoisonError::into_inner) = store;
                    *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = (0, None);
                    self.renewed.notify_waiters();
                    built = Some(wanted);
                }
            }
            if config.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    async fn expire(self: Arc<Self>) {
        loop {
            self.spool.expire(jiff::Timestamp::now().as_millisecond());
            tokio::time::sleep(TICK).await;
        }
    }

    async fn work(self: Arc<Self>) {
        loop {
            // Listening begins before looking, so that nothing is missed in between.
            let changed = self.spool.changed();
            let renewed = self.renewed.notified();
            let now = Instant::now();
            let paused =
                self.pause.lock().unwrap_or_else(PoisonError::into_inner).1.filter(|until| *until > now);
            let again = match paused {
                Some(until) => Some(until),
                None => match self.spool.take(now) {
                    Ok(entry) => {
                        self.upload(entry).await;
                        continue;
                    }
                    Err(soonest) => soonest,
                },
            };
            let wait = again.map_or(TICK, |at| at.saturating_duration_since(now).min(TICK));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = changed, if paused.is_none() => {}
                () = renewed => {}
            }
        }
    }

    async fn upload(&self, entry: Entry) {
        let began = Instant::now();
        let result = self.create(&entry).await;
        let camera = &entry.meta.camera;
        match result {
            Ok(put) => {
                if put == Put::Existed && entry.attempts == 0 && !entry.found {
                    tracing::warn!(%camera, key = entry.meta.key, "an object of this name was there before the first attempt");
                }
                *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = (0, None);
                self.spool.give_back(entry.number, true, None);
                self.board.store(None);
                let labels = &[camera.as_str()];
                self.metrics.upload_seconds.with_label_values(labels).observe(began.elapsed().as_secs_f64());
                if entry.meta.kind == Kind::Segment {
                    let delay = jiff::Timestamp::now().as_millisecond() - entry.meta.finished_ms;
                    self.metrics
                        .delay_seconds
                        .with_label_values(labels)
                        .observe(delay.max(0) as f64 / 1_000.0);
                    self.board.stored(camera);
                    self.metrics.stored.with_label_values(&[camera.as_str()]).inc();
                }
            }
            Err(failure) => {
                tracing::warn!(%camera, key = entry.meta.key, reason = failure.reason, "upload failed, trying again");
                self.metrics.upload_failures.with_label_values(&[failure.reason]).inc();
                self.board
                    .store(Some(StoreFailure { reason: failure.reason, message: failure.message.into() }));
                let again = if failure.everywhere {
                    let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
                    let now = Instant::now();
                    // Workers that fail together count as one failure.
                    if pause.1.is_none_or(|until| until <= now) {
                        *pause = (pause.0 + 1, Some(now + wait(pause.0, retry::random())));
                    }
                    None
                } else {
                    Some(Instant::now() + wait(entry.attempts, retry::random()))
                };
                self.spool.give_back(entry.number, false, again);
            }
        }
    }

    async fn create(&self, entry: &Entry) -> Result<Put, Failure> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let data = tokio::fs::read(self.spool.path(entry.number)).await.map_err(|error| {
            tracing::error!(%error, "cannot read a file of the spool");
            Failure {
                reason: "SpoolUnreadable",
                message: "A file of the spool cannot be read.",
                everywhere: false,
            }
        })?;
        store.create(&entry.meta.key, data.into()).await
    }
}

/// One second, doubling to a minute; half of it is chance.
fn wait(failures: u32, random: u64) -> Duration {
    let bound = Duration::from_secs(1 << failures.min(6)).min(LONGEST);
    bound / 2 + bound / 2 * u32::try_from(random % 1_001).unwrap_or(0) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute() {
        let bounds = |failures| (wait(failures, 0).as_millis(), wait(failures, 1_000).as_millis());
        assert_eq!(bounds(0), (500, 1_000));
        assert_eq!(bounds(3), (4_000, 8_000));
        assert_eq!(bounds(60), (30_000, 60_000));
    }
}
