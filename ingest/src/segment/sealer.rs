//! A camera's recorder stream and its open file: the blocking side of recording.

use std::{io, io::Write, sync::Arc};

use camerafleet_footage::{
    ids::PolicyId,
    layout::{Epoch, MAX_SEGMENT_DURATION_MS, Tracks},
    seal::{
        FinishedSegment, PublicKey, RecorderStream, SealError, SegmentPolicy, SegmentWriter, WindowCustody,
    },
    shard::{EpochKeyConfig, PublicKeyConfig, Recorder},
};
use jiff::Timestamp;

use super::timeline::Placed;
use crate::{
    config::diff::CameraSpec,
    mux::Fragment,
    spool::{EpochKey, Kind, Meta, Spool, SpoolFile},
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
            window: WindowCustody::Vault(PublicKey::from_pem(&self.camera_key.name, &self.camera_key.pem)?),
            sharing_policy: self.sharing_policy,
        })
    }
}

/// The stream.
pub struct Sealer {
    spec: Arc<CameraSpec>,
    spool: Arc<Spool>,
    stream: RecorderStream,
    open: Option<(SegmentWriter<SpoolFile>, EpochKey)>,
}

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
        let writer = self.stream.open(&parsed, at, tracks, file)?;
        let epoch = EpochKey { start: policy.epoch.start, name: policy.epoch.key.name.clone() };
        self.open = Some((writer, epoch));
        Ok(())
    }

    /// Adds a fragment.
    pub fn fragment(&mut self, fragment: &Fragment) -> Result<(), SealingError> {
        let Some((writer, _)) = &mut self.open else { return Ok(()) };
        let mut parts =
            std::iter::once(&fragment.head[..]).chain(fragment.payload.iter().map(|data| &data[..]));
        let written = parts.try_for_each(|part| writer.write_all(part));
        if written.is_err() {
            self.abandon();
        }
        Ok(written?)
    }

    /// Ends the segment; it waits for the store from now on. None if none is open.
    pub fn finish(
        &mut self,
        placed: Placed,
        now: Timestamp,
    ) -> Result<Option<FinishedSegment>, SealingError> {
        let Some((writer, epoch)) = self.open.take() else { return Ok(None) };
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
