//! What becomes of a segment: one rule, applied once to what was listed and again right before it is deleted.

use std::collections::BTreeMap;

use camerafleet_crds::Span;
use jiff::Timestamp;

use super::is_due;
use crate::{hold::Holds, ids::CameraId, layout::SegmentName};

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It stays.
    Kept,
    /// A hold keeps it; `due` says whether it would go otherwise.
    Held {
        /// It is past its date.
        due: bool,
    },
    /// It is past its date and goes.
    Due,
    /// It is not, and goes because its camera has too much: it is the oldest of it.
    OverLimit,
}

/// Judges one segment. Segments come oldest first where there is an `excess`.
pub fn judge(
    name: &SegmentName,
    (last_modified, bytes): (Timestamp, u64),
    keep_for: Span,
    holds: &Holds,
    excess: &mut Excess,
    now: Timestamp,
) -> Judged {
    let due = is_due(name, last_modified, keep_for, now);
    if holds.cover(name) {
        return Judged::Held { due };
    }
    match (due, excess.take(&name.camera, bytes)) {
        (true, _) => Judged::Due,
        (false, true) => Judged::OverLimit,
        (false, false) => Judged::Kept,
    }
}

/// By how many bytes each camera is above what its policy allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excess(BTreeMap<CameraId, u64>);

impl Excess {
    /// From what each camera has stored under the policy. What a hold keeps is not to be counted in: a hold pushes out
    /// no other footage.
    pub fn of(stored: BTreeMap<CameraId, u64>, most: u64) -> Self {
        Self(stored.into_iter().filter(|(_, bytes)| *bytes > most).map(|(c, b)| (c, b - most)).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a camera is above its limit.
    pub fn has(&self, camera: &CameraId) -> bool {
        self.0.contains_key(camera)
    }

    /// Whether one more segment has to go, which is then counted.
    fn take(&mut self, camera: &CameraId, bytes: u64) -> bool {
        match self.0.get_mut(camera) {
            Some(left) => {
                *left = left.saturating_sub(bytes);
                if *left == 0 {
                    self.0.remove(camera);
                }
                true
            }
            None => false,
        }
    }
}
