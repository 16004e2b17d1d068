//! Sealed segments on disk: `open/` while they grow, `pending/` until the store has them. A container that is
//! killed leaves whole pending files, which the next one in the same pod uploads. Of an open file it uploads the whole
//! chunks: they open with the same keys, and the end is missing, which is told from a forgery by the stream's end, for it
//! has no close record.
//!
//! The directory is an emptyDir: it does not outlive the node, so nothing is synced to disk.

mod entry;
mod file;
pub mod upload;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use camerafleet_footage::{ids::CameraId, seal::FinishedSegment, shard::SpoolConfig};
use tokio::sync::Notify;

pub use entry::{Entry, EpochKey, Kind, Meta};
pub use file::{Journal, SpoolFile};

use crate::metrics::Metrics;

/// Above this share of its bound (tenths) a spool that was full still counts as full.
const STILL_FULL: u64 = 9;
/// Failed uploads after which an entry is overtaken by its camera's next.
const MAX_HOLDING_BACK: u32 = 8;
/// Segments given up that wait for their streams to record it; of more, the oldest are forgotten.
const MAX_GIVEN_UP: usize = 4_096;

/// A finished segment that was given up, for its stream to say so while it still can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The segment.
    pub segment: Box<FinishedSegment>,
    /// Why.
    pub reason: &'static str,
}

struct State {
    limit: SpoolConfig,
    pending: BTreeMap<u64, Entry>,
    given_up: VecDeque<GivenUp>,
    next: u64,
    /// Bytes of pending and open files.
    used: u64,
    /// The same by camera.
    held: BTreeMap<CameraId, u64>,
    /// How much each camera is expected to send, of all of them.
    weights: BTreeMap<CameraId, u64>,
    full: bool,
}

impl State {
    /// Whether a camera has more than its share of the room. Of one that is not expected any is too much.
    fn is_over(&self, camera: &CameraId) -> bool {
        let all: u128 = self.weights.values().map(|weight| u128::from(*weight)).sum();
        let weight = u128::from(self.weights.get(camera).copied().unwrap_or(0));
        let held = u128::from(self.held.get(camera).copied().unwrap_or(0));
        held * all.max(1) > u128::from(self.limit.size) * weight
    }

    /// What goes when `writer` needs room: the oldest, of the cameras that have more than their share where there are such,
    /// so that a camera that sends more than it should costs the others nothing.
    fn victim(&self, writer: &CameraId) -> Option<u64> {
        let waiting = || self.pending.values().filter(|entry| !entry.taken);
        let oldest = waiting().find(|entry| self.is_over(&entry.meta.camera));
        let oldest = oldest.or_else(|| waiting().next().filter(|_| !self.is_over(writer)));
        oldest.map(|entry| entry.number)
    }

    /// Full no more, where there is room again.
    fn relax(&mut self) {
        self.full &= self.used > self.limit.size / 10 * STILL_FULL;
    }

    fn take_room(&mut self, camera: &CameraId, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
        match self.held.get_mut(camera) {
            Some(held) => *held = held.saturating_add(bytes),
            None => _ = self.held.insert(camera.clone(), bytes),
        }
    }

    fn give_room(&mut self, camera: &CameraId, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
        if let Some(held) = self.held.get_mut(camera) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                self.held.remove(camera);
            }
        }
    }
}

/// The spool.
pub struct Spool {
    root: PathBuf,
    state: Mutex<State>,
    changed: Notify,
    metrics: Metrics,
}

impl Spool {
    /// Opens a directory; what an earlier container left there is taken over.
    pub fn open(root: &Path, metrics: Metrics) -> io::Result<Arc<Self>> {
        let (open, pending) = (root.join("open"), root.join("pending"));
        std::fs::create_dir_all(&open)?;
        std::fs::create_dir_all(&pending)?;
        let lost = entry::salvage(&open, &pending)?;
        if lost > 0 {
            metrics.lost.with_label_values(&["", "Killed"]).inc_by(lost);
        }
        let found = entry::scan(&pending)?;
        let mut state = State {
            // Until the configuration says.
            limit: SpoolConfig { size: u64::MAX, max_age_seconds: u64::MAX },
            next: found.keys().next_back().map_or(0, |n| n + 1),
            pending: BTreeMap::new(),
            given_up: VecDeque::new(),
            used: 0,
            held: BTreeMap::new(),
            weights: BTreeMap::new(),
            full: false,
        };
        found.values().for_each(|entry| state.take_room(&entry.meta.camera, entry.meta.bytes));
        if !found.is_empty() {
            tracing::info!(
                segments = found.len(),
                bytes = state.used,
                "found segments of an earlier container"
            );
        }
        state.pending = found;
        Ok(Arc::new(Self {
            root: root.to_owned(),
            state: Mutex::new(state),
            changed: Notify::new(),
            metrics,
        }))
    }

