//! The board on which all parts write how they are, and the answer of the status endpoint that is read from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use camerafleet_footage::{
    ids::CameraId,
    shard::{CameraState, CameraStatus, MAX_PENDING_EPOCHS, Recorder, ShardStatus, StoreState, StreamInfo},
};
use serde::Serialize;

use crate::spool::{EpochKey, Spool};

/// The store's last failure, shared by all cameras that have something waiting for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFailure {
    /// A word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

#[derive(Clone, Debug)]
struct Camera {
    name: String,
    state: CameraState,
    message: String,
    stream: Option<StreamInfo>,
    recorder: Option<Recorder>,
    open: Option<EpochKey>,
    stored: bool,
    settled: bool,
    one_session: bool,
    last_frame: Option<Instant>,
    removed: bool,
}

#[derive(Default)]
struct Inner {
    config_digest: String,
    config_error: Option<String>,
    draining: bool,
    was_ready: bool,
    cameras: BTreeMap<CameraId, Camera>,
    store_failure: Option<StoreFailure>,
}

/// The board.
pub struct Board {
    pod_uid: String,
    spool: Arc<Spool>,
    inner: Mutex<Inner>,
}

/// What `/status` answers: the contract's type and what a person wants beside it.
#[derive(Serialize)]
pub struct Answer {
    /// The contract with the operator.
    #[serde(flatten)]
    pub shard: ShardStatus,
    /// Why the present ConfigMap is not in force.
    #[serde(rename = "configError", skip_serializing_if = "Option::is_none")]
    pub config_error: Option<String>,
}

/// What a scrape needs of a camera.
pub struct Gauge {
    /// Its id.
    pub id: CameraId,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: CameraState,
    /// Since its last frame.
    pub last_frame: Option<Duration>,
}

impl Board {
    /// An empty one.
    pub fn new(pod_uid: String, spool: Arc<Spool>) -> Self {
        Self { pod_uid, spool, inner: Mutex::default() }
    }

    /// The configuration in force.
    pub fn config(&self, digest: Option<&str>, error: Option<String>) {
        let mut inner = self.lock();
        inner.config_digest = digest.unwrap_or_default().to_owned();
        inner.config_error = error;
    }

    /// The pod stops.
    pub fn drain(&self) {
        self.lock().draining = true;
    }

    /// A camera is taken into the shard, or its name or sessions changed.
    pub fn camera(&self, id: &CameraId, name: &str, one_session: bool) {
        let mut inner = self.lock();
        let camera = inner.cameras.entry(id.clone()).or_insert_with(|| Camera {
            name: String::new(),
            state: CameraState::Connecting,
            message: "Connecting to the camera for the first time.".into(),
            stream: None,
            recorder: None,
            open: None,
            stored: false,
            settled: false,
            one_session,
            last_frame: None,
            removed: false,
        });
        camera.name = name.to_owned();
        camera.one_session = one_session;
        camera.removed = false;
    }

    /// A camera left the shard; it is shown until its last segment is stored.
    pub fn remove(&self, id: &CameraId) {
        self.with(id, |camera| {
            camera.removed = true;
            camera.state = CameraState::Off;
            camera.message = "The camera left this shard; its last segments wait for the store.".into();
        });
    }

    /// How a camera is now.
    pub fn state(&self, id: &CameraId, state: CameraState, message: &str) {
        self.with(id, |camera| {
            if camera.state != state || camera.message != message {
                tracing::info!(camera = %id, name = %camera.name, ?state, message, "camera state");
                camera.state = state;
                message.clone_into(&mut camera.message);
            }
            camera.settled |= state != CameraState::Connecting;
        });
    }

    /// What a camera sends.
    pub fn stream(&self, id: &CameraId, stream: StreamInfo) {
        self.with(id, |camera| camera.stream = Some(stream));
    }

    /// Who signs a camera's segments, and the chain's head.
    pub fn recorder(&self, id: &CameraId, recorder: Recorder) {
        self.with(id, |camera| camera.recorder = Some(recorder));
    }

    /// The epoch key of a camera's open segment.
    pub fn open(&self, id: &CameraId, epoch: Option<EpochKey>) {
        self.with(id, |camera| camera.open = epoch);
    }

    /// A frame came.
    pub fn frame(&self, id: &CameraId) {
        self.with(id, |camera| camera.last_frame = Some(Instant::now()));
    }

    /// A camera's segment reached the store.
    pub fn stored(&self, id: &CameraId) {
        self.with(id, |camera| camera.stored = true);
    }

