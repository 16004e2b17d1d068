//! A camera's recorder stream and its open file: the blocking side of recording.

use std::{collections::VecDeque, io, io::Write, sync::Arc};

use camerafleet_footage::{
    ids::PolicyId,
    layout::{Epoch, Hour, MAX_SEGMENT_DURATION_MS, SegmentName, Tracks},
    seal::{FinishedSegment, PublicKey, RecorderStream, SealError, SegmentPolicy, SegmentWriter},
    shard::{EpochKeyConfig, PublicKeyConfig, Recorder},
};
use jiff::Timestamp;

use super::timeline::Placed;
use crate::{
    config::diff::CameraSpec,
    mux::Fragment,
    spool::{EpochKey, Journal, Kind, Meta, Spool, SpoolFile},
};

/// Why a segment could not be begun, continued or finished.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// A public key in the configuration is no key.
    #[error("a public key cannot be used: {0}")]
    Key(#[from] camerafleet_footage::seal::PublicKeyError),
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
        matches!(self, Self::Key(_) | Self::Epoch(_) | Self::Seal(SealError::WrongKeyName { .. }))
    }
}

/// What a segment is sealed under, from the configuration.
pub struct Policy {
    retention_policy: PolicyId,
    epoch: EpochKeyConfig,
    camera_key: PublicKeyConfig,
    sharing_policy: [u8; 32],
}

impl Policy {
    /// The present one.
    pub fn new(spec: &CameraSpec, epoch: &EpochKeyConfig) -> Self {
        let digest = spec.camera.sharing_policy_digest.as_deref();
        Self {
            retention_policy: spec.camera.retention_policy.clone(),
            epoch: epoch.clone(),
            camera_key: spec.camera.camera_key.clone(),
            // The configuration was checked for it.
            sharing_policy: crate::config::parse::sharing_policy(digest).unwrap_or_default(),
        }
    }

    fn parsed(&self) -> Result<SegmentPolicy, SealingError> {
        Ok(SegmentPolicy {
            retention_policy: self.retention_policy.clone(),
            epoch: Epoch::new(self.epoch.start, self.epoch.length)?,
            epoch_key: PublicKey::from_pem(&self.epoch.key.name, &self.epoch.key.pem)?,
            camera_key: PublicKey::from_pem(&self.camera_key.name, &self.camera_key.pem)?,
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
}

/// age seals in chunks of this many bytes, and writes one when the next has begun.
const CHUNK: u64 = 64 << 10;

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

    /// Begins a segment.
    pub fn open(&mut self, policy: &Policy, at: Timestamp, tracks: Tracks) -> Result<(), SealingError> {
        self.abandon();
        let parsed = policy.parsed()?;
        let file = self.spool.create(&self.spec.id)?;
        let journal = file.journal();
        let writer = self.stream.open(&parsed, at, tracks, file)?;
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
        self.open = Some(Open { writer, epoch, name, journal, written: 0, ends: VecDeque::new() });
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
        self.commit(file, Kind::Segment, finished.name.key(&self.spec.prefix), Some(epoch), now)?;
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
        let mut file = self.spool.create(&self.spec.id)?;
        let Self { spec, spool, stream, .. } = self;
        let record = stream.close(reason, now)?;
        file.write_all(&record.to_json())?;
        commit(&spool, &spec, file, Kind::CloseRecord, record.key(&spec.prefix), None, now)
    }

    fn commit(
        &self,
        file: SpoolFile,
        kind: Kind,
        key: String,
        epoch: Option<EpochKey>,
        now: Timestamp,
    ) -> Result<(), SealingError> {
        commit(&self.spool, &self.spec, file, kind, key, epoch, now)
    }
}

impl Open {
    /// Notes how much of the file is whole.
    fn note(&mut self, spec: &CameraSpec) -> io::Result<()> {
        let whole = self.written.saturating_sub(1) / CHUNK * CHUNK;
        let count = self.ends.iter().take_while(|(end, _)| *end <= whole).count();
        let Some((_, placed)) = self.ends.drain(..count).next_back() else { return Ok(()) };
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
        })
    }
}

fn commit(
    spool: &Spool,
    spec: &CameraSpec,
    file: SpoolFile,
    kind: Kind,
    key: String,
    epoch: Option<EpochKey>,
    now: Timestamp,
) -> Result<(), SealingError> {
    // The length is the file's own.
    let meta =
        Meta { kind, key, camera: spec.id.clone(), epoch, finished_ms: now.as_millisecond(), bytes: 0 };
    Ok(spool.commit(file, meta)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