    /// The bounds from now on.
    pub fn limit(&self, limit: SpoolConfig) {
        self.metrics.spool_limit_bytes.set(i64::try_from(limit.size).unwrap_or(i64::MAX));
        self.metrics.spool_limit_age.set(i64::try_from(limit.max_age_seconds).unwrap_or(i64::MAX));
        let mut state = self.lock();
        state.limit = limit;
        state.relax();
    }

    /// How much each camera is expected to send: its share of the room, for when there is too little. Without any, the
    /// oldest goes, whosever it is.
    pub fn share(&self, weights: BTreeMap<CameraId, u64>) {
        self.lock().weights = weights;
    }

    /// Begins a file for a camera's segment.
    pub fn create(self: &Arc<Self>, camera: &CameraId) -> io::Result<SpoolFile> {
        let number = self.number();
        let path = self.root.join("open").join(format!("{number:020}-{camera}"));
        SpoolFile::create(self.clone(), camera.clone(), path)
    }

    /// A finished file waits for the store from now on.
    pub fn commit(&self, file: SpoolFile, meta: Meta) -> io::Result<()> {
        let number = self.number();
        let (path, bytes) = file.keep();
        // First, or a killed recorder would leave a file both waiting and, in part, open.
        let _ = std::fs::remove_file(file::journal_path(&path));
        let meta = Meta { bytes, ..meta };
        let pending = self.root.join("pending");
        let moved = entry::write_meta(&pending, number, &meta)
            .and_then(|()| std::fs::rename(&path, pending.join(entry::data_name(number))));
        if let Err(error) = moved {
            self.release(&meta.camera, bytes);
            let _ = std::fs::remove_file(&path);
            let _ = std::fs::remove_file(pending.join(entry::meta_name(number)));
            return Err(error);
        }
        self.lock().pending.insert(number, Entry::new(number, meta));
        self.changed.notify_waiters();
        Ok(())
    }

    /// The oldest entry whose time to be tried has come, taken for an upload; else when to look again. A camera's entries
    /// come one after the other: so they reach the store in their order, and no camera takes the others' turn.
    pub fn take(&self, now: Instant) -> Result<Entry, Option<Instant>> {
        let mut state = self.lock();
        let mut soonest: Option<Instant> = None;
        let mut waiting = BTreeSet::new();
        for entry in state.pending.values_mut() {
            if waiting.contains(&entry.meta.camera) {
                continue;
            }
            match entry.not_before {
                _ if entry.taken => {}
                Some(at) if at > now => soonest = Some(soonest.map_or(at, |soonest| soonest.min(at))),
                _ => {
                    entry.taken = true;
                    return Ok(entry.clone());
                }
            }
            // What fails again and again for a reason of its own must not hold back the rest for ever.
            if entry.taken || entry.attempts < MAX_HOLDING_BACK {
                waiting.insert(entry.meta.camera.clone());
            }
        }
        Err(soonest)
    }

    /// An upload ended: the entry is stored and goes, or waits until `again`.
    pub fn give_back(&self, number: u64, stored: bool, again: Option<Instant>) {
        if stored {
            let stored = self.lock().pending.remove(&number);
            if let Some(entry) = stored {
                self.delete(&entry);
                self.lock().relax();
            }
            return;
        }
        if let Some(entry) = self.lock().pending.get_mut(&number) {
            entry.taken = false;
            entry.attempts += 1;
            entry.not_before = again;
        }
        self.changed.notify_waiters();
    }

    /// Where an entry's bytes are.
    pub fn path(&self, number: u64) -> PathBuf {
        self.root.join("pending").join(entry::data_name(number))
    }

