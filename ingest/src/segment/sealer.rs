//! A camera's recorder stream and its open file: the blocking side of recording.

use std::{collections::VecDeque, io, io::Write, sync::Arc};

use camerafleet_footage::{
    ids::PolicyId,
    layout::{Epoch, Hour, MAX_SEGMENT_DURATION_MS, SegmentName, Tracks},
    seal::{
        FinishedSegment, GapReason, PublicKey, RecorderStream, SealError, SegmentPolicy, SegmentWriter,
        WindowCustody,
    },
    shard::{EpochKeyConfig, Recorder, WindowConfig},
};
use jiff::Timestamp;

use super::timeline::Placed;
use crate::{
    config::diff::CameraSpec,
    mux::Fragment,
    spool::{EpochKey, GivenUp, Journal, Kind, Meta, Spool, SpoolFile},
};

/// Why a segment could not be begun, continued or finished.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// A public key in the configuration is no key.
    #[error("a public key cannot be used: {0}")]
    Key(#[from] camerafleet_footage::seal::PublicKeyError),
    /// The owners in the configuration cannot keep a key.
    #[error("the owners' keys cannot be used: {0}")]
    Owners(#[from] camerafleet_footage::seal::InvalidOwners),
    /// An epoch in the configuration is none.
    #[error("an epoch key's time is malformed: {0}")]
    Epoch(#[from] camerafleet_footage::layout::InvalidTime),
    /// From sealing.
    #[error(transparent)]
    Seal(SealError),
    /// From the spool.
    #[error("writing to the spool failed: {0}")]
    Io(#[from] io::Error),
    /// The boxes could not be made.
    #[error(transparent)]
    Mux(#[from] crate::mux::MuxError),
    /// The stream was lost with a thread that panicked.
    #[error("the recorder stream was lost")]
    Lost,
}

impl From<SealError> for SealingError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Io(error) => Self::Io(error),
            other => Self::Seal(other),
        }
    }
}

impl SealingError {
    /// Whether there is no room left.
    pub fn is_full(&self) -> bool {
        let full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        matches!(self, Self::Io(error) if full(error.kind()))
    }

    /// Whether it lies in the configuration's keys.
    pub fn is_key(&self) -> bool {
        let wrong_name = matches!(self, Self::Seal(SealError::WrongKeyName { .. }));
        wrong_name || matches!(self, Self::Key(_) | Self::Owners(_) | Self::Epoch(_))
    }
}

/// What a segment is sealed under, from the configuration.
pub struct Policy {
    retention_policy: PolicyId,
    epoch: EpochKeyConfig,
    window: WindowConfig,
    sharing_policy: [u8; 32],
}

impl Policy {
    /// The present one.
    pub fn new(spec: &CameraSpec, epoch: &EpochKeyConfig) -> Self {
        let digest = spec.camera.sharing_policy_digest.as_deref();
        Self {
            retention_policy: spec.camera.retention_policy.clone(),
            epoch: epoch.clone(),
            window: spec.camera.window.clone(),
            // The configuration was checked for it.
            sharing_policy: crate::config::parse::sharing_policy(digest).unwrap_or_default(),
        }
    }

    fn parsed(&self) -> Result<SegmentPolicy, SealingError> {
        Ok(SegmentPolicy {
            retention_policy: self.retention_policy.clone(),
            epoch: Epoch::new(self.epoch.start, self.epoch.length)?,
            epoch_key: PublicKey::from_pem(&self.epoch.key.name, &self.epoch.key.pem)?,
            window: match &self.window {
                WindowConfig::Vault { key } => {
                    WindowCustody::Vault(PublicKey::from_pem(&key.name, &key.pem)?)
                }
                WindowConfig::Owners(owners) => WindowCustody::Owners(owners.custody()?),
            },
            sharing_policy: self.sharing_policy,
        })
    }
}

/// The stream.
pub struct Sealer {
    spec: Arc<CameraSpec>,
    spool: Arc<Spool>,
    stream: RecorderStream,
    open: Option<Open>,
}

struct Open {
    writer: SegmentWriter<SpoolFile>,
    epoch: EpochKey,
    /// Its name, but for its place in time.
    name: SegmentName,
    journal: Journal,
    /// Bytes of media written so far.
    written: u64,
    /// Where fragments end that are not whole on disk yet, and the place in time up to there.
    ends: VecDeque<(u64, Placed)>,
    /// How much of it, ms, is whole on disk.
    whole_ms: u64,
}

/// age seals in chunks of this many bytes, and writes one when the next has begun.
const CHUNK: u64 = 64 << 10;
/// A camera that fills no chunk within this (ms) has one filled up: a kill may lose 5 s, and a fragment is on its way, too.
/// So a camera that sends little is stored as if it sent up to 175 kbit/s.
const FILL_MS: u64 = 3_000;

impl Sealer {
    /// A new stream.
    pub fn new(spec: Arc<CameraSpec>, spool: Arc<Spool>) -> Result<Self, SealingError> {
        let stream = RecorderStream::new(spec.tenant.clone(), spec.id.clone())?;
        Ok(Self { spec, spool, stream, open: None })
    }

    /// Who it is and how far it got.
    pub fn recorder(&self) -> Recorder {
        Recorder {
            stream: self.stream.id().clone(),
            public_key: hex(&self.stream.public_key()),
            last_sequence: self.stream.last_sequence(),
            head: self.stream.head().map(|head| hex(&head)),
        }
    }

    /// Begins a segment; `gap` says why it does not continue the one before.
    pub fn open(
        &mut self,
        policy: &Policy,
        at: Timestamp,
        gap: Option<GapReason>,
        tracks: Tracks,
    ) -> Result<(), SealingError> {
        self.abandon();
        let parsed = policy.parsed()?;
        let file = self.spool.create(&self.spec.id)?;
        let journal = file.journal();
        let writer = self.stream.open(&parsed, at, gap, tracks, file)?;
        let epoch = EpochKey { start: policy.epoch.start, name: policy.epoch.key.name.clone() };
        let name = SegmentName {
            tenant: self.spec.tenant.clone(),
            policy: parsed.retention_policy.clone(),
            epoch: parsed.epoch,
            camera: self.spec.id.clone(),
            hour: Hour::containing(writer.opened_at()),
            start_ms: 0,
            duration_ms: 0,
            stream: self.stream.id().clone(),
            sequence: writer.sequence(),
            tracks,
        };
        self.open =
            Some(Open { writer, epoch, name, journal, written: 0, ends: VecDeque::new(), whole_ms: 0 });
        Ok(())
    }

    /// Adds a fragment, with which the segment has come to `so_far`.
    pub fn fragment(&mut self, fragment: &Fragment, so_far: Placed) -> Result<(), SealingError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut parts =
            std::iter::once(&fragment.head[..]).chain(fragment.payload.iter().map(|data| &data[..]));
        let written = parts.try_for_each(|part| open.writer.write_all(part));
        if written.is_err() {
            self.abandon();
            return Ok(written?);
        }
        open.written += fragment.len() as u64;
        open.ends.push_back((open.written, so_far));
        if let Some(padding) = open.padding(so_far) {
            if let Err(error) = open.writer.write_all(&padding) {
                self.abandon();
                return Err(error.into());
            }
            open.written += padding.len() as u64;
        }
        // What would be lost by a kill is no more than one chunk and what was not handed on yet. That it cannot be noted
        // is no reason not to record.
        if let Err(error) = open.note(&self.spec) {
            tracing::warn!(camera = %self.spec.id, %error, "the journal of an open segment cannot be written");
        }
        Ok(())
    }

    /// Ends the segment; it waits for the store from now on. None if none is open.
    pub fn finish(
        &mut self,
        placed: Placed,
        now: Timestamp,
    ) -> Result<Option<FinishedSegment>, SealingError> {
        let Some(Open { writer, epoch, .. }) = self.open.take() else { return Ok(None) };
        let duration = placed.duration_ms.min(MAX_SEGMENT_DURATION_MS);
        let (finished, file) = self.stream.finish(writer, placed.start_ms, duration)?;
        let key = finished.name.key(&self.spec.prefix);
        let segment = (epoch, Box::new(finished.clone()));
        commit(&self.spool, &self.spec, file, Kind::Segment, key, Some(segment), now)?;
        self.record_losses(now);
        Ok(Some(finished))
    }

    /// Gives the open segment up; its number shows as a gap.
    pub fn abandon(&mut self) -> bool {
        self.stream.abandon();
        self.open.take().is_some()
    }

    /// Ends the stream: its signed last word waits for the store like a segment.
    pub fn close(mut self, reason: &str, now: Timestamp) -> Result<(), SealingError> {
        self.abandon();
        self.record_losses(now);
        let mut file = self.spool.create(&self.spec.id)?;
        let Self { spec, spool, stream, .. } = self;
        let record = stream.close(reason, now)?;
        file.write_all(&record.to_json())?;
        commit(&spool, &spec, file, Kind::CloseRecord, record.key(&spec.prefix), None, now)
    }

    /// Says of this stream's segments that the spool gave up that they were: the chain goes on behind them.
    fn record_losses(&self, now: Timestamp) {
        for lost in self.spool.take_given_up(&self.spec.id) {
            // An earlier stream's key is gone, and with it the chance to say so.
            if lost.segment.name.stream != *self.stream.id() {
                continue;
            }
            if let Err(error) = self.record_loss(&lost, now) {
                let sequence = lost.segment.name.sequence;
                tracing::error!(camera = %self.spec.id, sequence, %error, "the loss of a segment could not be recorded");
            }
        }
    }

    fn record_loss(&self, lost: &GivenUp, now: Timestamp) -> Result<(), SealingError> {
        let record = self.stream.lose(&lost.segment, lost.reason, now)?;
        let mut file = self.spool.create(&self.spec.id)?;
        file.write_all(&record.to_json())?;
        commit(&self.spool, &self.spec, file, Kind::LossRecord, record.key(&self.spec.prefix), None, now)
    }
}

