//! Any genuine history is complete; any single tampering with it is seen.

use camerafleet_footage::chain::{Bodies, Verdict};
use camerafleet_footage::layout::{SegmentName, Tracks};
use proptest::prelude::*;

use crate::world::*;

/// What a recorder does next.
#[derive(Clone, Debug)]
enum Step {
    Segment { duration_ms: u64, gap_ms: Option<i64> },
    GiveUp { gap_ms: i64 },
    Lose { duration_ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..3_600_000u64, prop::option::weighted(0.2, 1..10_000_000i64))
            .prop_map(|(duration_ms, gap_ms)| Step::Segment { duration_ms, gap_ms }),
        1 => (1..100_000i64).prop_map(|gap_ms| Step::GiveUp { gap_ms }),
        1 => (1..100_000u64).prop_map(|duration_ms| Step::Lose { duration_ms }),
    ]
}

/// Streams one after the other, each beginning some time before or after the last one's end.
fn history() -> impl Strategy<Value = Vec<(i64, Vec<Step>, bool)>> {
    let stream = (-200_000..200_000i64, prop::collection::vec(step(), 1..7), any::<bool>());
    prop::collection::vec(stream, 1..4)
}

/// The world, and the window: the whole history and a little more after it.
fn build(history: &[(i64, Vec<Step>, bool)]) -> (World, i64, i64) {
    let mut world = World::default();
    let (mut from, mut at) = (None::<i64>, NOON);
    for (offset, steps, logged) in history {
        let start = if from.is_none() { NOON } else { (at + offset).max(NOON) };
        let mut recording = Recording::start(start);
        let mut gap = None;
        for step in steps {
            match step {
                Step::Segment { duration_ms, gap_ms } => {
                    let gap_ms = gap.take().or(*gap_ms).filter(|_| !recording.finished.is_empty());
                    recording.store(&mut world, *duration_ms, gap_ms.map(|ms| ("stalled", ms)));
                }
                Step::GiveUp { gap_ms } => {
                    recording.give_up();
                    gap = Some(*gap_ms);
                }
                Step::Lose { duration_ms } => recording.lose(&mut world, *duration_ms),
            }
        }
        recording.store(&mut world, 1_000, None);
        let heads: Vec<usize> = (0..recording.finished.len()).step_by(2).collect();
        from.get_or_insert(start);
        at = at.max(recording.close(&mut world, &heads, *logged));
    }
    (world, from.unwrap(), at + 10_000)
}

/// One change by somebody who can write to the bucket.
fn tamper(world: &mut World, how: usize, which: usize, other: usize) -> Option<&'static str> {
    let count = world.segments.len();
    let key = world.key(which % count);
    let name = SegmentName::parse(PREFIX, &key).unwrap();
    let record =
        |part: &str| world.records.keys().filter(|k| k.contains(part)).cycle().nth(which % 7).cloned();
    Some(match how {
        0 => {
            world.segments.remove(&key);
            "delete"
        }
        1 => {
            let file = world.segments.get_mut(&key).unwrap();
            let at = other % file.len();
            file[at] ^= 1 << (other % 8);
            "flip a bit"
        }
        2 => {
            let (_, file) = forged(&name);
            world.segments.insert(key, file);
            "replace by a forgery"
        }
        3 => {
            let second = world.key(other % count);
            if second == key {
                return None;
            }
            world.swap(&key, &second);
            "swap two"
        }
        4 => {
            world.rename(&key, &shifted(&key, i64::try_from(other % 100_000).unwrap() + 1));
            "claim another time"
        }
        5 => {
            let copy = world.segments[&key].clone();
            world.segments.insert(shifted(&key, 1), copy);
            "replay at another time"
        }
        6 => {
            let copy = world.segments[&key].clone();
            world.segments.insert(SegmentName { sequence: name.sequence + 1_000, ..name }.key(PREFIX), copy);
            "replay under another number"
        }
        7 => {
            let copy = world.segments[&key].clone();
            world.segments.insert(SegmentName { tracks: Tracks::VideoAudio, ..name }.key(PREFIX), copy);
            "copy with sound in the name"
        }
        8 => {
            let file = reheaded(&world.segments[&key]);
            world.segments.insert(key, file);
            "re-head"
        }
        9 => {
            let (own, file) = forged(&name);
            world.segments.insert(own.name.key(PREFIX), file);
            "forge a stream"
        }
        10 => {
            let key = record("close.json")?;
            world.records.remove(&key);
            "delete a close record"
        }
        11 => {
            let key = record("/lost-")?;
            world.records.remove(&key);
            "delete a loss record"
        }
        12 => {
            let key = record("")?;
            let text = world.records.get_mut(&key).unwrap();
            let at = other % text.len();
            text[at] ^= 1 << (other % 8);
            "flip a bit of a record"
        }
        _ => {
            let file = world.segments.get_mut(&key).unwrap();
            file.truncate(other % file.len());
            "truncate"
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn genuine_histories_are_complete(history in history()) {
        let (world, from, to) = build(&history);
        let report = world.judge(from, to, Bodies::Hash);
        prop_assert_eq!(report.verdict, Verdict::Complete, "{:#?}", report.findings);
        prop_assert_eq!((report.timeline[0].from_ms, report.timeline.last().unwrap().to_ms), (from, to));
        prop_assert!(report.timeline.windows(2).all(|p| p[0].to_ms == p[1].from_ms && p[0].state != p[1].state));
        prop_assert_eq!(world.judge(from, to, Bodies::Skip).verdict, Verdict::CompleteByHeaders);
    }

    #[test]
    fn genuine_histories_are_complete_in_every_window(history in history(), a in 0.0..1.0f64, b in 0.0..1.0f64) {
        let (world, from, to) = build(&history);
        let at = |share: f64| from + ((to - from) as f64 * share) as i64;
        let report = world.judge(at(a.min(b)), at(a.max(b)) + 1, Bodies::Hash);
        prop_assert_eq!(report.verdict, Verdict::Complete, "{:#?}", report.findings);
    }

    #[test]
    fn a_single_tampering_is_seen(history in history(), how in 0..14usize, which in 0..1_000usize, other in 0..1_000_000usize) {
        let (mut world, from, to) = build(&history);
        if let Some(what) = tamper(&mut world, how, which, other) {
            let report = world.judge(from, to, Bodies::Hash);
            prop_assert_eq!(report.verdict, Verdict::Incomplete, "{}: {:#?}", what, report.timeline);
        }
    }
}
