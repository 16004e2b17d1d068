//! One build at a time: two runs (the demo and a test) share the cache.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// As long as another run's cold build may take.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Held until it is dropped, or the process ends.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the folder `cache`, and makes it.
    pub async fn take(cache: &Path) -> Result<Self> {
        fs::create_dir_all(cache).with_context(|| format!("creating {}", cache.display()))?;
        let path = cache.join("lock");
        let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if started.elapsed() < LIMIT => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(TryLockError::WouldBlock) => bail!(
                    "waiting for another run to build images: it still holds {} after {} minutes; end it and try again",
                    path.display(),
                    LIMIT.as_secs() / 60
                ),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("locking {}", path.display()));
                }
            }
        }
    }
}
