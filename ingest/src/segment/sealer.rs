//! A camera's recorder stream and its open file: the blocking side of recording.

use std::{io, io::Write, sync::Arc};

use camerafleet_footage::{
    ids::PolicyId,
    layout::{Epoch, MAX_SEGMENT_DURATION_MS, Tracks},
    seal::{FinishedSegment, GapReason, PublicKey, RecorderStream, SealError, SegmentPolicy, SegmentWriter},
    shard::{EpochKeyConfig, PublicKeyConfig, Recorder},
};
use jiff::Timestamp;

use super::timeline::Placed;
use crate::{
    config::diff::CameraSpec,
    mux::Fragment,
    spool::{EpochKey, GivenUp, Kind, Meta, Spool, SpoolFile},
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
        let writer = self.stream.open(&parsed, at, gap, tracks, file)?;
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
        shard::SpoolConfig,
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
            camera_key: PublicKeyConfig { name: camera_key_name(&spec.id), pem },
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
            sealer.fragment(&fragment).unwrap();
            let placed = Placed { start_ms: i * 1_000, duration_ms: 1_000 };
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
        }
        let [(key, loss)] = &losses[..] else { panic!("{} loss records", losses.len()) };
        loss.verify(&stream_key).unwrap();
        assert_eq!(*key, loss.key(&spec.prefix));
        assert_eq!((loss.segment.sequence, loss.segment.digest), (0, first.digest));
        assert_eq!((loss.segment.start_ms, loss.segment.duration_ms, &*loss.reason), (0, 1_000, "SpoolFull"));
    }
}
