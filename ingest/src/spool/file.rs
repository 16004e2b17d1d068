//! A file that counts against the spool's bound while it grows.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use super::Spool;

/// An open file of the spool. Dropped, it is removed.
pub struct SpoolFile {
    spool: Arc<Spool>,
    file: File,
    path: PathBuf,
    bytes: u64,
    kept: bool,
}

impl SpoolFile {
    pub(super) fn create(spool: Arc<Spool>, path: PathBuf) -> io::Result<Self> {
        let file = File::create_new(&path)?;
        Ok(Self { spool, file, path, bytes: 0, kept: false })
    }

    /// Its path and length, which the caller answers for from now on.
    pub(super) fn keep(mut self) -> (PathBuf, u64) {
        self.kept = true;
        (std::mem::take(&mut self.path), self.bytes)
    }
}

impl Write for SpoolFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.spool.reserve(data.len() as u64)?;
        match self.file.write(data) {
            Ok(written) => {
                self.spool.release((data.len() - written) as u64);
                self.bytes += written as u64;
                Ok(written)
            }
            Err(error) => {
                self.spool.release(data.len() as u64);
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
            self.spool.release(self.bytes);
            if let Err(error) = fs::remove_file(&self.path) {
                tracing::warn!(%error, "cannot remove an abandoned file of the spool");
            }
        }
    }
}
