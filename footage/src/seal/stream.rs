//! A recorder stream: one incarnation of one camera's recorder.

use std::cell::OnceCell;
use std::io::Write;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jiff::Timestamp;

use crate::ids::{CameraId, PolicyId, StreamId, TenantId};
use crate::layout::{
    Epoch, Hour, MAX_SEGMENT_DURATION_MS, MAX_SEQUENCE, SegmentName, Tracks, camera_key_name, epoch_key_name,
    is_unix_ms,
};

use super::close::CloseRecord;
use super::error::SealError;
use super::gap::GapReason;
use super::identity::{Custody, Previous, SegmentIdentity, stream_id};
use super::keys::PublicKey;
use super::loss::LossRecord;
use super::owners::{OwnersCustody, Scope, SealedWindow};
use super::recipient::{SegmentRecipient, WrappedWindow};
use super::secret::Secret32;
use super::writer::{Facts, SegmentWriter};

/// Window keys that are kept at most for one hour, one for each SharingPolicy that was in force in it.
const MAX_WINDOWS: usize = 8;

/// Under what a segment is sealed: it holds for the whole segment, so a change cuts one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentPolicy {
    /// Under which policy the segment expires.
    pub retention_policy: PolicyId,
    /// The epoch of `epoch_key`.
    pub epoch: Epoch,
    /// The key that the epoch share is wrapped to; its name must be the policy's and the epoch's.
    pub epoch_key: PublicKey,
    /// Who keeps the window key.
    pub window: WindowCustody,
    /// SHA-256 of the SharingPolicy's spec (RFC 8785) in force; zeros for none.
    pub sharing_policy: [u8; 32],
}

/// Who keeps a window key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowCustody {
    /// It is wrapped to the camera's Transit key, whose name must be the camera's.
    Vault(PublicKey),
    /// It is split among the owners.
    Owners(OwnersCustody),
}

/// A segment that is complete on disk and part of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedSegment {
    /// Under which name it is stored.
    pub name: SegmentName,
    /// Its digest, which the next header carries.
    pub digest: [u8; 32],
    /// SHA-256 of its header.
    pub header_digest: [u8; 32],
    /// The segment before it in its stream, as its header names it.
    pub previous: Option<Previous>,
    /// Why its media does not continue that one's, as its header says.
    pub gap: Option<GapReason>,
    /// The file's length.
    pub bytes: u64,
}

/// One incarnation of one camera's recorder. It has an Ed25519 key of its own, which never leaves memory, and
/// chains its segments: each header carries the digest of the one before.
pub struct RecorderStream {
    tenant: TenantId,
    camera: CameraId,
    id: StreamId,
    // aws-lc wipes the private key when it is dropped.
    signer: Ed25519KeyPair,
    public_key: [u8; 32],
    next_sequence: u64,
    open_sequence: Option<u64>,
    last: Option<Previous>,
    windows: Vec<Window>,
}

/// A window key: for one camera, one stream, one UTC hour and one SharingPolicy. Wrapped once.
struct Window {
    hour: Hour,
    sharing_policy: [u8; 32],
    custody: WindowCustody,
    key: Secret32,
    wrapped: WrappedWindow,
}

