//! The file of a segment that is being written.

use std::io::{self, Write};

use age::stream::StreamWriter;
use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;

use crate::ids::{PolicyId, StreamId};
use crate::layout::{Epoch, Tracks};

use super::digest::segment_digest;
use super::encode::{finish_sha256, sha256};
use super::gap::GapReason;

/// An open segment: what is written to it is sealed into the file in chunks of 64 KiB. Give it back to
/// [`super::RecorderStream::finish`]; one that is dropped leaves a truncated file that nobody can open whole.
pub struct SegmentWriter<W: Write> {
    pub(super) facts: Facts,
    age: StreamWriter<HashingWriter<W>>,
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
    /// Writes the header.
    pub(super) fn start(facts: Facts, age: age::Encryptor, out: W) -> io::Result<Self> {
        let age = age.wrap_output(HashingWriter::new(out))?;
        Ok(Self { facts, age, failed: false })
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
        Ok((self.facts, self.age.finish()?.finish()?))
    }
}

impl<W: Write> Write for SegmentWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(poisoned());
        }
        // age counts a chunk before it is written: after an error the file cannot be continued.
        self.age.write(bytes).inspect_err(|_| self.failed = true)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.age.flush()
    }
}

fn poisoned() -> io::Error {
    io::Error::other("an earlier write to this segment failed: abandon it")
}

/// Hashes header and payload apart as they pass.
struct HashingWriter<W> {
    out: W,
    header: Header,
    payload: Context,
    bytes: u64,
}

enum Header {
    /// age writes it in many small pieces; it is kept until it is whole, and then written at once.
    Partial {
        bytes: Vec<u8>,
        line_start: usize,
    },
    Whole {
        digest: [u8; 32],
    },
}

impl<W: Write> HashingWriter<W> {
    fn new(out: W) -> Self {
        let header = Header::Partial { bytes: Vec::with_capacity(2560), line_start: 0 };
        Self { out, header, payload: Context::new(&SHA256), bytes: 0 }
    }

    /// Takes the header's part of `piece` and returns the rest. The header ends with the line that starts
    /// with `---`; no other line of it can.
    fn take_header<'b>(&mut self, piece: &'b [u8]) -> io::Result<&'b [u8]> {
        let Header::Partial { bytes, line_start } = &mut self.header else {
            return Ok(piece);
        };
        for (i, byte) in piece.iter().enumerate() {
            bytes.push(*byte);
            if *byte == b'\n' {
                if bytes[*line_start..].starts_with(b"---") {
                    self.out.write_all(bytes)?;
                    self.bytes += bytes.len() as u64;
                    self.header = Header::Whole { digest: sha256(bytes) };
                    return Ok(&piece[i + 1..]);
                }
                *line_start = bytes.len();
            }
        }
        Ok(&[])
    }

    fn finish(self) -> io::Result<Written<W>> {
        let Header::Whole { digest: header_digest } = self.header else {
            return Err(io::Error::other("the header was never completed"));
        };
        let digest = segment_digest(&header_digest, &finish_sha256(self.payload));
        Ok(Written { out: self.out, header_digest, digest, bytes: self.bytes })
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let payload = self.take_header(piece)?;
        self.out.write_all(payload)?;
        self.payload.update(payload);
        self.bytes += payload.len() as u64;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