    /// How the last upload went.
    pub fn store(&self, failure: Option<StoreFailure>) {
        let mut inner = self.lock();
        if inner.store_failure != failure {
            match &failure {
                Some(failure) => {
                    tracing::error!(reason = failure.reason, message = failure.message, "store fails")
                }
                None => tracing::info!("store works again"),
            }
            inner.store_failure = failure;
        }
    }

    /// The pod is Ready when each camera records, or fails for a reason that is not its start, or may have to
    /// wait for its twin's session. Once it was, it stays so until it stops: a camera that fails later is the
    /// camera's condition and no reason to take the pod out of service.
    pub fn ready(&self) -> bool {
        let mut inner = self.lock();
        let configured = !inner.config_digest.is_empty();
        let settled =
            inner.cameras.values().all(|camera| camera.settled || camera.one_session || camera.removed);
        inner.was_ready |= configured && settled;
        inner.was_ready && !inner.draining
    }

    /// What a scrape shows.
    pub fn gauges(&self) -> Vec<Gauge> {
        let inner = self.lock();
        let gauge = |(id, camera): (&CameraId, &Camera)| Gauge {
            id: id.clone(),
            name: camera.name.clone(),
            state: camera.state,
            last_frame: camera.last_frame.map(|at| at.elapsed()),
        };
        inner.cameras.iter().filter(|(_, camera)| !camera.removed).map(gauge).collect()
    }

    /// Whether the present ConfigMap is in force, and whether the store works.
    pub fn health(&self) -> (bool, bool) {
        let inner = self.lock();
        (inner.config_error.is_none() && !inner.config_digest.is_empty(), inner.store_failure.is_none())
    }

    /// The answer.
    pub fn answer(&self) -> Answer {
        let pending = self.spool.pending();
        let full = self.spool.is_full();
        let mut inner = self.lock();
        let waiting: BTreeSet<CameraId> = pending.keys().cloned().collect();
        inner.cameras.retain(|id, camera| !camera.removed || waiting.contains(id));
        let inner = &*inner;
        let cameras = inner.cameras.iter().filter_map(|(id, camera)| {
            let waits = pending.get(id);
            Some((id.clone(), status(camera, waits, inner.store_failure.as_ref(), full)?))
        });
        let cameras: BTreeMap<_, _> = cameras.collect();
        let others = pending.iter().filter(|(id, _)| !cameras.contains_key(*id));
        let other_pending_epochs =
            others.flat_map(|(_, epochs)| epochs.iter().map(|epoch| epoch.name.clone()));
        let shard = ShardStatus {
            pod_uid: self.pod_uid.clone(),
            config_digest: inner.config_digest.clone(),
            draining: inner.draining,
            spool_bytes: self.spool.bytes(),
            other_pending_epochs: other_pending_epochs.collect(),
            cameras,
        };
        Answer { shard, config_error: inner.config_error.clone() }
    }

    fn with(&self, id: &CameraId, change: impl FnOnce(&mut Camera)) {
        if let Some(camera) = self.lock().cameras.get_mut(id) {
            change(camera);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change above leaves a whole board, whoever panicked meanwhile.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// None for a camera whose recorder has not begun: that takes no time worth telling.
fn status(
    camera: &Camera,
    waits: Option<&BTreeSet<EpochKey>>,
    failure: Option<&StoreFailure>,
    full: bool,
) -> Option<CameraStatus> {
    let stored = match failure {
        Some(failure) if waits.is_some() => {
            StoreState::Failing { reason: failure.reason.into(), message: failure.message.clone() }
        }
        _ if camera.stored => StoreState::Stored,
        _ => StoreState::Waiting,
    };
    // Ordered by time.
    let epochs: BTreeSet<&EpochKey> = camera.open.iter().chain(waits.into_iter().flatten()).collect();
    let names = || epochs.iter().map(|epoch| epoch.name.clone());
    let (state, message) = if full && camera.state == CameraState::Recording {
        (
            CameraState::SpoolFull,
            "The spool is full: the oldest segments are given up for new ones. Make the store reachable, or the spool larger.",
        )
    } else {
        (camera.state, camera.message.as_str())
    };
    Some(CameraStatus {
        state,
        message: message.to_owned(),
        stream: camera.stream.clone(),
        recorder: camera.recorder.clone()?,
        stored,
        oldest_pending_epoch: names().next(),
        pending_epochs: (epochs.len() <= MAX_PENDING_EPOCHS).then(|| names().collect()),
    })
}

#[cfg(test)]
mod tests;
