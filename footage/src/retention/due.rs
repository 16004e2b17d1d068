//! When a segment is due.

use camerafleet_crds::{RetentionPolicy, Span};
use jiff::{SignedDuration, Timestamp};

use crate::layout::{Epoch, SegmentName};

/// What a policy says of the footage that was recorded under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// For how long it is kept.
    pub keep_for: Span,
    /// The policy is deleted: it lasts as long as its footage, and nothing new comes under it but what recorders that
    /// were told of it still write.
    pub retired: bool,
}

impl Terms {
    /// A policy's. Where its Tenant is deleted to be shredded, nothing is kept to a date.
    pub fn of(policy: &RetentionPolicy) -> Self {
        let retired = policy.metadata.deletion_timestamp.is_some();
        let shred = retired && policy.status.as_ref().is_some_and(|status| status.shred);
        Self { keep_for: if shred { Span::seconds(0) } else { policy.spec.keep_for }, retired }
    }
}

/// From when on a segment's time counts: the later of the end that its name claims and the moment at which the
/// store took it. A recorder's clock that is behind, or a name that claims an earlier end, deletes nothing early.
pub fn counts_from(name: &SegmentName, last_modified: Timestamp) -> Timestamp {
    let end = Timestamp::from_millisecond(name.end_ms()).unwrap_or(Timestamp::MAX);
    end.max(last_modified)
}

/// When something whose time counts from `from` is due.
pub fn due_at(from: Timestamp, keep_for: Span) -> Timestamp {
    i64::try_from(keep_for.as_secs())
        .ok()
        .and_then(|seconds| from.checked_add(SignedDuration::from_secs(seconds)).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Whether a segment is due.
pub fn is_due(name: &SegmentName, last_modified: Timestamp, keep_for: Span, now: Timestamp) -> bool {
    due_at(counts_from(name, last_modified), keep_for) <= now
}

/// Whether a segment can be due by when it starts: of those that start later, none can. Only saves listing them.
pub fn may_be_due(name: &SegmentName, keep_for: Span, now: Timestamp) -> bool {
    Timestamp::from_millisecond(name.start_ms).is_ok_and(|start| due_at(start, keep_for) <= now)
}

/// Whether an epoch can hold a segment that is due: the store takes none before the epoch begins. Only saves
/// listing the others.
pub fn may_hold_due(epoch: &Epoch, keep_for: Span, now: Timestamp) -> bool {
    due_at(epoch.start(), keep_for) <= now
}