impl Open {
    /// A `free` box (ISO/IEC 14496-12, 8.1.2), which readers skip, up to the first byte of the next chunk, where what was
    /// written has waited long for its chunk to be full.
    fn padding(&self, so_far: Placed) -> Option<Vec<u8>> {
        let waits = so_far.duration_ms.saturating_sub(self.whole_ms) >= FILL_MS;
        let whole = self.written.saturating_sub(1) / CHUNK * CHUNK;
        if !waits || self.ends.iter().all(|(end, _)| *end <= whole) {
            return None;
        }
        let length = (CHUNK - self.written % CHUNK + 1).max(8);
        let mut padding = vec![0; usize::try_from(length).ok()?];
        padding[..4].copy_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
        padding[4..8].copy_from_slice(b"free");
        Some(padding)
    }

    /// Notes how much of the file is whole.
    fn note(&mut self, spec: &CameraSpec) -> io::Result<()> {
        let whole = self.written.saturating_sub(1) / CHUNK * CHUNK;
        let count = self.ends.iter().take_while(|(end, _)| *end <= whole).count();
        let Some((_, placed)) = self.ends.drain(..count).next_back() else { return Ok(()) };
        self.whole_ms = placed.duration_ms;
        let name =
            SegmentName { start_ms: placed.start_ms, duration_ms: placed.duration_ms, ..self.name.clone() };
        let finished_ms = placed.start_ms + i64::try_from(placed.duration_ms).unwrap_or(0);
        self.journal.note(&Meta {
            kind: Kind::Segment,
            key: name.key(&spec.prefix),
            camera: spec.id.clone(),
            epoch: Some(self.epoch.clone()),
            finished_ms,
            bytes: self.journal.bytes(),
            segment: None,
        })
    }
}