    /// Gives up what is too old at `now_ms` (Unix).
    pub fn expire(&self, now_ms: i64) {
        let old: Vec<Entry> = {
            let mut state = self.lock();
            let most = i64::try_from(state.limit.max_age_seconds).unwrap_or(i64::MAX).saturating_mul(1_000);
            let too_old =
                |entry: &Entry| !entry.taken && now_ms.saturating_sub(entry.meta.finished_ms) > most;
            state.pending.extract_if(.., |_, entry| too_old(entry)).map(|(_, entry)| entry).collect()
        };
        for entry in old {
            self.give_up(&entry, "TooOld");
        }
        let mut state = self.lock();
        // Full until the store takes things again or nothing is left, not merely until a victim made room.
        state.full &= !state.pending.is_empty();
        let oldest =
            state.pending.values().next().map_or(0, |entry| (now_ms - entry.meta.finished_ms) / 1_000);
        self.metrics.spool_oldest_age.set(oldest.max(0));
        self.metrics.spool_pending.set(i64::try_from(state.pending.len()).unwrap_or(i64::MAX));
        let mut cameras = BTreeMap::<&CameraId, u64>::new();
        for Entry { meta, .. } in state.pending.values() {
            *cameras.entry(&meta.camera).or_default() += meta.bytes;
        }
        {
            let _whole = self.metrics.whole();
            self.metrics.camera_spool_bytes.reset();
            for (camera, bytes) in cameras {
                let gauge = self.metrics.camera_spool_bytes.with_label_values(&[camera.as_str()]);
                gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX));
            }
        }
        self.metrics.spool_bytes.set(i64::try_from(state.used).unwrap_or(i64::MAX));
    }

    /// Makes room for `bytes` more of a camera's, at the oldest pending segments' cost.
    pub(crate) fn reserve(&self, camera: &CameraId, bytes: u64) -> io::Result<()> {
        loop {
            let victim = {
                let mut state = self.lock();
                if state.used.saturating_add(bytes) <= state.limit.size {
                    state.take_room(camera, bytes);
                    return Ok(());
                }
                state.full = true;
                let victim = state.victim(camera);
                victim.and_then(|number| state.pending.remove(&number))
            };
            let Some(entry) = victim else {
                let why = "the spool's bound is reached by segments that are open or being uploaded";
                return Err(io::Error::new(io::ErrorKind::StorageFull, why));
            };
            self.give_up(&entry, "SpoolFull");
        }
    }

    pub(crate) fn release(&self, camera: &CameraId, bytes: u64) {
        self.lock().give_room(camera, bytes);
    }

    /// For an entry that is in the queue no more.
    fn give_up(&self, entry: &Entry, reason: &'static str) {
        let Meta { camera, key, segment, .. } = &entry.meta;
        tracing::error!(%camera, key, reason, "a segment that never reached the store is given up");
        self.metrics.lost.with_label_values(&[camera.as_str(), reason]).inc();
        if let Some(segment) = segment.clone() {
            let mut state = self.lock();
            if state.given_up.len() == MAX_GIVEN_UP {
                state.given_up.pop_front();
            }
            state.given_up.push_back(GivenUp { segment, reason });
        }
        self.delete(entry);
    }

    /// A camera's segments that were given up since this was last asked.
    pub fn take_given_up(&self, camera: &CameraId) -> Vec<GivenUp> {
        let mut state = self.lock();
        let (theirs, others): (VecDeque<_>, VecDeque<_>) =
            state.given_up.drain(..).partition(|lost| lost.segment.name.camera == *camera);
        state.given_up = others;
        Vec::from(theirs)
    }

    fn delete(&self, entry: &Entry) {
        let pending = self.root.join("pending");
        // The description last: without it the bytes could not be named, without them it says nothing.
        for name in [entry::data_name(entry.number), entry::meta_name(entry.number)] {
            if let Err(error) = std::fs::remove_file(pending.join(name)) {
                tracing::warn!(%error, "cannot remove a file of the spool");
            }
        }
        self.release(&entry.meta.camera, entry.meta.bytes);
        self.changed.notify_waiters();
    }

    /// Whether segments are given up for want of room.
    pub fn is_full(&self) -> bool {
        self.lock().full
    }

    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.lock().used
    }

    /// Whether nothing waits for the store.
    pub fn is_empty(&self) -> bool {
        self.lock().pending.is_empty()
    }

    /// The cameras that have something pending, each with the epoch keys of it.
    pub fn pending(&self) -> BTreeMap<CameraId, BTreeSet<EpochKey>> {
        let state = self.lock();
        let mut cameras = BTreeMap::<CameraId, BTreeSet<EpochKey>>::new();
        for entry in state.pending.values() {
            cameras.entry(entry.meta.camera.clone()).or_default().extend(entry.meta.epoch.clone());
        }
        cameras
    }

    /// Wakes when something changes after the call.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    fn number(&self) -> u64 {
        let mut state = self.lock();
        state.next += 1;
        state.next - 1
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change above is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
