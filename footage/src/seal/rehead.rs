//! A new header for a stock age recipient over the same payload: the Sealed form of a disclosure.
//!
//! The payload's key follows from the file key and the payload's own nonce, so the payload's bytes stay as the
//! recorder wrote them, and their SHA-256 stays the one that the chain authenticates. The recipient opens the result
//! with any implementation of age v1. What they get is this one segment's file key: it opens nothing else.

use std::io::{self, Read, Write};

use age::Recipient as _;
use age_core::format::write::age_stanza;
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;

use super::aead;
use super::digest::segment_digest;
use super::encode::{base64, finish_sha256, sha256};
use super::error::OpenError;
use super::header::{AuthenticatedHeader, SealedHeader};
use super::open::SegmentExpectation;
use super::secret::Secret32;

/// What is copied at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// A header for one age X25519 recipient, in place of a segment's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHeader {
    bytes: Vec<u8>,
}

impl AuthenticatedHeader {
    /// A new header with this segment's file key. age's MAC over the old one is checked first.
    pub fn rehead(
        &self,
        w: &Secret32,
        e: &Secret32,
        recipient: &age::x25519::Recipient,
    ) -> Result<NewHeader, OpenError> {
        let file_key = self.file_key(w, e)?;
        let failed = |_| OpenError::Io(io::Error::other("the new header could not be written"));
        let (stanzas, _) = recipient.wrap_file_key(&file_key).map_err(|_| {
            OpenError::Io(io::Error::other("the file key could not be wrapped to the recipient"))
        })?;
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(b"age-encryption.org/v1\n");
        for stanza in &stanzas {
            bytes = cookie_factory::r#gen(age_stanza(&stanza.tag, &stanza.args, &stanza.body), bytes)
                .map_err(failed)?
                .0;
        }
        bytes.extend_from_slice(b"---");
        let mac_key = aead::header_mac_key(&file_key)
            .map_err(|_| OpenError::Io(io::Error::other("deriving the new header's key failed")))?;
        let mac = hmac::sign(&mac_key, &bytes);
        bytes.extend_from_slice(format!(" {}\n", base64(mac.as_ref())).as_bytes());
        Ok(NewHeader { bytes })
    }
}

impl NewHeader {
    /// The header as it goes before the payload.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of this header with a payload of which only the SHA-256 is known.
    pub fn digest(&self, payload: &[u8; 32]) -> [u8; 32] {
        segment_digest(&sha256(&self.bytes), payload)
    }
}

/// A segment under a new header, written whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reheaded {
    /// The segment's own digest. Compare it with its successor's header or the close record: until then nobody knows
    /// whether the payload is whole.
    pub source_digest: [u8; 32],
    /// SHA-256 of the payload, which both have.
    pub payload_digest: [u8; 32],
    /// The digest of the new file, computed as a segment's is.
    pub digest: [u8; 32],
    /// The new file's length.
    pub bytes: u64,
}

/// Copies a segment to `out` under a new header, reading `file` from its start, in bounded memory. Nothing is
/// written before identity, signature and age's MAC were checked, in this order.
pub fn rehead<R: Read, W: Write>(
    file: R,
    expected: &SegmentExpectation,
    (w, e): (&Secret32, &Secret32),
    recipient: &age::x25519::Recipient,
    mut out: W,
) -> Result<Reheaded, OpenError> {
    let mut file = io::BufReader::with_capacity(PIECE, file);
    let header = SealedHeader::read(&mut file)?.authenticate(expected)?;
    let new = header.rehead(w, e, recipient)?;
    out.write_all(new.as_bytes()).map_err(OpenError::Io)?;
    let mut payload = Hashing { out: &mut out, hash: Context::new(&SHA256) };
    let copied = io::copy(&mut file, &mut payload).map_err(OpenError::Io)?;
    let payload_digest = finish_sha256(payload.hash);
    out.flush().map_err(OpenError::Io)?;
    Ok(Reheaded {
        source_digest: segment_digest(&header.header().digest(), &payload_digest),
        payload_digest,
        digest: new.digest(&payload_digest),
        bytes: new.bytes.len() as u64 + copied,
    })
}

struct Hashing<W> {
    out: W,
    hash: Context,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
