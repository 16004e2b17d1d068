//! What becomes of a segment: one rule, applied once to what was listed and again right before it is deleted.

use camerafleet_crds::Span;
use jiff::Timestamp;

use super::{OverLimit, is_due};
use crate::{hold::Holds, layout::SegmentName};

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
    /// It is not, and goes because its camera has too much.
    OverLimit,
}

/// Judges one segment.
pub fn judge(
    name: &SegmentName,
    last_modified: Timestamp,
    keep_for: Span,
    holds: &Holds,
    over: &OverLimit,
    now: Timestamp,
) -> Judged {
    let due = is_due(name, last_modified, keep_for, now);
    if holds.cover(name) {
        return Judged::Held { due };
    }
    match (due, over.covers(name)) {
        (true, _) => Judged::Due,
        (false, true) => Judged::OverLimit,
        (false, false) => Judged::Kept,
    }
}
