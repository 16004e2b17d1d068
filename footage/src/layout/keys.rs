//! Names of Transit keys in a tenant's mount.

use crate::ids::{CameraId, HoldId, PolicyId};

use super::Epoch;

/// The text names no key of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not the name of a {kind} key")]
pub struct NotAKeyName {
    kind: &'static str,
    name: String,
}

/// The key that window keys are wrapped to: `camera-<id>`.
pub fn camera_key_name(camera: &CameraId) -> String {
    format!("camera-{camera}")
}

/// The reverse of [`camera_key_name`].
pub fn parse_camera_key_name(name: &str) -> Result<CameraId, NotAKeyName> {
    name.strip_prefix("camera-")
        .and_then(|id| CameraId::parse(id).ok())
        .ok_or_else(|| NotAKeyName { kind: "camera", name: super::epoch::shown(name) })
}

/// The key that epoch shares are wrapped to: `epoch-<policy id>-<UTC start>-<length>`.
pub fn epoch_key_name(policy: &PolicyId, epoch: &Epoch) -> String {
    format!("epoch-{policy}-{epoch}")
}

/// The reverse of [`epoch_key_name`].
pub fn parse_epoch_key_name(name: &str) -> Result<(PolicyId, Epoch), NotAKeyName> {
    let parse = || {
        let rest = name.strip_prefix("epoch-")?;
        // A policy's id may hold '-': start and length are the last two parts.
        let (at, _) = rest.rmatch_indices('-').nth(1)?;
        let policy = PolicyId::parse(&rest[..at]).ok()?;
        let epoch = rest[at + 1..].parse().ok()?;
        Some((policy, epoch))
    };
    parse().ok_or_else(|| NotAKeyName { kind: "epoch", name: super::epoch::shown(name) })
}

/// The key that a hold's copies of epoch shares are wrapped to: `hold-<id>`.
pub fn hold_key_name(hold: &HoldId) -> String {
    format!("hold-{hold}")
}

/// The reverse of [`hold_key_name`].
pub fn parse_hold_key_name(name: &str) -> Result<HoldId, NotAKeyName> {
    name.strip_prefix("hold-")
        .and_then(|id| HoldId::parse(id).ok())
        .ok_or_else(|| NotAKeyName { kind: "hold", name: super::epoch::shown(name) })
}
