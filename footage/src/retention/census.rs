//! What each camera has stored under a policy: counted by the job, read by the operator.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::listing::Stored;
use crate::{
    ids::{CameraId, PolicyId, TenantId},
    layout::holds_prefix,
};

/// A census is at least this old before the next one is made: an hour under a day, so that a job that runs once a day
/// makes one each time, however its moments scatter.
pub const CENSUS_AGE_HOURS: i64 = 23;

/// One policy's footage, camera by camera. Objects as they are; old versions that a bucket keeps are not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Census {
    /// When it was finished.
    pub made_at: Timestamp,
    /// The cameras that have any.
    pub cameras: BTreeMap<CameraId, Counted>,
}

/// What one camera has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// The start of its oldest segment, in milliseconds since 1970.
    pub oldest_ms: i64,
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Census {
    /// Whether another one is to be made. One from the future says nothing.
    pub fn is_old(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.made_at);
        age.is_negative() || age >= SignedDuration::from_hours(CENSUS_AGE_HOURS)
    }
}

impl Counted {
    /// One segment.
    pub fn one(segment: &Stored) -> Self {
        Self { oldest_ms: segment.name.start_ms, segments: 1, bytes: segment.size }
    }

    /// Both together.
    pub fn join(&mut self, other: &Self) {
        self.oldest_ms = self.oldest_ms.min(other.oldest_ms);
        self.segments += other.segments;
        self.bytes += other.bytes;
    }
}

/// Where a policy's census lies: `<prefix>/<tenant>/holds/census-<policy>.json`, beside the holds' folders. The operator
/// reads it with the retention credential, which may put below `holds/` and `reports/`, and get below `holds/` only.
pub fn census_key(prefix: &str, tenant: &TenantId, policy: &PolicyId) -> String {
    format!("{}census-{policy}.json", holds_prefix(prefix, tenant))
}
