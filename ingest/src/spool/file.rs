//! A file that counts against the spool's bound while it grows, and the journal beside it, by which it is not lost when
//! the recorder is killed.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use camerafleet_footage::ids::CameraId;

use super::{Meta, Spool};

/// Every entry of a journal takes the same room, so that a new one covers the old.
const ENTRY: usize = 2_048;

/// An open file of the spool. Dropped, it is removed.
pub struct SpoolFile {
    spool: Arc<Spool>,
    camera: CameraId,
    file: File,
    path: PathBuf,
    bytes: Arc<AtomicU64>,
    kept: bool,
}

/// What a file is worth so far.
pub struct Journal {
    file: Option<File>,
    path: PathBuf,
    bytes: Arc<AtomicU64>,
}

impl Journal {
    /// The file's length.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// From now on the file's first `meta.bytes` are worth keeping, as what `meta` says. One write: a killed process
    /// leaves the old entry or the new one.
    pub fn note(&mut self, meta: &Meta) -> io::Result<()> {
        let mut entry = serde_json::to_vec(meta).map_err(io::Error::other)?;
        if entry.len() > ENTRY {
            return Err(io::Error::other("the entry is longer than any should be"));
        }
        entry.resize(ENTRY, b' ');
        let file = match self.file.take() {
            Some(file) => file,
            None => File::create(&self.path)?,
        };
        self.file.insert(file).write_all_at(&entry, 0)
    }
}

/// Ends the name of a journal.
pub(super) const JOURNAL: &str = "journal";

/// The journal of a file.
pub(super) fn journal_path(path: &Path) -> PathBuf {
    path.with_extension(JOURNAL)
}

impl SpoolFile {
    pub(super) fn create(spool: Arc<Spool>, camera: CameraId, path: PathBuf) -> io::Result<Self> {
        let file = File::create_new(&path)?;
        Ok(Self { spool, camera, file, path, bytes: Arc::default(), kept: false })
    }

    /// Its journal, empty.
    pub fn journal(&self) -> Journal {
        Journal { file: None, path: journal_path(&self.path), bytes: self.bytes.clone() }
    }

    /// Its path and length, which the caller answers for from now on.
    pub(super) fn keep(mut self) -> (PathBuf, u64) {
        self.kept = true;
        (std::mem::take(&mut self.path), self.bytes.load(Ordering::Relaxed))
    }
}

impl Write for SpoolFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.spool.reserve(&self.camera, data.len() as u64)?;
        match self.file.write(data) {
            Ok(written) => {
                self.spool.release(&self.camera, (data.len() - written) as u64);
                self.bytes.fetch_add(written as u64, Ordering::Relaxed);
                Ok(written)
            }
            Err(error) => {
                self.spool.release(&self.camera, data.len() as u64);
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if !self.kept {
            self.spool.release(&self.camera, self.bytes.load(Ordering::Relaxed));
            // Often there is none.
            let _ = fs::remove_file(journal_path(&self.path));
            if let Err(error) = fs::remove_file(&self.path) {
                tracing::warn!(%error, "cannot remove an abandoned file of the spool");
            }
        }
    }
}
