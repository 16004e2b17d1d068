//! Runs that would disturb each other take turns.

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::progress;

/// Waits for the lock of a file, which is held as long as the returned handle. `what` says what another run that
/// holds it is doing.
///
/// # Errors
/// When the file cannot be opened, or another run still holds it after `limit`.
pub(crate) async fn take(path: &Path, what: &str, limit: Duration) -> Result<File> {
    let file = File::create(path).with_context(|| format!("opening the lock {}", path.display()))?;
    let started = Instant::now();
    let mut said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if started.elapsed() < limit => {
                if !said {
                    progress::say(&format!("  … another run is {what}; waiting for it"));
                    said = true;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(TryLockError::WouldBlock) => bail!(
                "another run is still {what} after {} s and holds {}: end it (see `fuser -v` on that file) and try again",
                limit.as_secs(),
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", path.display()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_the_first() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("lock");
        let limit = Duration::from_millis(300);
        let first = take(&path, "testing", limit).await?;
        assert!(take(&path, "testing", limit).await.is_err());
        drop(first);
        take(&path, "testing", limit).await.map(drop)
    }
}
