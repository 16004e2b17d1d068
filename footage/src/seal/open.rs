//! Opening a sealed segment with the two secrets.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use age::stream::StreamReader;
use age::{DecryptError, Decryptor};
use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use aws_lc_rs::digest::{Context, SHA256};

use crate::ids::{CameraId, TenantId};

use super::digest::segment_digest;
use super::encode::finish_sha256;
use super::error::OpenError;
use super::header::SealedHeader;
use super::identity::SegmentIdentity;
use super::secret::Secret32;

/// What the reader knows of the segment from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentExpectation {
    /// Whose it must be.
    pub tenant: TenantId,
    /// Which camera must have seen it.
    pub camera: CameraId,
    /// The stream's public key, as the log has it. Without it the signature is checked against the key that
    /// the header carries: that shows that the header fits the stream's id, but not that the stream was one
    /// of ours.
    pub stream_key: Option<[u8; 32]>,
}

/// Opens a segment: checks its identity, its signature and age's MAC, in this order, and only then gives
/// access to the payload. `file` is read from its start.
pub fn open<R: Read>(
    file: R,
    expected: &SegmentExpectation,
    w: Secret32,
    e: Secret32,
) -> Result<OpenedSegment<R>, OpenError> {
    let mut file = BufReader::new(file);
    let header = SealedHeader::read(&mut file)?.authenticate(expected)?;
    let file_key = header.file_key(&w, &e)?;
    let header = header.into_header();
    let identity = header.identity.clone();
    let header_digest = header.digest();
    // age parses the very bytes that were checked above.
    let passed = Arc::new(Mutex::new(Passed { hash: Context::new(&SHA256), bytes: 0 }));
    let payload = HashingReader { file, passed: Arc::clone(&passed) };
    let whole = Cursor::new(header.into_bytes()).chain(payload);
    let reader = Decryptor::new_buffered(whole)
        .and_then(|decryptor| decryptor.decrypt(std::iter::once(&Unwrapped(file_key) as &dyn age::Identity)))
        .map_err(|error| match error {
            DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                OpenError::Truncated { part: "payload" }
            }
            DecryptError::Io(error) => OpenError::Io(error),
            DecryptError::InvalidMac => OpenError::TamperedHeader,
            _ => OpenError::Malformed { what: "age cannot read it" },
        })?;
    Ok(OpenedSegment { identity, header_digest, passed, reader, state: State::Reading })
}

/// The header's bytes that were checked, and the rest of the file behind them.
type Whole<R> = Chain<Cursor<Vec<u8>>, HashingReader<BufReader<R>>>;

/// An open segment's payload. Each chunk is authenticated before it is given out; that none is missing at the
/// end is known only when the end was read.
pub struct OpenedSegment<R: Read> {
    identity: SegmentIdentity,
    header_digest: [u8; 32],
    /// Shared with the reader below, which age does not give back.
    passed: Arc<Mutex<Passed>>,
    reader: StreamReader<Whole<R>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    /// The file ended before the payload did.
    CutOff,
    Failed,
}

impl<R: Read> OpenedSegment<R> {
    /// Who and when; authenticated.
    pub fn identity(&self) -> &SegmentIdentity {
        &self.identity
    }

    /// The segment's digest, for comparison with its successor's header or the close record. `None` until the
    /// payload was read to its end.
    pub fn digest(&self) -> Option<[u8; 32]> {
        if self.state != State::Ended {
            return None;
        }
        let payload = self.passed.lock().unwrap_or_else(PoisonError::into_inner).hash.clone();
        Some(segment_digest(&self.header_digest, &finish_sha256(payload)))
    }

    /// Whether the file turned out to end before its payload did, as a recorder that was killed leaves it. What was
    /// read before is genuine, and all there is. (Whoever changes the last bytes of a whole file makes it look so, too.)
    pub fn is_truncated(&self) -> bool {
        self.state == State::CutOff
    }

    /// What a failure of age's stream says of the file.
    fn failed(&mut self, error: io::Error) -> io::Error {
        // age asks for a whole chunk, and gets less only from a file that ends.
        let bytes = self.passed.lock().unwrap_or_else(PoisonError::into_inner).bytes;
        let ended = !bytes.saturating_sub(NONCE_BYTES).is_multiple_of(SEALED_CHUNK_BYTES);
        let (state, error) = match error.kind() {
            io::ErrorKind::UnexpectedEof => (State::CutOff, OpenError::Truncated { part: "payload" }.into()),
            io::ErrorKind::InvalidData if ended => (State::CutOff, OpenError::TamperedPayload.into()),
            io::ErrorKind::InvalidData => (State::Failed, OpenError::TamperedPayload.into()),
            _ => (State::Failed, error),
        };
        self.state = state;
        error
    }
}

impl<R: Read> Read for OpenedSegment<R> {
    /// An [`io::Error`] that says why: [`OpenError::Truncated`] or [`OpenError::TamperedPayload`] inside, or
    /// the file's own error.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        match self.state {
            State::Ended => return Ok(0),
            State::CutOff | State::Failed => return Err(OpenError::TamperedPayload.into()),
            State::Reading => (),
        }
        match self.reader.read(out) {
            Ok(0) => {
                self.state = State::Ended;
                Ok(0)
            }
            Ok(n) => Ok(n),
            Err(error) => Err(self.failed(error)),
        }
    }
}

/// The file key, already unwrapped: an age identity is asked for it once.
struct Unwrapped(FileKey);

impl age::Identity for Unwrapped {
    fn unwrap_stanza(&self, _: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        Some(Ok(FileKey::init_with_mut(|key| key.copy_from_slice(self.0.expose_secret()))))
    }
}

/// The nonce before the payload's chunks, and a whole chunk with its tag (C2SP age, "Payload").
const NONCE_BYTES: u64 = 16;
const SEALED_CHUNK_BYTES: u64 = 64 * 1024 + 16;

/// The payload's bytes that were read so far.
struct Passed {
    hash: Context,
    bytes: u64,
}

/// Hashes the payload as it passes.
struct HashingReader<R> {
    file: R,
    passed: Arc<Mutex<Passed>>,
}

impl<R> HashingReader<R> {
    fn update(passed: &Mutex<Passed>, bytes: &[u8]) {
        let mut passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed.hash.update(bytes);
        passed.bytes += bytes.len() as u64;
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(out)?;
        Self::update(&self.passed, &out[..n]);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for HashingReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        // What is consumed was shown by `fill_buf` and is still buffered: asking again reads nothing. At the
        // file's end there is nothing buffered, and asking again would read.
        if n > 0
            && let Ok(shown) = self.file.fill_buf()
        {
            Self::update(&self.passed, &shown[..n.min(shown.len())]);
        }
        self.file.consume(n);
    }
}
