//! What can go wrong, told apart by what a person does next.

use std::io;

/// A segment could not be sealed. The stream goes on; the sequence number is a gap if it was taken.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key is not the one this camera or policy must be sealed to.
    #[error("the key {found:?} was given where {expected:?} must be used: check the shard's configuration")]
    WrongKeyName {
        /// The name that the identities demand.
        expected: String,
        /// The name of the key that was given.
        found: String,
    },
    /// One segment at a time: a header carries its predecessor's digest.
    #[error("segment {sequence} of the stream is still open: finish or abandon it first")]
    SegmentOpen {
        /// The open segment's number.
        sequence: u64,
    },
    /// The writer is not this stream's open segment.
    #[error(
        "the writer is not the stream's open segment (it was abandoned, or another stream opened it): discard the file"
    )]
    NotTheOpenSegment,
    /// A stream can only speak of its own segments.
    #[error("the segment is of stream {stream}: only that one can record its loss")]
    NotThisStreams {
        /// Whose it is.
        stream: String,
    },
    /// A time before 1970 or beyond the calendar, or a segment of over an hour.
    #[error("{what} cannot be written into a segment's name: check the clock")]
    TimeOutOfRange {
        /// Which value.
        what: &'static str,
    },
    /// 2^53 segments were written.
    #[error("the stream has used up its sequence numbers: start a new stream")]
    SequenceExhausted,
    /// The library for cryptography refused; it does not say why.
    #[error("the cryptographic library failed while {doing}")]
    Crypto {
        /// What was being done.
        doing: &'static str,
    },
    /// The file could not be written.
    #[error("writing the segment failed: {0}")]
    Io(#[from] io::Error),
}

/// A sealed segment could not be read or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No age file, or an age file without our stanzas.
    #[error("this is not a sealed segment ({why})")]
    NotSealed {
        /// What is missing.
        why: &'static str,
    },
    /// Written by a newer release.
    #[error("the segment has {what} {found:?}, which this release cannot read: use a newer one")]
    UnknownVersion {
        /// Which part names a version.
        what: &'static str,
        /// What it says.
        found: String,
    },
    /// Our stanzas, but not as the format has them.
    #[error("the segment's header is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// The header does not end within the bound.
    #[error(
        "the header does not end within {max} bytes: this is not a sealed segment, or it was tampered with"
    )]
    HeaderTooLong {
        /// The bound, in bytes.
        max: usize,
    },
    /// The file ends too early.
    #[error("the segment is truncated: it ends in its {part}")]
    Truncated {
        /// `header` or `payload`.
        part: &'static str,
    },
    /// The segment is another tenant's.
    #[error(
        "the segment belongs to tenant {found}, not to {expected}: it lies in the wrong place and is not used"
    )]
    WrongTenant {
        /// Whose it should be.
        expected: String,
        /// Whose it is.
        found: String,
    },
    /// The segment is another camera's.
    #[error(
        "the segment was recorded by camera {found}, not by {expected}: it lies in the wrong place and is not used"
    )]
    WrongCamera {
        /// Whose it should be.
        expected: String,
        /// Whose it is.
        found: String,
    },
    /// The object's name says something else than its header.
    #[error(
        "the object's name and the segment's header disagree about {what}: it was moved or replaced and is not used"
    )]
    Misnamed {
        /// Which part.
        what: &'static str,
    },
    /// The header was signed, or claims to be, by another key than the log has for the stream.
    #[error(
        "the segment's stream key is not the one that was logged for stream {stream}: treat the segment as forged"
    )]
    WrongStreamKey {
        /// The stream that the header names.
        stream: String,
    },
    /// The stream key did not sign this header.
    #[error(
        "the signature of stream {stream} does not fit the header: the segment was tampered with or forged"
    )]
    BadSignature {
        /// The stream that the header names.
        stream: String,
    },
    /// The window key is in other hands than the SharingPolicy says.
    #[error(
        "the window key was split among other owners than the SharingPolicy names, or under another threshold: release nothing for this segment"
    )]
    WrongOwners,
    /// The two secrets do not open the file key.
    #[error(
        "the window key and the epoch share do not open this segment: unwrap the two that its own header carries"
    )]
    WrongSecret,
    /// age's MAC over the header fails: a stanza was added, removed or changed.
    #[error("the header's MAC does not fit: the segment was tampered with")]
    TamperedHeader,
    /// A part of the payload does not authenticate. (At the file's end this may be a truncation, see
    /// [`super::OpenedSegment::is_truncated`].)
    #[error("the payload does not authenticate: the segment was tampered with or cut off")]
    TamperedPayload,
    /// Reading failed.
    #[error("reading the segment failed: {0}")]
    Io(io::Error),
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io(error) => error,
            OpenError::Truncated { .. } => Self::new(io::ErrorKind::UnexpectedEof, error),
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
