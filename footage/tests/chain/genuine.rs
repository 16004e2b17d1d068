//! Histories that nobody tampered with.

use camerafleet_footage::chain::{Bodies, Kind, LoggedClose, State, Verdict};

use crate::world::*;

const MINUTE: i64 = 60_000;

fn states(report: &camerafleet_footage::chain::Report) -> Vec<(i64, i64, State)> {
    report.timeline.iter().map(|s| (s.from_ms - NOON, s.to_ms - NOON, s.state)).collect()
}

#[test]
fn a_plain_hour_is_complete() {
    let mut world = World::default();
    let mut recording = Recording::start(NOON);
    for _ in 0..60 {
        recording.store(&mut world, 60_000, None);
    }
    let last = recording.finished.last().unwrap().clone();
    assert_eq!(digest(&world.segments[&last.name.key(PREFIX)]), last.digest);
    let end = recording.close(&mut world, &[9, 59], true);
    let report = world.judge(NOON, end, Bodies::Hash);
    assert_eq!(report.findings, []);
    assert_eq!(report.verdict, Verdict::Complete);
    assert_eq!(states(&report), [(0, 60 * MINUTE, State::Recorded)]);
    assert_eq!(world.judge(NOON, end, Bodies::Skip).verdict, Verdict::CompleteByHeaders);
    // Any part of it, too.
    let report = world.judge(NOON + 90_000, NOON + 20 * MINUTE + 1, Bodies::Hash);
    assert_eq!(report.verdict, Verdict::Complete, "{:#?}", report.findings);
    // Before and after it nobody says anything but the close record.
    let report = world.judge(NOON - MINUTE, end + MINUTE, Bodies::Hash);
    assert_eq!(
        states(&report),
        [
            (-MINUTE, 0, State::Uncovered),
            (0, 60 * MINUTE, State::Recorded),
            (60 * MINUTE, 61 * MINUTE, State::Gap)
        ]
    );
    assert_eq!(kinds(&report), [Kind::Gap, Kind::Uncovered]);
}

#[test]
fn gaps_losses_and_numbers_that_were_given_up_are_named_and_no_fault() {
    let mut world = World::default();
    let mut recording = Recording::start(NOON);
    recording.give_up();
    recording.store(&mut world, 60_000, None);
    recording.store(&mut world, 60_000, Some(("stalled", 5_000)));
    recording.lose(&mut world, 60_000);
    recording.store(&mut world, 60_000, None);
    recording.give_up();
    recording.store(&mut world, 60_000, Some(("spool-full", 10_000)));
    let end = recording.close(&mut world, &[], false);
    let report = world.judge(NOON, end, Bodies::Hash);
    assert_eq!(report.verdict, Verdict::Complete, "{:#?}", report.findings);
    assert_eq!(
        states(&report),
        [
            (0, 60_000, State::Recorded),
            (60_000, 65_000, State::Gap),
            (65_000, 125_000, State::Recorded),
            (125_000, 185_000, State::Lost),
            (185_000, 245_000, State::Recorded),
            (245_000, 255_000, State::Gap),
            (255_000, 315_000, State::Recorded),
        ]
    );
    let sentences: Vec<&str> = report.findings.iter().map(|finding| &*finding.sentence).collect();
    assert_eq!(report.findings.len(), 3, "{sentences:#?}");
    assert!(
        sentences[0].ends_with("from 2026-11-25T12:01:00Z to 2026-11-25T12:01:05Z: stalled."),
        "{sentences:#?}"
    );
    assert!(
        sentences[1].ends_with("never reached the store: its recorder gave it up (SpoolFull)."),
        "{sentences:#?}"
    );
    assert!(sentences[2].ends_with("spool-full."), "{sentences:#?}");
}

#[test]
fn two_pods_in_a_roll_over_are_merged_by_time() {
    let mut world = World::default();
    let (mut old, mut new) = (Recording::start(NOON), Recording::start(NOON + 100_000));
    for _ in 0..2 {
        old.store(&mut world, 60_000, None);
        new.store(&mut world, 60_000, None);
    }
    old.close(&mut world, &[0], true);
    let end = new.close(&mut world, &[], false);
    let report = world.judge(NOON, end, Bodies::Hash);
    assert_eq!(report.findings, []);
    assert_eq!(states(&report), [(0, 220_000, State::Recorded)]);
}

