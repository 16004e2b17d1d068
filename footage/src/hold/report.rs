//! What the retention job has copied for a hold, so that the next run need not look again and the operator can tell.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    digest::hex,
    ids::{HoldId, PolicyId, TenantId},
    layout::{Epoch, SegmentName, hold_prefix},
};

/// One policy's share of a hold, at `<prefix>/<tenant>/holds/<hold>/<policy>.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldReport {
    /// When a run first had looked through the whole window; none before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// Epoch by epoch, what is held.
    pub epochs: BTreeMap<Epoch, HeldEpoch>,
}

/// What is held of one epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldEpoch {
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those whose epoch share was copied and read back.
    pub copied: u64,
    /// SHA-256 (hex) over the names of all of them, in the store's order.
    pub names: String,
}

/// Sums up what is held of an epoch, name by name in the store's order.
#[derive(Clone, Default)]
pub struct HeldNames {
    hash: Sha256,
    segments: u64,
    bytes: u64,
}

impl HeldNames {
    /// One more.
    pub fn add(&mut self, name: &SegmentName, bytes: u64) {
        self.hash.update(name.key(""));
        self.hash.update(b"\n");
        self.segments += 1;
        self.bytes += bytes;
    }

    /// The sum, `copied` of them copied.
    pub fn sum(self, copied: u64) -> HeldEpoch {
        let names: [u8; 32] = self.hash.finalize().into();
        HeldEpoch { segments: self.segments, bytes: self.bytes, copied, names: hex(&names) }
    }
}

impl HeldEpoch {
    /// Whether both are about the same segments.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.segments, &self.names) == (other.segments, &other.names)
    }
}

impl HoldReport {
    /// Segments, bytes and copies in all.
    pub fn total(&self) -> HeldEpoch {
        self.epochs.values().fold(HeldEpoch::default(), |mut sum, epoch| {
            sum.segments += epoch.segments;
            sum.bytes += epoch.bytes;
            sum.copied += epoch.copied;
            sum
        })
    }
}

/// Where a policy's report of a hold lies: beside the copies, as whoever makes them reads it, too.
pub fn hold_report_key(prefix: &str, tenant: &TenantId, hold: &HoldId, policy: &PolicyId) -> String {
    format!("{}{policy}.json", hold_prefix(prefix, tenant, hold))
}
