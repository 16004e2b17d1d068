//! A finished segment that never reached the store: a signed record that says so in its place.

use aws_lc_rs::signature::Ed25519KeyPair;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{CameraId, StreamId, TenantId};
use crate::layout::{is_unix_ms, loss_record_key};

use super::encode::{hex, unhex};
use super::error::SealError;
use super::gap::GapReason;
use super::identity::{Previous, gap_fits, stream_id};
use super::record::{self, JsonSegment, StreamRecordError, VERSION, malformed, one_line};
use super::stream::FinishedSegment;

const SIGNATURE_LABEL: &[u8] = b"camerafleet.io/segment-loss";

/// The loss of a finished segment, signed by its stream's key. The chain goes on behind it, so without this
/// record the segment would count as taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossRecord {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which camera was recorded.
    pub camera: CameraId,
    /// The stream; [`super::stream_id`] of `stream_key`.
    pub stream: StreamId,
    /// Its Ed25519 public key.
    pub stream_key: [u8; 32],
    /// The segment, as its successor's header names it.
    pub segment: Previous,
    /// The one before it, as its own header named it: so the chain can be followed across it.
    pub previous: Option<Previous>,
    /// Why its media did not continue that one's, as its own header said.
    pub gap: Option<GapReason>,
    /// Why it was lost.
    pub reason: String,
    /// When, in whole milliseconds.
    pub lost_at: Timestamp,
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
    segment: JsonSegment,
    previous: Option<JsonSegment>,
    gap: Option<String>,
    reason: String,
    lost_at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

impl LossRecord {
    pub(super) fn unsigned(
        (tenant, camera, stream, stream_key): (TenantId, CameraId, StreamId, [u8; 32]),
        finished: &FinishedSegment,
        reason: &str,
        at: Timestamp,
    ) -> Result<Self, SealError> {
        let out_of_range = SealError::TimeOutOfRange { what: "the time of a loss" };
        let lost_at = match at.as_millisecond() {
            ms if is_unix_ms(ms) => Timestamp::from_millisecond(ms).map_err(|_| out_of_range)?,
            _ => return Err(out_of_range),
        };
        let segment = Previous {
            sequence: finished.name.sequence,
            digest: finished.digest,
            start_ms: finished.name.start_ms,
            duration_ms: finished.name.duration_ms,
        };
        Ok(Self {
            tenant,
            camera,
            stream,
            stream_key,
            segment,
            previous: finished.previous,
            gap: finished.gap.clone(),
            reason: one_line(reason),
            lost_at,
            signature: [0; 64],
        })
    }

    pub(super) fn sign(mut self, signer: &Ed25519KeyPair) -> Result<Self, SealError> {
        self.signature = record::sign(signer, SIGNATURE_LABEL, &self.canonical(None))?;
        Ok(self)
    }

    /// Where it lies in the store.
    pub fn key(&self, prefix: &str) -> String {
        loss_record_key(prefix, &self.tenant, &self.camera, &self.stream, self.segment.sequence)
    }

    /// The object: JSON as RFC 8785 writes it.
    pub fn to_json(&self) -> Vec<u8> {
        self.canonical(Some(hex(&self.signature)))
    }

    /// Reads a record back. Accepts exactly what [`LossRecord::to_json`] writes; the signature is checked by
    /// [`LossRecord::verify`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, StreamRecordError> {
        let json: Json = record::parse(bytes)?;
        let record = Self {
            tenant: json.tenant,
            camera: json.camera,
            stream: json.stream,
            stream_key: unhex(&json.stream_key).ok_or_else(|| malformed("the stream's public key"))?,
            segment: json.segment.read()?,
            previous: json.previous.map(JsonSegment::read).transpose()?,
            gap: json.gap.map(GapReason::parse).transpose().map_err(|_| malformed("the gap's reason"))?,
            reason: json.reason,
            lost_at: Some(json.lost_at_ms)
                .filter(|ms| is_unix_ms(*ms))
                .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                .ok_or_else(|| malformed("the time"))?,
            signature: json.signature.as_deref().and_then(unhex).ok_or_else(|| malformed("the signature"))?,
        };
        if stream_id(&record.stream_key) != record.stream {
            return Err(malformed("the stream's id is not that of its public key"));
        }
        if !gap_fits(record.segment.sequence, record.previous.as_ref(), record.gap.as_ref()) {
            return Err(malformed("the previous segment"));
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
        record::canonical(&Json {
            version: VERSION,
            tenant: self.tenant.clone(),
            camera: self.camera.clone(),
            stream: self.stream.clone(),
            stream_key: hex(&self.stream_key),
            segment: JsonSegment::write(&self.segment),
            previous: self.previous.as_ref().map(JsonSegment::write),
            gap: self.gap.as_ref().map(ToString::to_string),
            reason: self.reason.clone(),
            lost_at_ms: self.lost_at.as_millisecond(),
            signature,
        })
    }
}
