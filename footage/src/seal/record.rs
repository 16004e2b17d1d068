//! What a stream signs beside its segments: JSON as RFC 8785 writes it, with the stream key's signature over
//! the same JSON without it.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ids::StreamId;
use crate::layout::{MAX_SEGMENT_DURATION_MS, MAX_SEQUENCE, is_unix_ms};

use super::encode::{hex, push_item, unhex};
use super::error::SealError;
use super::identity::Previous;

/// A longer reason is cut, in bytes.
pub const MAX_REASON_BYTES: usize = 256;
/// The largest record that is read, in bytes.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;
/// The version of both kinds of record.
pub(super) const VERSION: u32 = 1;

/// A close or loss record cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamRecordError {
    /// Not the JSON of the format, written the one way (RFC 8785).
    #[error("this is not a stream's record: {why}")]
    Malformed {
        /// What is wrong.
        why: String,
    },
    /// Written by a newer release.
    #[error("the stream's record has version {0}, which this release cannot read: use a newer one")]
    UnknownVersion(u32),
    /// The stream key is not the one expected, or did not sign it.
    #[error("stream {stream} did not sign this record: treat it as forged and as if it were not there")]
    BadSignature {
        /// The stream that the record names.
        stream: StreamId,
    },
}

/// A segment in a record, as a later header names it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct JsonSegment {
    sequence: u64,
    digest: String,
    start_ms: i64,
    duration_ms: u64,
}

impl JsonSegment {
    pub(super) fn write(of: &Previous) -> Self {
        let Previous { sequence, digest, start_ms, duration_ms } = *of;
        Self { sequence, digest: hex(&digest), start_ms, duration_ms }
    }

    pub(super) fn read(self) -> Result<Previous, StreamRecordError> {
        let in_range = self.sequence <= MAX_SEQUENCE
            && is_unix_ms(self.start_ms)
            && self.duration_ms <= MAX_SEGMENT_DURATION_MS;
        let digest = unhex(&self.digest).filter(|_| in_range).ok_or_else(|| malformed("a segment"))?;
        let Self { sequence, start_ms, duration_ms, .. } = self;
        Ok(Previous { sequence, digest, start_ms, duration_ms })
    }
}

pub(super) fn malformed(why: &str) -> StreamRecordError {
    StreamRecordError::Malformed { why: why.to_owned() }
}

/// The JSON of a record of this version.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StreamRecordError> {
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(malformed("it is too long"));
    }
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|_| malformed("it is no JSON"))?;
    match value.get("version").and_then(serde_json::Value::as_u64).map(u32::try_from) {
        Some(Ok(VERSION)) => (),
        Some(Ok(version)) => return Err(StreamRecordError::UnknownVersion(version)),
        _ => return Err(malformed("it has no version")),
    }
    serde_json::from_value(value).map_err(|error| malformed(&error.to_string()))
}

pub(super) fn canonical(json: &impl Serialize) -> Vec<u8> {
    serde_jcs::to_vec(json).expect("texts and integers always serialise")
}

/// `label` says what is signed, so that no signature serves for something else.
fn message(label: &[u8], unsigned: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push_item(&mut out, label);
    push_item(&mut out, unsigned);
    out
}

pub(super) fn sign(signer: &Ed25519KeyPair, label: &[u8], unsigned: &[u8]) -> Result<[u8; 64], SealError> {
    let crypto = || SealError::Crypto { doing: "signing a stream's record" };
    let signature = signer.try_sign(&message(label, unsigned)).map_err(|_| crypto())?;
    signature.as_ref().try_into().map_err(|_| crypto())
}

pub(super) fn is_signed(key: &[u8; 32], label: &[u8], unsigned: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, key).verify(&message(label, unsigned), signature).is_ok()
}

/// Control characters become spaces, and what is too long is cut.
pub(super) fn one_line(reason: &str) -> String {
    let mut out = String::new();
    for c in reason.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if out.len() + c.len_utf8() > MAX_REASON_BYTES {
            break;
        }
        out.push(c);
    }
    out
}
