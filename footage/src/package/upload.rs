//! Into the object store, part by part.

use std::io::{self, Write};

use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart, path::Path};
use tokio::runtime::Handle;

/// The least that a part may have, but for the last one (S3: 5 MiB).
const MIN_PART_BYTES: u64 = 8 << 20;
/// S3 takes 10,000 parts; some are left for what was not foreseen.
const PARTS: u64 = 9_000;
/// Parts on their way at a time, beside the one that is filled.
const IN_FLIGHT: usize = 2;

/// How long parts must be for a package of about so many bytes.
pub fn part_bytes(expected: u64) -> usize {
    let needed = expected.div_ceil(PARTS).max(MIN_PART_BYTES).next_multiple_of(1 << 20);
    usize::try_from(needed).unwrap_or(usize::MAX)
}

/// A multipart upload that blocking code writes to; nobody sees the object before it is complete. Only for threads that
/// may block, inside a runtime.
pub struct Upload {
    runtime: Handle,
    parts: WriteMultipart,
    part: usize,
}

impl Upload {
    /// Begins it.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin(store: &dyn ObjectStore, path: &Path, part: usize) -> object_store::Result<Self> {
        let upload = store.put_multipart(path).await?;
        let parts = WriteMultipart::new_with_chunk_size(upload, part);
        Ok(Self { runtime: Handle::current(), parts, part })
    }

    /// Ends it: now the object is there.
    ///
    /// # Errors
    /// The store's; the parts are removed then.
    pub async fn finish(self) -> object_store::Result<()> {
        self.parts.finish().await.map(drop)
    }

    /// Takes it back.
    ///
    /// # Errors
    /// The store's: parts may be left, which the bucket's rule for incomplete uploads removes.
    pub async fn abort(self) -> object_store::Result<()> {
        self.parts.abort().await
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let now = bytes.len().min(self.part);
        let _entered = self.runtime.enter();
        self.runtime.block_on(self.parts.wait_for_capacity(IN_FLIGHT)).map_err(io::Error::other)?;
        self.parts.write(&bytes[..now]);
        Ok(now)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