fn commit(
    spool: &Spool,
    spec: &CameraSpec,
    file: SpoolFile,
    kind: Kind,
    key: String,
    segment: Option<(EpochKey, Box<FinishedSegment>)>,
    now: Timestamp,
) -> Result<(), SealingError> {
    let (epoch, segment) = segment.unzip();
    // The length is the file's own.
    let (camera, finished_ms) = (spec.id.clone(), now.as_millisecond());
    let meta = Meta { kind, key, camera, epoch, segment, finished_ms, bytes: 0 };
    Ok(spool.commit(file, meta)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::{AsDer, PublicKeyX509Der},
        rsa::{KeySize, PrivateDecryptingKey},
    };
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use camerafleet_footage::{
        layout::{camera_key_name, epoch_key_name},
        seal::{LossRecord, SealedHeader},
        shard::{PublicKeyConfig, SpoolConfig},
    };

    use super::*;
    use crate::{
        config::{Secrets, diff, parse},
        metrics::Metrics,
    };

    #[test]
    fn a_segment_that_the_spool_gave_up_is_recorded_as_lost() {
        let shard = parse::shard(parse::tests::EXAMPLE).unwrap();
        let spec = diff::cameras(&shard, &Secrets::default()).into_values().next().unwrap();
        let key = PrivateDecryptingKey::generate(KeySize::Rsa3072).unwrap();
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        let body = BASE64_STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        let retention_policy = spec.camera.retention_policy.clone();
        let epoch = Epoch::new(0, 86_400).unwrap();
        let policy = Policy {
            epoch: EpochKeyConfig {
                start: 0,
                length: 86_400,
                key: PublicKeyConfig { name: epoch_key_name(&retention_policy, &epoch), pem: pem.clone() },
            },
            retention_policy,
            window: WindowConfig::Vault { key: PublicKeyConfig { name: camera_key_name(&spec.id), pem } },
            sharing_policy: [0; 32],
        };

        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path(), Metrics::new()).unwrap();
        spool.limit(SpoolConfig { size: 200_000, max_age_seconds: u64::MAX });
        let mut sealer = Sealer::new(spec.clone(), spool.clone()).unwrap();
        let stream_key = sealer.stream.public_key();
        let now = Timestamp::UNIX_EPOCH;
        let mut first = None;
        for i in 0..3 {
            sealer.open(&policy, now, None, Tracks::Video).unwrap();
            let fragment = Fragment { head: vec![0; 90_000], payload: Vec::new() };
            let placed = Placed { start_ms: i * 1_000, duration_ms: 1_000 };
            sealer.fragment(&fragment, placed).unwrap();
            let finished = sealer.finish(placed, now).unwrap().unwrap();
            first.get_or_insert(finished);
        }
        let first = first.unwrap();
        let mut losses = Vec::new();
        while let Ok(entry) = spool.take(std::time::Instant::now()) {
            let bytes = std::fs::read(spool.path(entry.number)).unwrap();
            match entry.meta.kind {
                Kind::LossRecord => losses.push((entry.meta.key, LossRecord::from_json(&bytes).unwrap())),
                _ => assert!(SealedHeader::parse(&bytes).unwrap().identity.sequence > 0),
            }
            spool.give_back(entry.number, true, None);
        }
        let [(key, loss)] = &losses[..] else { panic!("{} loss records", losses.len()) };
        loss.verify(&stream_key).unwrap();
        assert_eq!(*key, loss.key(&spec.prefix));
        assert_eq!((loss.segment.sequence, loss.segment.digest), (0, first.digest));
        assert_eq!((loss.segment.start_ms, loss.segment.duration_ms, &*loss.reason), (0, 1_000, "SpoolFull"));
    }
}
