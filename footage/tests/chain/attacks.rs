//! A forger with write access to the bucket and all public keys.

use camerafleet_footage::chain::{Bodies, Kind, State, Verdict};
use camerafleet_footage::layout::SegmentName;
use camerafleet_footage::seal::SealedHeader;
use jiff::Timestamp;

use crate::support::camera;
use crate::world::*;

/// Ten minutes of one stream, of which the log has the eighth segment; its end is a close record's to say.
fn world() -> (World, i64) {
    let mut world = World::default();
    let mut recording = Recording::start(NOON);
    for _ in 0..10 {
        recording.store(&mut world, 60_000, None);
    }
    let end = recording.close(&mut world, &[2, 7], false);
    (world, end)
}

type Attack = fn(&mut World);

#[test]
fn every_attack_is_seen_and_named() {
    let attacks: [(&str, Attack, &[Kind]); 21] = [
        (
            "replaces a body",
            |w| {
                let key = w.key(4);
                *w.segments.get_mut(&key).unwrap().last_mut().unwrap() ^= 1;
            },
            &[Kind::Replaced],
        ),
        (
            "replaces the last body",
            |w| {
                let key = w.key(9);
                *w.segments.get_mut(&key).unwrap().last_mut().unwrap() ^= 1;
            },
            &[Kind::Replaced],
        ),
        (
            "takes a body from another segment",
            |w| {
                let (mine, other) = (w.segments[&w.key(4)].clone(), w.segments[&w.key(5)].clone());
                let length = |file: &[u8]| SealedHeader::parse(file).unwrap().byte_length();
                let mixed = [&mine[..length(&mine)], &other[length(&other)..]].concat();
                w.segments.insert(w.key(4), mixed);
            },
            &[Kind::Replaced],
        ),
        (
            "changes what only age's MAC covers",
            |w| {
                let key = w.key(4);
                let file = &w.segments[&key];
                let at = SealedHeader::parse(file).unwrap().byte_length() - 10;
                let mut changed = file.clone();
                changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
                w.segments.insert(key, changed);
            },
            &[Kind::Replaced],
        ),
        (
            "replaces a segment with one of his own, sealed to the genuine keys",
            |w| {
                let key = w.key(4);
                let (_, file) = forged(&SegmentName::parse(PREFIX, &key).unwrap());
                w.segments.insert(key, file);
            },
            &[Kind::Missing, Kind::Forged, Kind::Unproven],
        ),
        (
            "gives his segment the genuine stream's id",
            |w| {
                let key = w.key(4);
                let name = SegmentName::parse(PREFIX, &key).unwrap();
                let (own, file) = forged(&name);
                let length = SealedHeader::parse(&file).unwrap().byte_length();
                let header = std::str::from_utf8(&file[..length]).unwrap();
                let header = header.replace(own.name.stream.as_str(), name.stream.as_str());
                w.segments.insert(key, [header.as_bytes(), &file[length..]].concat());
            },
            &[Kind::Missing, Kind::Unreadable, Kind::Unproven],
        ),
        (
            "says that there is sound where there is none",
            |w| {
                let key = w.key(4);
                w.rename(&key, &key.replace("-v.mp4", "-va.mp4"));
            },
            &[Kind::Misplaced],
        ),
        ("swaps two names", |w| w.swap(&w.key(3), &w.key(6)), &[Kind::Misplaced]),
        (
            "deletes one in the middle",
            |w| {
                w.segments.remove(&w.key(4));
            },
            &[Kind::Missing, Kind::Unproven],
        ),
        (
            "deletes the middle",
            |w| (0..3).for_each(|_| _ = w.segments.remove(&w.key(3))),
            &[Kind::Missing, Kind::Unproven],
        ),
        (
            "deletes the beginning",
            |w| (0..3).for_each(|_| _ = w.segments.remove(&w.key(0))),
            &[Kind::Missing],
        ),
        (
            "deletes the tail",
            |w| (0..4).for_each(|_| _ = w.segments.pop_last()),
            &[Kind::Missing, Kind::CutOff, Kind::Unproven],
        ),
        (
            "deletes the tail and the close record",
            |w| {
                (0..4).for_each(|_| _ = w.segments.pop_last());
                w.records.clear();
            },
            &[Kind::CutOff, Kind::Unproven, Kind::Uncovered],
        ),
        ("deletes all of it", |w| w.segments.clear(), &[Kind::Missing, Kind::CutOff]),
        (
            "deletes all of it and the close record",
            |w| {
                w.segments.clear();
                w.records.clear();
            },
            &[Kind::CutOff, Kind::Uncovered],
        ),
        ("deletes the close record", |w| w.records.clear(), &[Kind::Unproven, Kind::OpenEnd]),
        (
            "replays an old segment under a new name",
            |w| {
                let old = w.segments[&w.key(2)].clone();
                let last = SegmentName::parse(PREFIX, &w.key(9)).unwrap();
                let start_ms = last.end_ms();
                w.segments.insert(SegmentName { sequence: 10, start_ms, ..last }.key(PREFIX), old);
            },
            &[Kind::Misplaced],
        ),
        (
            "re-heads a segment",
            |w| {
                let key = w.key(4);
                let file = reheaded(&w.segments[&key]);
                w.segments.insert(key, file);
            },
            &[Kind::Missing, Kind::Forged, Kind::Unproven],
        ),
        (
            "forges a stream of his own",
            |w| {
                let mut forger = Recording::start(NOON);
                forger.store(w, 60_000, None);
                forger.store(w, 60_000, None);
                let record = forger.stream.close("Stop", Timestamp::from_millisecond(NOON).unwrap()).unwrap();
                w.records.insert(record.key(PREFIX), record.to_json());
            },
            &[Kind::Forged],
        ),
        (
            "plants an object whose name claims another time",
            |w| w.rename(&w.key(4), &shifted(&w.key(4), 5_000)),
            &[Kind::Misplaced],
        ),
        (
            "plants something else",
            |w| {
                let key = shifted(&w.key(4), 1);
                w.segments.insert(key, b"hello".to_vec());
            },
            &[Kind::Unreadable],
        ),
    ];
    for (name, attack, expected) in attacks {
        let (mut world, end) = world();
        assert_eq!(world.judge(NOON, end, Bodies::Hash).verdict, Verdict::Complete);
        attack(&mut world);
        let report = world.judge(NOON, end, Bodies::Hash);
        assert_eq!(report.verdict, Verdict::Incomplete, "{name}");
        assert_eq!(kinds(&report), expected, "{name}: {:#?}", report.findings);
        for finding in &report.findings {
            assert!(
                finding.sentence.ends_with('.') && !finding.sentence.contains(".."),
                "{}",
                finding.sentence
            );
        }
    }
}

