//! Times, epochs and segments, by name and sealed.

use std::io::Write as _;

use camerafleet_footage::{
    ids::{CameraId, PolicyId, StreamId, TenantId},
    layout::{Epoch, Hour, SegmentName, Tracks, camera_key_name, epoch_key_name},
    seal::{PublicKey, RecorderStream, SegmentPolicy, WindowCustody},
    vault::Vault,
};
use jiff::{SignedDuration, Timestamp};

use super::{MOUNT, POLICY, TENANT};

pub fn ago(minutes: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_mins(minutes)
}

pub fn policy_id() -> PolicyId {
    PolicyId::parse(POLICY).unwrap()
}

/// The hour that began so many hours before the present one.
pub fn epoch(hours_ago: i64) -> Epoch {
    Epoch::containing(Timestamp::now() - SignedDuration::from_hours(hours_ago), 3_600)
}

/// A segment of a minute from the epoch's start on.
pub fn segment(policy: &str, epoch: Epoch, camera: &str, sequence: u64) -> SegmentName {
    SegmentName {
        tenant: TenantId::parse(TENANT).unwrap(),
        policy: PolicyId::parse(policy).unwrap(),
        epoch,
        camera: CameraId::parse(camera).unwrap(),
        hour: Hour::containing(epoch.start()),
        start_ms: epoch.start().as_millisecond(),
        duration_ms: 60_000,
        stream: StreamId::from_bytes([7; 16]),
        sequence,
        tracks: Tracks::Video,
    }
}

/// Seals a minute of a camera from the epoch's start on, as a recorder does; its keys are made if they are not there.
pub async fn seal(vault: &Vault, of: Epoch, camera: &str) -> (SegmentName, Vec<u8>) {
    let (tenant, camera) = (TenantId::parse(TENANT).unwrap(), CameraId::parse(camera).unwrap());
    let (camera_key, epoch_key) = (camera_key_name(&camera), epoch_key_name(&policy_id(), &of));
    let camera_pem = vault.create_key(MOUNT, &camera_key).await.unwrap();
    let epoch_pem = vault.create_key(MOUNT, &epoch_key).await.unwrap();
    let policy = SegmentPolicy {
        retention_policy: policy_id(),
        epoch: of,
        epoch_key: PublicKey::from_pem(&epoch_key, &epoch_pem).unwrap(),
        window: WindowCustody::Vault(PublicKey::from_pem(&camera_key, &camera_pem).unwrap()),
        sharing_policy: [0; 32],
    };
    let mut stream = RecorderStream::new(tenant, camera).unwrap();
    let mut writer = stream.open(&policy, of.start(), None, Tracks::Video, Vec::new()).unwrap();
    writer.write_all(b"a frame").unwrap();
    let (finished, file) = stream.finish(writer, of.start().as_millisecond(), 60_000).unwrap();
    (finished.name, file)
}
