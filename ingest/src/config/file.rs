//! Reads configuration and secrets from files instead of Kubernetes, for tests and for trying out: a file as
//! `shard.json` and a directory with one file per key, as a mounted Secret has them.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{Intake, Secrets};

/// How often the files are read again.
const EVERY: Duration = Duration::from_millis(500);

/// Starts reading.
pub fn start(config: PathBuf, secrets: Option<PathBuf>, intake: Intake, stop: &CancellationToken) {
    let stop = stop.clone();
    tokio::spawn(async move {
        stop.run_until_cancelled(async {
            loop {
                match secrets.as_deref().map(read_secrets).transpose() {
                    Ok(read) => intake.secrets(read.unwrap_or_default()),
                    Err(error) => tracing::warn!(%error, "cannot read the directory of secrets"),
                }
                let text = std::fs::read_to_string(&config).ok();
                intake.config(text.as_deref());
                tokio::time::sleep(EVERY).await;
            }
        })
        .await;
    });
}

fn read_secrets(directory: &Path) -> io::Result<Secrets> {
    let mut data = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(name) = name.to_str()
            && entry.path().is_file()
        {
            data.push((name.to_owned(), std::fs::read(entry.path())?));
        }
    }
    Ok(Secrets::new(data))
}