#[test]
fn a_close_record_is_the_streams_own_and_the_logs() {
    // Another's, under the genuine name.
    let (mut genuine, end) = world();
    let key = genuine.records.keys().next().unwrap().clone();
    let mut forger = World::default();
    Recording::start(NOON).close(&mut forger, &[], false);
    genuine.records.insert(key.clone(), forger.records.pop_first().unwrap().1);
    let report = genuine.judge(NOON, end, Bodies::Hash);
    assert_eq!(kinds(&report), [Kind::Unreadable, Kind::Unproven, Kind::OpenEnd], "{:#?}", report.findings);

    // One that the stream did not sign.
    let (mut genuine, end) = world();
    let record = String::from_utf8(genuine.records[&key_of(&genuine)].clone()).unwrap();
    let changed = record.replace("\"nextSequence\":10", "\"nextSequence\":11");
    assert_ne!(changed, record);
    genuine.records.insert(key_of(&genuine), changed.into_bytes());
    let report = genuine.judge(NOON, end, Bodies::Hash);
    assert_eq!(kinds(&report), [Kind::Forged, Kind::Unproven, Kind::OpenEnd], "{:#?}", report.findings);

    // Deleted, where the log has its digest and another stream covers the time.
    let mut world = World::default();
    let mut recording = Recording::start(NOON);
    recording.store(&mut world, 60_000, None);
    recording.close(&mut world, &[], true);
    let key = key_of(&world);
    let mut other = Recording::start(NOON);
    other.store(&mut world, 60_000, None);
    other.store(&mut world, 60_000, None);
    other.close(&mut world, &[], true);
    assert_eq!(world.judge(NOON, NOON + 60_000, Bodies::Hash).verdict, Verdict::Complete);
    world.records.remove(&key);
    let report = world.judge(NOON, NOON + 60_000, Bodies::Hash);
    assert!(kinds(&report).contains(&Kind::Missing), "{:#?}", report.findings);
}

fn key_of(world: &World) -> String {
    world.records.keys().next().unwrap().clone()
}