impl RecorderStream {
    /// Starts a stream with a fresh key.
    pub fn new(tenant: TenantId, camera: CameraId) -> Result<Self, SealError> {
        let crypto = |_| SealError::Crypto { doing: "making a stream's signing key" };
        let signer = Ed25519KeyPair::generate().map_err(crypto)?;
        let public_key = signer
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| SealError::Crypto { doing: "reading a stream's public key" })?;
        Ok(Self {
            tenant,
            camera,
            id: stream_id(&public_key),
            signer,
            public_key,
            next_sequence: 0,
            open_sequence: None,
            last: None,
            windows: Vec::new(),
        })
    }

    /// The stream's id, which follows from its public key.
    pub fn id(&self) -> &StreamId {
        &self.id
    }

    /// The Ed25519 public key, for the log.
    pub fn public_key(&self) -> [u8; 32] {
        self.public_key
    }

    /// The last finished segment's number.
    pub fn last_sequence(&self) -> Option<u64> {
        self.last.map(|last| last.sequence)
    }

    /// The last finished segment's digest: the chain's head.
    pub fn head(&self) -> Option<[u8; 32]> {
        self.last.map(|last| last.digest)
    }

    /// Opens the next segment and writes its header. `opened_at` decides the hour, and counts in whole
    /// milliseconds. `gap` says why the media does not continue that of the last finished segment; the
    /// first segment's is always [`GapReason::start`], and one after numbers that were given up always has one.
    ///
    /// An error after the sequence number was taken leaves a gap: no number is ever signed twice.
    pub fn open<W: Write>(
        &mut self,
        policy: &SegmentPolicy,
        opened_at: Timestamp,
        gap: Option<GapReason>,
        tracks: Tracks,
        out: W,
    ) -> Result<SegmentWriter<W>, SealError> {
        if let Some(sequence) = self.open_sequence {
            return Err(SealError::SegmentOpen { sequence });
        }
        let custody = match &policy.window {
            WindowCustody::Vault(key) => {
                check_key(key, camera_key_name(&self.camera))?;
                Custody::Vault
            }
            WindowCustody::Owners(_) => Custody::Owners,
        };
        check_key(&policy.epoch_key, epoch_key_name(&policy.retention_policy, &policy.epoch))?;
        let out_of_range = SealError::TimeOutOfRange { what: "the opening time" };
        let opened_at = match opened_at.as_millisecond() {
            ms if is_unix_ms(ms) => Timestamp::from_millisecond(ms).map_err(|_| out_of_range)?,
            _ => return Err(out_of_range),
        };
        let sequence = self.next_sequence;
        if sequence > MAX_SEQUENCE {
            return Err(SealError::SequenceExhausted);
        }
        let crypto = |_| SealError::Crypto { doing: "making an epoch share" };
        let epoch_share = Secret32::random().map_err(crypto)?;
        let wrapped_epoch_share = policy.epoch_key.wrap(&epoch_share)?;
        let scope = Scope {
            tenant: &self.tenant,
            camera: &self.camera,
            stream: &self.id,
            hour: Hour::containing(opened_at),
            sharing_policy: &policy.sharing_policy,
        };
        let window = window(&mut self.windows, policy, &scope)?;
        let identity = SegmentIdentity {
            custody,
            tenant: self.tenant.clone(),
            camera: self.camera.clone(),
            stream: self.id.clone(),
            stream_key: self.public_key,
            sequence,
            opened_at,
            window_recipient: window.wrapped.recipient,
            policy: policy.retention_policy.clone(),
            epoch: policy.epoch,
            epoch_recipient: policy.epoch_key.fingerprint(),
            sharing_policy: policy.sharing_policy,
            previous: self.last,
            gap: match &self.last {
                None => Some(GapReason::start()),
                Some(last) if last.sequence + 1 != sequence => gap.or_else(|| Some(GapReason::given_up())),
                Some(_) => gap,
            },
            tracks,
        };
        let recipient = SegmentRecipient {
            identity: &identity,
            signer: &self.signer,
            window_key: &window.key,
            window: &window.wrapped,
            epoch_share: &epoch_share,
            wrapped_epoch_share: &wrapped_epoch_share,
            file_key: OnceCell::new(),
        };
        self.next_sequence += 1;
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
            .map_err(|_| SealError::Crypto { doing: "sealing a header" })?;
        let file_key = recipient.file_key.get().ok_or(SealError::Crypto { doing: "wrapping a file key" })?;
        let facts = Facts {
            stream: self.id.clone(),
            sequence,
            gap: identity.gap.clone(),
            opened_at,
            policy: policy.retention_policy.clone(),
            epoch: policy.epoch,
            tracks,
        };
        let writer = SegmentWriter::start(facts, encryptor, file_key, out)?;
        self.open_sequence = Some(sequence);
        Ok(writer)
    }

    /// Writes the last chunk. `start_ms` is the media's start in milliseconds since the Unix epoch,
    /// `duration_ms` its length. After an error the segment is abandoned, unless the writer was not the open
    /// one.
    pub fn finish<W: Write>(
        &mut self,
        writer: SegmentWriter<W>,
        start_ms: i64,
        duration_ms: u64,
    ) -> Result<(FinishedSegment, W), SealError> {
        if self.open_sequence != Some(writer.facts.sequence) || writer.facts.stream != self.id {
            return Err(SealError::NotTheOpenSegment);
        }
        self.open_sequence = None;
        if !is_unix_ms(start_ms) {
            return Err(SealError::TimeOutOfRange { what: "the segment's start" });
        }
        if duration_ms > MAX_SEGMENT_DURATION_MS {
            return Err(SealError::TimeOutOfRange { what: "a duration of over an hour" });
        }
        let (facts, written) = writer.end()?;
        let Facts { stream, sequence, gap, opened_at, policy, epoch, tracks } = facts;
        let previous = self.last;
        self.last = Some(Previous { sequence, digest: written.digest, start_ms, duration_ms });
        let name = SegmentName {
            tenant: self.tenant.clone(),
            policy,
            epoch,
            camera: self.camera.clone(),
            hour: Hour::containing(opened_at),
            start_ms,
            duration_ms,
            stream,
            sequence,
            tracks,
        };
        let finished = FinishedSegment {
            name,
            digest: written.digest,
            header_digest: written.header_digest,
            previous,
            gap,
            bytes: written.bytes,
        };
        Ok((finished, written.out))
    }

    /// Gives up the open segment; drop its writer and delete its file. Returns its number, which the next
    /// header or the close record shows as a gap.
    pub fn abandon(&mut self) -> Option<u64> {
        self.open_sequence.take()
    }

    /// Forgets window keys of hours that are over at `now`. Opening a segment does so too; this is for a
    /// camera that opens none.
    pub fn forget_expired(&mut self, now: Timestamp) {
        let hour = Hour::containing(now);
        self.windows.retain(|window| window.hour == hour);
    }

    /// Says of a finished segment of this stream that it will never reach the store. `reason` is for people:
    /// one line, cut at [`super::MAX_REASON_BYTES`].
    pub fn lose(
        &self,
        finished: &FinishedSegment,
        reason: &str,
        at: Timestamp,
    ) -> Result<LossRecord, SealError> {
        if finished.name.stream != self.id {
            return Err(SealError::NotThisStreams { stream: finished.name.stream.to_string() });
        }
        let stream = (self.tenant.clone(), self.camera.clone(), self.id.clone(), self.public_key);
        LossRecord::unsigned(stream, finished, reason, at)?.sign(&self.signer)
    }

    /// Ends the stream with a signed record; a segment that is still open is given up. `reason` is for people:
    /// one line, cut at [`super::MAX_REASON_BYTES`].
    pub fn close(self, reason: &str, at: Timestamp) -> Result<CloseRecord, SealError> {
        let unsigned = CloseRecord::unsigned(
            (self.tenant, self.camera, self.id, self.public_key),
            (self.last, self.next_sequence),
            reason,
            at,
        )?;
        unsigned.sign(&self.signer)
    }
}

