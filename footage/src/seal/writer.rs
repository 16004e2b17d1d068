//! The file of a segment that is being written.

use std::io::{self, Write};

use age_core::format::FileKey;
use jiff::Timestamp;

use crate::ids::{PolicyId, StreamId};
use crate::layout::{Epoch, Tracks};

use super::digest::segment_digest;
use super::encode::sha256;
use super::gap::GapReason;
use super::payload::{PAYLOAD_NONCE_BYTES, Payload, PayloadWriter};

/// An open segment: what is written to it is sealed into the file in chunks of 64 KiB. Give it back to
/// [`super::RecorderStream::finish`]; one that is dropped leaves a truncated file that nobody can open whole.
pub struct SegmentWriter<W: Write> {
    pub(super) facts: Facts,
    payload: PayloadWriter<W>,
    header_digest: [u8; 32],
    header_bytes: u64,
    failed: bool,
}

/// What the name needs to know when the segment is finished.
pub(super) struct Facts {
    pub stream: StreamId,
    pub sequence: u64,
    pub gap: Option<GapReason>,
    pub opened_at: Timestamp,
    pub policy: PolicyId,
    pub epoch: Epoch,
    pub tracks: Tracks,
}

/// A complete file.
pub(super) struct Written<W> {
    pub out: W,
    pub header_digest: [u8; 32],
    pub digest: [u8; 32],
    pub bytes: u64,
}

impl<W: Write> SegmentWriter<W> {
    /// Writes the header. `file_key` is the one that `age` wrapped into it.
    pub(super) fn start(
        facts: Facts,
        age: age::Encryptor,
        file_key: &FileKey,
        mut out: W,
    ) -> io::Result<Self> {
        // age's own writer of the payload is dropped unused: then it has written the header and the nonce.
        let mut start = Vec::with_capacity(2560);
        drop(age.wrap_output(&mut start)?);
        let (header, nonce) = start
            .split_last_chunk::<PAYLOAD_NONCE_BYTES>()
            .filter(|(header, _)| header.ends_with(b"\n"))
            .ok_or_else(|| io::Error::other("age wrote no header"))?;
        out.write_all(&start)?;
        let payload = PayloadWriter::new(file_key, nonce, out)
            .map_err(|_| io::Error::other("deriving the payload's key failed"))?;
        let (header_digest, header_bytes) = (sha256(header), header.len() as u64);
        Ok(Self { facts, payload, header_digest, header_bytes, failed: false })
    }

    /// The segment's number in its stream.
    pub fn sequence(&self) -> u64 {
        self.facts.sequence
    }

    /// When it was opened, in whole milliseconds.
    pub fn opened_at(&self) -> Timestamp {
        self.facts.opened_at
    }

    /// What it holds.
    pub fn tracks(&self) -> Tracks {
        self.facts.tracks
    }

    /// Writes the last chunk.
    pub(super) fn end(self) -> io::Result<(Facts, Written<W>)> {
        if self.failed {
            return Err(poisoned());
        }
        let Payload { out, digest, bytes } = self.payload.finish()?;
        let (header_digest, bytes) = (self.header_digest, self.header_bytes + bytes);
        let digest = segment_digest(&header_digest, &digest);
        Ok((self.facts, Written { out, header_digest, digest, bytes }))
    }
}

impl<W: Write> Write for SegmentWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(poisoned());
        }
        // A chunk is counted before it is written: after an error the file cannot be continued.
        self.payload.write(bytes).inspect_err(|_| self.failed = true)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.payload.flush()
    }
}

fn poisoned() -> io::Error {
    io::Error::other("an earlier write to this segment failed: abandon it")
}
