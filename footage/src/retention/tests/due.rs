//! When a segment is due.

use camerafleet_crds::Span;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{at, segment};
use crate::{
    layout::Epoch,
    retention::{due_at, is_due, may_hold_due},
};

#[test]
fn a_segment_is_due_from_the_later_of_its_end_and_its_arrival() {
    // start, length, stored at, kept for, due at
    let cases = [(0, 10, 11, 180, 191), (0, 60, 20, 180, 240), (0, 10, 3_600, 60, 3_660), (-9, 9, 0, 60, 60)];
    for (start, seconds, stored, kept, due) in cases {
        let name = segment(start, seconds);
        let keep_for = Span::seconds(kept);
        assert!(!is_due(&name, at(stored), keep_for, at(due) - SignedDuration::from_millis(1)), "{start}");
        assert!(is_due(&name, at(stored), keep_for, at(due)), "{start}");
    }
}

#[test]
fn a_time_beyond_what_can_be_written_is_never_due() {
    assert_eq!(due_at(Timestamp::MAX, Span::seconds(1)), Timestamp::MAX);
    assert!(!is_due(&segment(0, 1), at(0), Span::seconds(u64::MAX), at(1_000_000)));
}

proptest! {
    #[test]
    fn never_early(start in -5_000..5_000i64, seconds in 0..3_600u64, stored in -5_000..9_000i64, kept in 1..9_000u64, now in -5_000..30_000i64) {
        let name = segment(start, seconds);
        if is_due(&name, at(stored), Span::seconds(kept), at(now)) {
            let kept = i64::try_from(kept).unwrap();
            prop_assert!(now >= stored + kept);
            prop_assert!(at(now).as_millisecond() >= name.end_ms() + kept * 1_000);
        }
    }

    #[test]
    fn an_epoch_that_is_not_visited_holds_nothing_due(second in -5_000..5_000i64, length in 1..9_000u64, late in 0..9_000i64, kept in 1..9_000u64, now in -5_000..30_000i64) {
        let epoch = Epoch::containing(at(second), length);
        let mut name = segment(second, 1);
        name.epoch = epoch;
        // The store takes a segment after its epoch began.
        let stored = epoch.start() + SignedDuration::from_secs(late);
        let due = is_due(&name, stored, Span::seconds(kept), at(now));
        prop_assert!(!due || may_hold_due(&epoch, Span::seconds(kept), at(now)));
    }
}