fn check_key(key: &PublicKey, expected: String) -> Result<(), SealError> {
    if key.name() == expected {
        Ok(())
    } else {
        Err(SealError::WrongKeyName { expected, found: key.name().to_owned() })
    }
}

/// The window key for this hour and policy, made when it is first needed.
fn window<'a>(
    windows: &'a mut Vec<Window>,
    policy: &SegmentPolicy,
    scope: &Scope<'_>,
) -> Result<&'a Window, SealError> {
    let hour = scope.hour;
    windows.retain(|w| w.hour == hour);
    let known =
        windows.iter().position(|w| w.sharing_policy == policy.sharing_policy && w.custody == policy.window);
    let index = match known {
        Some(index) => index,
        None => {
            let key = Secret32::random().map_err(|_| SealError::Crypto { doing: "making a window key" })?;
            let wrapped = match &policy.window {
                WindowCustody::Vault(camera) => WrappedWindow {
                    name: camera.name().to_owned(),
                    recipient: camera.fingerprint(),
                    body: camera.wrap(&key)?.into(),
                },
                WindowCustody::Owners(owners) => {
                    let SealedWindow { id, owners, body } = owners.seal(&key, scope)?;
                    WrappedWindow { name: id.to_string(), recipient: owners, body: body.into() }
                }
            };
            if windows.len() == MAX_WINDOWS {
                windows.remove(0);
            }
            let (sharing_policy, custody) = (policy.sharing_policy, policy.window.clone());
            windows.push(Window { hour, sharing_policy, custody, key, wrapped });
            windows.len() - 1
        }
    };
    Ok(&windows[index])
}