#[test]
fn a_loss_record_explains_only_what_its_stream_says() {
    let build = || {
        let mut world = World::default();
        let mut recording = Recording::start(NOON);
        recording.store(&mut world, 60_000, None);
        recording.lose(&mut world, 60_000);
        recording.store(&mut world, 60_000, None);
        let end = recording.close(&mut world, &[], false);
        (world, end)
    };
    let (mut world, end) = build();
    assert_eq!(kinds(&world.judge(NOON, end, Bodies::Hash)), [Kind::Lost]);
    let loss = world.records.keys().find(|key| key.contains("/lost-")).unwrap().clone();
    world.records.remove(&loss);
    assert!(kinds(&world.judge(NOON, end, Bodies::Hash)).contains(&Kind::Missing));

    // Deletes another segment and says that it was lost.
    let (mut world, end) = build();
    let text = String::from_utf8(world.records[&loss_key(&world)].clone()).unwrap();
    let forged = text.replace("\"sequence\":1", "\"sequence\":2").replace("\"sequence\":0", "\"sequence\":1");
    world.records.insert(loss_key(&world).replace("lost-1", "lost-2"), forged.into_bytes());
    world.segments.remove(&world.key(1));
    let report = world.judge(NOON, end, Bodies::Hash);
    assert_eq!(kinds(&report), [Kind::Lost, Kind::CutOff, Kind::Forged], "{:#?}", report.findings);
}

fn loss_key(world: &World) -> String {
    world.records.keys().find(|key| key.contains("/lost-1.")).unwrap().clone()
}

#[test]
fn without_bodies_a_replaced_one_does_not_show_and_the_verdict_says_so() {
    let (mut world, end) = world();
    let key = world.key(4);
    *world.segments.get_mut(&key).unwrap().last_mut().unwrap() ^= 1;
    assert_eq!(world.judge(NOON, end, Bodies::Skip).verdict, Verdict::CompleteByHeaders);
    world.segments.remove(&key);
    assert_eq!(world.judge(NOON, end, Bodies::Skip).verdict, Verdict::Incomplete);
}

#[test]
fn another_cameras_segment_proves_nothing_here() {
    let (mut world, end) = world();
    let key = world.key(4).replace(camera().as_str(), "another");
    world.rename(&world.key(4), &key);
    let report = world.judge(NOON, end, Bodies::Hash);
    assert_eq!(kinds(&report), [Kind::Missing, Kind::Unproven], "{:#?}", report.findings);
}

#[test]
fn a_stream_that_the_log_knows_and_the_store_does_not_is_no_silence() {
    let mut world = World::default();
    Recording::start(NOON).log(&mut world, &[], None);
    let report = world.judge(NOON, NOON + 60_000, Bodies::Hash);
    assert_eq!(kinds(&report), [Kind::OpenEnd, Kind::Uncovered]);
}

/// The log was away for an hour and a half, and learnt late of the stream that recorded meanwhile.
#[test]
fn a_whole_stream_that_was_logged_late_cannot_be_taken_away() {
    const MINUTE: i64 = 60_000;
    let mut world = World::default();
    let mut one = Recording::start(NOON);
    one.store(&mut world, 60_000, None);
    one.store(&mut world, 60_000, None);
    one.close(&mut world, &[1], false);
    let before = world.clone();
    let mut two = Recording::start(NOON + 2 * MINUTE);
    for _ in 0..98 {
        two.store(&mut world, 60_000, None);
    }
    two.started_ms = NOON + 90 * MINUTE;
    two.close(&mut world, &[88, 97], false);
    let window = (NOON + 10 * MINUTE, NOON + 80 * MINUTE);
    assert_eq!(world.judge(window.0, window.1, Bodies::Hash).verdict, Verdict::Complete);
    world.segments = before.segments;
    world.records = before.records;
    let report = world.judge(window.0, window.1, Bodies::Hash);
    assert_eq!(report.verdict, Verdict::Incomplete, "{report:#?}");
}

/// Somebody with a recorder's right to be logged makes a stream of his own for a time long past.
#[test]
fn a_stream_that_is_logged_today_does_not_fill_a_gap_of_last_month() {
    const MINUTE: i64 = 60_000;
    let mut world = World::default();
    let mut genuine = Recording::start(NOON);
    genuine.store(&mut world, 60_000, None);
    genuine.store(&mut world, 60_000, Some(("stalled", 30 * MINUTE)));
    let end = genuine.close(&mut world, &[0, 1], true);
    let mut made_up = Recording::start(NOON + MINUTE);
    for _ in 0..30 {
        made_up.store(&mut world, 60_000, None);
    }
    made_up.started_ms = NOON + 30 * 24 * 60 * MINUTE;
    made_up.close(&mut world, &[], true);
    let report = world.judge(NOON, end, Bodies::Hash);
    assert_eq!(kinds(&report), [Kind::Gap, Kind::Unproven], "{report:#?}");
    assert!(
        report
            .timeline
            .iter()
            .all(|stretch| stretch.state != State::Recorded || stretch.to_ms - stretch.from_ms <= MINUTE)
    );
}