#[test]
fn a_restart_in_good_order_is_a_gap_and_a_crash_is_none() {
    for closed in [true, false] {
        let mut world = World::default();
        let mut first = Recording::start(NOON);
        first.store(&mut world, 60_000, None);
        first.store(&mut world, 60_000, None);
        if closed {
            first.close(&mut world, &[1], true);
        } else {
            let at_ms = NOON + 130_000;
            first.log(&mut world, &[1], Some(LoggedClose { at_ms, record: None }));
        }
        let mut second = Recording::start(NOON + 150_000);
        second.store(&mut world, 60_000, None);
        let end = second.close(&mut world, &[], false);
        let report = world.judge(NOON, end, Bodies::Hash);
        if closed {
            assert_eq!(report.verdict, Verdict::Complete, "{:#?}", report.findings);
            assert_eq!(kinds(&report), [Kind::Gap]);
        } else {
            assert_eq!(
                kinds(&report),
                [Kind::Unproven, Kind::OpenEnd, Kind::Uncovered],
                "{:#?}",
                report.findings
            );
        }
        // What was before the crash can be judged all the same.
        assert_eq!(world.judge(NOON, NOON + 60_000, Bodies::Hash).verdict, Verdict::Complete);
    }
}

#[test]
fn what_follows_the_window_is_found_however_much_later() {
    let mut world = World::default();
    let mut recording = Recording::start(NOON);
    recording.store(&mut world, 60_000, None);
    recording.store(&mut world, 60_000, Some(("connection-refused", 7 * 3_600_000)));
    recording.log(&mut world, &[0, 1], None);
    for (from, to) in [(0, MINUTE), (0, 3 * 3_600_000), (3 * 3_600_000, 4 * 3_600_000)] {
        let report = world.judge(NOON + from, NOON + to, Bodies::Hash);
        assert_eq!(report.verdict, Verdict::Complete, "{from} to {to}: {:#?}", report.findings);
    }
    // A stream that goes on: what it recorded last is not signed yet.
    let report = world.judge(NOON + 7 * 3_600_000, NOON + 8 * 3_600_000, Bodies::Hash);
    assert_eq!(kinds(&report), [Kind::Gap, Kind::Unproven, Kind::OpenEnd, Kind::Uncovered]);
}

#[test]
fn a_stream_that_began_after_the_window_does_not_concern_it() {
    let mut world = World::default();
    let mut first = Recording::start(NOON);
    first.store(&mut world, 60_000, None);
    first.close(&mut world, &[], true);
    let mut second = Recording::start(NOON + 2 * MINUTE);
    second.store(&mut world, 60_000, None);
    second.log(&mut world, &[0], None);
    Recording::start(NOON + 3 * MINUTE).log(&mut world, &[], None);
    let report = world.judge(NOON, NOON + 2 * MINUTE, Bodies::Hash);
    assert_eq!(report.verdict, Verdict::Complete, "{:#?}", report.findings);
}

#[test]
fn a_clock_that_was_set_back_is_a_gap_with_its_reason() {
    let mut world = World::default();
    let mut recording = Recording::start(NOON);
    recording.store(&mut world, 60_000, None);
    recording.store(&mut world, 60_000, Some(("clock", -20_000)));
    let end = recording.close(&mut world, &[], false);
    let report = world.judge(NOON, end, Bodies::Hash);
    assert_eq!((report.verdict, states(&report)), (Verdict::Complete, vec![(0, 100_000, State::Recorded)]));
    // Without a word about it, it is none.
    let mut world = World::default();
    let mut recording = Recording::start(NOON);
    recording.store(&mut world, 60_000, None);
    recording.at_ms -= 20_000;
    recording.store(&mut world, 60_000, None);
    let end = recording.close(&mut world, &[], false);
    assert_eq!(kinds(&world.judge(NOON, end, Bodies::Hash)), [Kind::Overlapping]);
}

#[test]
fn after_a_crash_that_the_log_knows_of_later_windows_are_complete_again() {
    let mut world = World::default();
    let mut one = Recording::start(NOON);
    one.store(&mut world, 60_000, None);
    one.store(&mut world, 60_000, None);
    // Killed: it says nothing more, and the operator sees that its pod is gone.
    let gone = LoggedClose { at_ms: one.at_ms + 30_000, record: None };
    one.log(&mut world, &[1], Some(gone));
    let begin = NOON + 24 * 60 * MINUTE;
    let mut two = Recording::start(begin);
    for _ in 0..60 {
        two.store(&mut world, 60_000, None);
    }
    let end = two.close(&mut world, &[9, 59], false);
    let report = world.judge(begin, end, Bodies::Hash);
    assert_eq!(report.verdict, Verdict::Complete, "{report:#?}");
    let report = world.judge(NOON, NOON + 3 * MINUTE, Bodies::Hash);
    assert!(kinds(&report).contains(&Kind::OpenEnd), "{report:#?}");
}
