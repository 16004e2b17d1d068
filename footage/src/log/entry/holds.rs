//! Legal holds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::CameraId;

/// A hold took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldOpened {
    /// The LegalHold's id.
    pub hold: String,
    /// The cameras held; empty with `all_cameras`.
    pub cameras: Vec<CameraId>,
    /// Every camera of the tenant.
    pub all_cameras: bool,
    /// The window's start.
    pub from: Timestamp,
    /// The window's end.
    pub to: Timestamp,
    /// When it ends if nobody renews it.
    pub expires_at: Timestamp,
    /// What asked for it, as `LegalOrder/po-17`.
    pub reference: String,
}

/// A hold was prolonged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldRenewed {
    /// The LegalHold's id.
    pub hold: String,
    /// When it now ends.
    pub expires_at: Timestamp,
    /// What asked for it.
    pub reference: String,
}

/// A hold ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldClosed {
    /// The LegalHold's id.
    pub hold: String,
}
