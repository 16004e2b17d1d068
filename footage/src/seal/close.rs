//! How a stream ends: a signed record that authenticates its last segment.

use aws_lc_rs::signature::Ed25519KeyPair;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{CameraId, StreamId, TenantId};
use crate::layout::{MAX_SEQUENCE, close_record_key, is_unix_ms};

use super::encode::{hex, unhex};
use super::error::SealError;
use super::identity::{Previous, stream_id};
use super::record::{self, JsonSegment, StreamRecordError, VERSION, malformed, one_line};

const SIGNATURE_LABEL: &[u8] = b"camerafleet.io/stream-close";

/// A stream's end, signed by its key. It authenticates what no later header can: the last segment's digest,
/// start and duration, and that none follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseRecord {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which camera was recorded.
    pub camera: CameraId,
    /// The stream; [`super::stream_id`] of `stream_key`.
    pub stream: StreamId,
    /// Its Ed25519 public key.
    pub stream_key: [u8; 32],
    /// The last finished segment; `None` if there was none.
    pub last: Option<Previous>,
    /// The number that the next segment would have had; those between it and the last one were given up.
    pub next_sequence: u64,
    /// Why it ended.
    pub reason: String,
    /// When, in whole milliseconds.
    pub closed_at: Timestamp,
    signature: [u8; 64],
}

/// The JSON. Times and numbers fit a double, as RFC 8785 demands.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Json {
    version: u32,
    tenant: TenantId,
    camera: CameraId,
    stream: StreamId,
    stream_key: String,
    last: Option<JsonSegment>,
    next_sequence: u64,
    reason: String,
    closed_at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

impl CloseRecord {
    pub(super) fn unsigned(
        (tenant, camera, stream, stream_key): (TenantId, CameraId, StreamId, [u8; 32]),
        (last, next_sequence): (Option<Previous>, u64),
        reason: &str,
        at: Timestamp,
    ) -> Result<Self, SealError> {
        let out_of_range = || SealError::TimeOutOfRange { what: "the stream's end" };
        let ms = Some(at.as_millisecond()).filter(|ms| is_unix_ms(*ms)).ok_or_else(out_of_range)?;
        let closed_at = Timestamp::from_millisecond(ms).map_err(|_| out_of_range())?;
        let reason = one_line(reason);
        Ok(Self {
            tenant,
            camera,
            stream,
            stream_key,
            last,
            next_sequence,
            reason,
            closed_at,
            signature: [0; 64],
        })
    }

    pub(super) fn sign(mut self, signer: &Ed25519KeyPair) -> Result<Self, SealError> {
        self.signature = record::sign(signer, SIGNATURE_LABEL, &self.canonical(None))?;
        Ok(self)
    }

    /// Where it lies in the store.
    pub fn key(&self, prefix: &str) -> String {
        close_record_key(prefix, &self.tenant, &self.camera, &self.stream)
    }

    /// The object: JSON as RFC 8785 writes it.
    pub fn to_json(&self) -> Vec<u8> {
        self.canonical(Some(hex(&self.signature)))
    }

    /// Reads a record back. Accepts exactly what [`CloseRecord::to_json`] writes; the signature is checked by
    /// [`CloseRecord::verify`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, StreamRecordError> {
        let json: Json = record::parse(bytes)?;
        let last = json.last.map(JsonSegment::read).transpose()?;
        if last.is_some_and(|last| last.sequence >= json.next_sequence) {
            return Err(malformed("the last segment"));
        }
        let record = Self {
            tenant: json.tenant,
            camera: json.camera,
            stream: json.stream,
            stream_key: unhex(&json.stream_key).ok_or_else(|| malformed("the stream's public key"))?,
            last,
            next_sequence: Some(json.next_sequence)
                .filter(|s| *s <= MAX_SEQUENCE + 1)
                .ok_or_else(|| malformed("the next sequence number"))?,
            reason: json.reason,
            closed_at: Some(json.closed_at_ms)
                .filter(|ms| is_unix_ms(*ms))
                .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                .ok_or_else(|| malformed("the time"))?,
            signature: json.signature.as_deref().and_then(unhex).ok_or_else(|| malformed("the signature"))?,
        };
        if stream_id(&record.stream_key) != record.stream {
            return Err(malformed("the stream's id is not that of its public key"));
        }
        if record.reason != one_line(&record.reason) || record.to_json() != bytes {
            return Err(malformed("it is not written the one way"));
        }
        Ok(record)
    }

    /// Checks that `stream_key` signed it. Take the key from the log.
    pub fn verify(&self, stream_key: &[u8; 32]) -> Result<(), StreamRecordError> {
        let signed = stream_key == &self.stream_key
            && record::is_signed(stream_key, SIGNATURE_LABEL, &self.canonical(None), &self.signature);
        if signed { Ok(()) } else { Err(StreamRecordError::BadSignature { stream: self.stream.clone() }) }
    }

    fn canonical(&self, signature: Option<String>) -> Vec<u8> {
        let json = Json {
            version: VERSION,
            tenant: self.tenant.clone(),
            camera: self.camera.clone(),
            stream: self.stream.clone(),
            stream_key: hex(&self.stream_key),
            last: self.last.as_ref().map(JsonSegment::write),
            next_sequence: self.next_sequence,
            reason: self.reason.clone(),
            closed_at_ms: self.closed_at.as_millisecond(),
            signature,
        };
        record::canonical(&json)
    }
}
