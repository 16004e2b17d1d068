//! A segment's identity: what its header says of it, and what its key is bound to.

use jiff::Timestamp;

use crate::ids::{CameraId, PolicyId, StreamId, TenantId};
use crate::layout::{
    Epoch, Hour, MAX_SEGMENT_DURATION_MS, MAX_SEQUENCE, SegmentName, Tracks, camera_key_name, decimal,
    decimal_unix_ms, epoch_key_name, parse_epoch_key_name,
};

use super::encode::{base64, push_item, sha256, unbase64};
use super::error::OpenError;
use super::gap::GapReason;
use super::{FORMAT_VERSION, SEGMENT_STANZA};

/// An argument that is not there: age's arguments cannot be empty.
const NONE: &str = "-";

/// Who keeps the window key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Custody {
    /// `vault`: it is wrapped to the camera's Transit key.
    Vault,
    /// `owners`: it is split among the owners, and each share is sealed to one of them.
    Owners,
}

impl Custody {
    /// As it is written in headers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::Owners => "owners",
        }
    }
}

/// The segment before this one in its stream. Numbers between the two are segments that were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Its number.
    pub sequence: u64,
    /// Its digest, see [`super::segment_digest`].
    pub digest: [u8; 32],
    /// Its media's start, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Its media's length, milliseconds.
    pub duration_ms: u64,
}

/// What a header says of its segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentIdentity {
    /// Who keeps the window key.
    pub custody: Custody,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which camera saw it.
    pub camera: CameraId,
    /// Which recorder stream wrote it; [`stream_id`] of `stream_key`.
    pub stream: StreamId,
    /// The stream's Ed25519 public key.
    pub stream_key: [u8; 32],
    /// Its number in the stream, from 0.
    pub sequence: u64,
    /// When it was opened, in whole milliseconds.
    pub opened_at: Timestamp,
    /// What the window key is wrapped to: under `Vault`, SHA-256 of the camera key's SubjectPublicKeyInfo; under
    /// `Owners`, a digest of threshold, owners and the key's commitment ([`super::OwnersWindow::check_owners`]).
    pub window_recipient: [u8; 32],
    /// Under which retention policy it expires.
    pub policy: PolicyId,
    /// The epoch of the key that the epoch share is wrapped to.
    pub epoch: Epoch,
    /// SHA-256 of that key's SubjectPublicKeyInfo.
    pub epoch_recipient: [u8; 32],
    /// SHA-256 of the SharingPolicy's spec (RFC 8785) in force at the opening; zeros for none.
    pub sharing_policy: [u8; 32],
    /// Its predecessor; `None` for a stream's first.
    pub previous: Option<Previous>,
    /// Why the media does not continue the predecessor's; `None` if it does. It is [`GapReason::start`] in a
    /// stream's first segment, and there always is one after numbers that were given up.
    pub gap: Option<GapReason>,
    /// What it holds: whether there is sound in it decides whether it may be disclosed unopened.
    pub tracks: Tracks,
}

/// A stream's id: the first 16 bytes of the SHA-256 of its public key. So an object's name already says which
/// key must have signed it.
pub fn stream_id(public_key: &[u8; 32]) -> StreamId {
    let mut id = [0; 16];
    id.copy_from_slice(&sha256(public_key)[..16]);
    StreamId::from_bytes(id)
}

impl SegmentIdentity {
    /// The name of the Transit key that the epoch share is wrapped to.
    pub fn epoch_key_name(&self) -> String {
        epoch_key_name(&self.policy, &self.epoch)
    }

    /// The name of the Transit key that the window key is wrapped to; `None` where the owners keep it.
    pub fn window_key_name(&self) -> Option<String> {
        match self.custody {
            Custody::Vault => Some(camera_key_name(&self.camera)),
            Custody::Owners => None,
        }
    }

    /// The hour to which the window key belongs.
    pub fn hour(&self) -> Hour {
        Hour::containing(self.opened_at)
    }

    /// Whether the object's name says what the header says. The name's start and duration are not in the header:
    /// its successor, or the close record, has them.
    pub fn check_name(&self, name: &SegmentName) -> Result<(), OpenError> {
        let checks = [
            ("the tenant", name.tenant == self.tenant),
            ("the camera", name.camera == self.camera),
            ("the retention policy", name.policy == self.policy),
            ("the epoch", name.epoch == self.epoch),
            ("the hour", name.hour == self.hour()),
            ("the stream", name.stream == self.stream),
            ("the sequence number", name.sequence == self.sequence),
            ("the tracks", name.tracks == self.tracks),
        ];
        match checks.into_iter().find(|(_, agrees)| !agrees) {
            None => Ok(()),
            Some((what, _)) => Err(OpenError::Misnamed { what }),
        }
    }

    /// The stanza's arguments, all but the signature.
    pub(super) fn arguments(&self) -> Vec<String> {
        let (sequence, digest, start, duration) = match &self.previous {
            None => (NONE.into(), NONE.into(), NONE.into(), NONE.into()),
            Some(p) => {
                (p.sequence.to_string(), base64(&p.digest), p.start_ms.to_string(), p.duration_ms.to_string())
            }
        };
        vec![
            FORMAT_VERSION.into(),
            self.custody.as_str().into(),
            self.tenant.to_string(),
            self.camera.to_string(),
            self.stream.to_string(),
            base64(&self.stream_key),
            self.sequence.to_string(),
            self.opened_at.as_millisecond().to_string(),
            base64(&self.window_recipient),
            self.epoch_key_name(),
            base64(&self.epoch_recipient),
            base64(&self.sharing_policy),
            sequence,
            digest,
            start,
            duration,
            self.gap.as_ref().map_or(NONE, GapReason::as_str).into(),
            self.tracks.as_str().into(),
        ]
    }

