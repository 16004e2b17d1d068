//! What reached the object store and how late, by the store's own files. They are removed at once: hours of many cameras do
//! not fit a developer's disk.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use camerafleet_footage::layout::SegmentName;

use crate::support::{BUCKET, PREFIX, S3};

/// A segment that was stored.
#[derive(Clone, Copy)]
pub struct Stored {
    /// When, ms since the Unix epoch.
    at_ms: i64,
    /// After its end, s.
    lag: f64,
}

/// All that were.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Vec<Stored>>>);

impl Ledger {
    /// Watches a store, in a thread of its own.
    pub fn watch(store: &S3) -> Self {
        let ledger = Self::default();
        let (written, root, port) = (ledger.clone(), store.root.clone(), store.port);
        std::thread::spawn(move || {
            let store = S3::at(root.clone(), port);
            loop {
                for key in store.keys() {
                    written.take(root.join(BUCKET).join(&key), &key);
                }
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        ledger
    }

    fn take(&self, path: PathBuf, key: &str) {
        if let Ok(name) = SegmentName::parse(PREFIX, key) {
            let Ok(modified) = fs::metadata(&path).and_then(|file| file.modified()) else { return };
            let at_ms = i64::try_from(modified.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
            let lag = (at_ms - name.end_ms()).max(0) as f64 / 1_000.0;
            self.0.lock().unwrap().push(Stored { at_ms, lag });
        }
        let _ = fs::remove_file(path);
    }

    /// The 99th percentile of the lags of what was stored since then, and how many that were.
    pub fn p99(&self, since_ms: i64) -> (f64, usize) {
        let mut lags: Vec<f64> = self
            .0
            .lock()
            .unwrap()
            .iter()
            .filter(|stored| stored.at_ms >= since_ms)
            .map(|stored| stored.lag)
            .collect();
        lags.sort_by(f64::total_cmp);
        (lags.get((lags.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or(f64::NAN), lags.len())
    }
}
