//! A tenant's mount with its keys, and recorders that seal to them.

use std::io::{Read as _, Write as _};

use camerafleet_footage::hold::Hold;
use camerafleet_footage::ids::{CameraId, HoldId, PolicyId, TenantId};
use camerafleet_footage::layout::{Epoch, Tracks, camera_key_name, epoch_key_name, hold_key_name};
use camerafleet_footage::seal::{
    AuthenticatedHeader, OpenError, PublicKey, RecorderStream, SealedHeader, Secret32, SegmentExpectation,
    SegmentPolicy, WindowCustody, open,
};
use camerafleet_footage::vault::Vault;
use jiff::Timestamp;

use crate::bao::Bao;

/// The tenant's namespace, and so its mount.
pub const NAMESPACE: &str = "elm-street";
pub const MOUNT: &str = "camerafleet/elm-street";

const ACCOUNT: &str = "{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}";

/// A shipped policy, for a token that stands for its ServiceAccount in the tenant's namespace.
pub async fn role(bao: &Bao, name: &str) -> Vault {
    let path: std::path::PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "../operator/src/vault_setup/policies", &format!("{name}.hcl")]
            .iter()
            .collect();
    let hcl = std::fs::read_to_string(path).unwrap();
    let hcl = hcl.replace(ACCOUNT, NAMESPACE).replace("@MOUNT_PREFIX@", "camerafleet");
    bao.with_token(&bao.token_with_policy(name, &hcl).await)
}

pub fn tenant() -> TenantId {
    TenantId::parse("t-1").unwrap()
}

pub fn camera() -> CameraId {
    CameraId::parse("c-1").unwrap()
}

pub fn retention_policy() -> PolicyId {
    PolicyId::parse("p-1").unwrap()
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The epoch of 25 November 2026, by the hour.
pub fn epoch(hour: i64) -> Epoch {
    Epoch::new(at("2026-11-25T00:00:00Z").as_second() + hour * 3600, 3600).unwrap()
}

pub fn epoch_key(hour: i64) -> String {
    epoch_key_name(&retention_policy(), &epoch(hour))
}

pub fn hold_id() -> HoldId {
    HoldId::parse("h-1").unwrap()
}

/// Makes a key with the operator's right to do so, and gives its public half.
pub async fn key(vault: &Vault, name: &str) -> PublicKey {
    PublicKey::from_pem(name, &vault.create_key(MOUNT, name).await.unwrap()).unwrap()
}

pub async fn hold(vault: &Vault, id: &HoldId) -> Hold {
    Hold::new(id.clone(), key(vault, &hold_key_name(id)).await).unwrap()
}

/// What a recorder seals under in this hour, with the camera's key in Vault.
pub async fn policy(vault: &Vault, hour: i64) -> SegmentPolicy {
    SegmentPolicy {
        retention_policy: retention_policy(),
        epoch: epoch(hour),
        epoch_key: key(vault, &epoch_key(hour)).await,
        window: WindowCustody::Vault(key(vault, &camera_key_name(&camera())).await),
        sharing_policy: [0x5a; 32],
    }
}

pub fn stream() -> RecorderStream {
    RecorderStream::new(tenant(), camera()).unwrap()
}

pub fn seal(stream: &mut RecorderStream, policy: &SegmentPolicy, media: &[u8]) -> Vec<u8> {
    let start = policy.epoch.start();
    let mut writer = stream.open(policy, start, None, Tracks::Video, Vec::new()).unwrap();
    writer.write_all(media).unwrap();
    stream.finish(writer, start.as_millisecond(), 60_000).unwrap().1
}

pub fn expectation() -> SegmentExpectation {
    SegmentExpectation { tenant: tenant(), camera: camera(), stream_key: None }
}

pub fn header(file: &[u8]) -> AuthenticatedHeader {
    SealedHeader::parse(file).unwrap().authenticate(&expectation()).unwrap()
}

pub fn read(file: &[u8], (w, e): (Secret32, Secret32)) -> Result<Vec<u8>, OpenError> {
    let mut media = Vec::new();
    open(file, &expectation(), w, e)?.read_to_end(&mut media).unwrap();
    Ok(media)
}