    /// What the key-encryption key is derived from and what the signature covers: the stanza's type and its
    /// arguments but the signature, each with its length.
    pub fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(640);
        push_item(&mut out, SEGMENT_STANZA.as_bytes());
        for argument in self.arguments() {
            push_item(&mut out, argument.as_bytes());
        }
        out
    }

    /// Reads the arguments back, with the signature. Accepts exactly what [`Self::arguments`] writes.
    pub(super) fn from_arguments(arguments: &[String]) -> Result<(Self, [u8; 64]), OpenError> {
        let malformed = |what| OpenError::Malformed { what };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let version = *arguments.first().ok_or_else(|| malformed("the segment stanza has no version"))?;
        if version != FORMAT_VERSION {
            return Err(OpenError::UnknownVersion { what: "format version", found: shown(version) });
        }
        let [
            _,
            custody,
            tenant,
            camera,
            stream,
            stream_key,
            sequence,
            opened_at,
            window_recipient,
            epoch_key,
            epoch_recipient,
            sharing_policy,
            previous_sequence,
            previous_digest,
            previous_start,
            previous_duration,
            gap,
            tracks,
            signature,
        ] = arguments[..]
        else {
            return Err(malformed("the segment stanza must have 19 arguments"));
        };
        let custody = match custody {
            "vault" => Custody::Vault,
            "owners" => Custody::Owners,
            other => {
                return Err(OpenError::UnknownVersion { what: "custody", found: shown(other) });
            }
        };
        let (policy, epoch) =
            parse_epoch_key_name(epoch_key).map_err(|_| malformed("the epoch key's name"))?;
        let previous = match [previous_sequence, previous_digest, previous_start, previous_duration] {
            [NONE, NONE, NONE, NONE] => None,
            [sequence, digest, start, duration] => Some(Previous {
                sequence: parse_sequence(sequence)
                    .ok_or_else(|| malformed("the previous sequence number"))?,
                digest: unbase64(digest).ok_or_else(|| malformed("the previous digest"))?,
                start_ms: decimal_unix_ms(start).ok_or_else(|| malformed("the previous start"))?,
                duration_ms: decimal(duration)
                    .filter(|d| *d <= MAX_SEGMENT_DURATION_MS)
                    .ok_or_else(|| malformed("the previous duration"))?,
            }),
        };
        let identity = Self {
            custody,
            tenant: TenantId::parse(tenant).map_err(|_| malformed("the tenant's id"))?,
            camera: CameraId::parse(camera).map_err(|_| malformed("the camera's id"))?,
            stream: StreamId::parse(stream).map_err(|_| malformed("the stream's id"))?,
            stream_key: unbase64(stream_key).ok_or_else(|| malformed("the stream's public key"))?,
            sequence: parse_sequence(sequence).ok_or_else(|| malformed("the sequence number"))?,
            opened_at: decimal_unix_ms(opened_at)
                .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                .ok_or_else(|| malformed("the opening time"))?,
            window_recipient: unbase64(window_recipient)
                .ok_or_else(|| malformed("the digest of what the window key is wrapped to"))?,
            policy,
            epoch,
            epoch_recipient: unbase64(epoch_recipient).ok_or_else(|| malformed("the epoch key's digest"))?,
            sharing_policy: unbase64(sharing_policy)
                .ok_or_else(|| malformed("the sharing policy's digest"))?,
            previous,
            gap: match gap {
                NONE => None,
                word => Some(GapReason::parse(word).map_err(|_| malformed("the gap's reason"))?),
            },
            tracks: Tracks::parse(tracks).ok_or_else(|| malformed("the tracks"))?,
        };
        if stream_id(&identity.stream_key) != identity.stream {
            return Err(malformed("the stream's id is not that of its public key"));
        }
        if identity.previous.is_some_and(|p| p.sequence >= identity.sequence) {
            return Err(malformed("the previous sequence number is not smaller"));
        }
        if !gap_fits(identity.sequence, identity.previous.as_ref(), identity.gap.as_ref()) {
            return Err(malformed("the gap's reason does not fit the previous segment"));
        }
        let signature = unbase64(signature).ok_or_else(|| malformed("the signature"))?;
        Ok((identity, signature))
    }
}

/// Whether a segment can have this predecessor and this reason for a gap.
pub(super) fn gap_fits(sequence: u64, previous: Option<&Previous>, gap: Option<&GapReason>) -> bool {
    match previous {
        None => gap == Some(&GapReason::start()),
        Some(p) if p.sequence >= sequence => false,
        Some(p) => gap.is_some() || p.sequence + 1 == sequence,
    }
}

fn parse_sequence(text: &str) -> Option<u64> {
    decimal(text).filter(|s| *s <= MAX_SEQUENCE)
}

/// Enough of a hostile text to recognise it in a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
