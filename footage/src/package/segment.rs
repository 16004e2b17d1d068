//! A stored segment with what opens it.

use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

use super::mp4::{Init, MAX_INIT_BYTES, Mp4Error};
use super::{PackageError, Source};
use crate::layout::SegmentName;
use crate::seal::{Secret32, SegmentExpectation, open};

/// The nonce before a payload's chunks (C2SP age, "Payload").
const NONCE_BYTES: u64 = 16;
const CHUNK_BYTES: u64 = 64 * 1024;
const TAG_BYTES: u64 = 16;

/// A segment that was found genuine, may be released, and can be opened. A secret: no `Debug`.
pub struct Segment {
    /// Its object.
    pub key: String,
    /// What the name says.
    pub name: SegmentName,
    /// Its stream's public key, as the log has it.
    pub stream_key: [u8; 32],
    /// Its digest, where its successor or the stream's close record names it: they vouch for the start and the duration in
    /// its name, too.
    pub vouched: Option<[u8; 32]>,
    /// Whether its media continues its predecessor's.
    pub continues: bool,
    /// SHA-256 of its header.
    pub header_digest: [u8; 32],
    bytes: u64,
    header_bytes: u64,
    secrets: (Secret32, Secret32),
    init: Init,
}

impl Segment {
    /// How many bytes of an object [`Segment::new`] needs at most, beside the header.
    pub const START_BYTES: u64 = MAX_INIT_BYTES as u64 + 2 * CHUNK_BYTES;

    /// From the first bytes of its object, which has `bytes` in all. Checks the header and reads what tracks there are.
    ///
    /// # Errors
    /// [`PackageError::Damaged`].
    pub fn new(
        (key, name, vouched): (String, SegmentName, Option<[u8; 32]>),
        (start, bytes): (&[u8], u64),
        stream_key: [u8; 32],
        secrets: (Secret32, Secret32),
    ) -> Result<Self, PackageError> {
        let expected = expectation(&name, stream_key);
        let header = crate::seal::SealedHeader::parse(start).map_err(|e| PackageError::of_open(&key, e))?;
        header.identity.check_name(&name).map_err(|e| PackageError::of_open(&key, e))?;
        let (header_bytes, continues) = (header.byte_length() as u64, header.identity.gap.is_none());
        let header_digest = header.digest();
        let (w, e) = secrets.clone();
        let mut media =
            open(Cursor::new(start), &expected, w, e).map_err(|error| PackageError::of_open(&key, error))?;
        let init = Init::read(&mut media).map_err(|error| PackageError::of(&key, error))?;
        Ok(Self {
            key,
            name,
            stream_key,
            vouched,
            continues,
            header_digest,
            bytes,
            header_bytes,
            secrets,
            init,
        })
    }

    /// The tracks.
    pub fn init(&self) -> &Init {
        &self.init
    }

    /// The object's length.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The object's header's length.
    pub(super) fn header_bytes(&self) -> u64 {
        self.header_bytes
    }

    pub(super) fn damaged(&self, why: &str) -> PackageError {
        PackageError::Damaged { key: self.key.clone(), why: why.to_owned() }
    }

    pub(super) fn secrets(&self) -> (&Secret32, &Secret32) {
        (&self.secrets.0, &self.secrets.1)
    }

    pub(super) fn expectation(&self) -> SegmentExpectation {
        expectation(&self.name, self.stream_key)
    }

    /// The media's length, which follows from the object's.
    pub(super) fn media_bytes(&self) -> u64 {
        let payload = self.bytes.saturating_sub(self.header_bytes + NONCE_BYTES);
        payload.saturating_sub(payload.div_ceil(CHUNK_BYTES + TAG_BYTES) * TAG_BYTES)
    }

    /// Reads its media; gives what `read` gives, and the payload's SHA-256. `read` must read to the end.
    pub(super) fn media<T>(
        &self,
        source: &dyn Source,
        read: impl FnOnce(&mut dyn Read) -> Result<T, Mp4Error>,
    ) -> Result<(T, [u8; 32]), PackageError> {
        let hash = Arc::new(Mutex::new(Context::new(&SHA256)));
        let file =
            PayloadHash { file: source.open(&self.key)?, skip: self.header_bytes, hash: Arc::clone(&hash) };
        let (w, e) = self.secrets.clone();
        let mut media =
            open(file, &self.expectation(), w, e).map_err(|error| PackageError::of_open(&self.key, error))?;
        let value = read(&mut media).map_err(|error| PackageError::of(&self.key, error))?;
        if media.digest().is_none() {
            return Err(PackageError::Layout("a segment was not read to its end"));
        }
        let hash = hash.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut digest = [0; 32];
        digest.copy_from_slice(hash.finish().as_ref());
        Ok((value, digest))
    }
}

fn expectation(name: &SegmentName, stream_key: [u8; 32]) -> SegmentExpectation {
    SegmentExpectation {
        tenant: name.tenant.clone(),
        camera: name.camera.clone(),
        stream_key: Some(stream_key),
    }
}

/// Hashes what comes after the header.
struct PayloadHash<R> {
    file: R,
    skip: u64,
    hash: Arc<Mutex<Context>>,
}

impl<R: Read> Read for PayloadHash<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(out)?;
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(n);
        self.skip -= skipped as u64;
        self.hash.lock().unwrap_or_else(PoisonError::into_inner).update(&out[skipped..n]);
        Ok(n)
    }
}
