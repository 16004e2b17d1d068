//! A recorder that is killed at any moment loses at most five seconds of one segment, and its successor brings everything
//! else to the store.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{collections::BTreeMap, time::Duration};

use camerafleet_footage::{
    ids::TenantId,
    layout::{SegmentName, parse_close_record_key},
    shard::CameraState,
};
use serde_json::json;
use support::{
    PREFIX, S3, Shard, TENANT,
    peer::{Media, Peer, Script},
    until,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// What a kill may lose, ms.
const MOST: i64 = 5_000;

#[test]
fn a_kill_at_any_moment_loses_at_most_five_seconds_of_one_segment() {
    let directory = tempfile::tempdir().unwrap();
    let mut s3 = S3::new(&directory.path().join("s3"));
    s3.make_bucket();
    let peer = Peer::start(Script { media: Media::Clip { every_ms: 40 }, ..Script::default() });
    let mut shard = Shard::new(&directory.path().join("shard"), s3.port);
    shard.camera("c1", &peer.url(), false);
    let mut killed = BTreeMap::new();
    let mut random = jiff::Timestamp::now().as_nanosecond() as u64;
    println!("seed {random}");
    for round in 0..6 {
        // In half of the rounds nearly all is in the open segment, in the others segments wait, too.
        shard.config["cameras"]["c1"]["segmentDurationMs"] =
            json!(if round % 2 == 0 { 60_000 } else { 2_000 });
        if round == 3 {
            s3.on();
        }
        shard.start();
        let status = shard.until_state("c1", CameraState::Recording, PATIENCE);
        let stream = status.cameras.values().next().unwrap().recorder.stream.clone();
        let begun = jiff::Timestamp::now().as_millisecond();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(1_000 + (random >> 33) % 8_000));
        shard.kill();
        killed.insert(stream, (begun, jiff::Timestamp::now().as_millisecond()));
    }
    shard.start();
    shard.until_state("c1", CameraState::Recording, PATIENCE);
    let left = |shard: &Shard, folder: &str| {
        std::fs::read_dir(shard.directory.join("spool").join(folder)).unwrap().count()
    };
    until("the spool to be as it is with one open segment", PATIENCE, || {
        (left(&shard, "pending") == 0 && left(&shard, "open") <= 2).then_some(())
    });
    assert_eq!(shard.stop(), Some(0), "{}", shard.log());
    assert_eq!((left(&shard, "pending"), left(&shard, "open")), (0, 0));

    let mut streams = BTreeMap::<_, Vec<_>>::new();
    for key in s3.keys().iter().filter(|key| key.contains("/footage/")) {
        let name = SegmentName::parse(PREFIX, key).unwrap();
        let (media, whole) = shard.unseal_what_there_is(&name, &s3.read(key));
        let path = directory.path().join("segment.mp4");
        std::fs::write(&path, media).unwrap();
        let length = support::media::length_ms(&path);
        assert!(length + 1.0 >= name.duration_ms as f64, "{length} ms of media in {name:?}");
        streams.entry(name.stream.clone()).or_default().push((name, whole));
    }
    for (stream, (begun, at)) in &killed {
        let mut segments = streams.remove(stream).unwrap_or_default();
        segments.sort_by_key(|(name, _)| name.sequence);
        let end = segments.last().map_or(*begun, |(name, _)| name.end_ms());
        assert!(at - end <= MOST, "{} ms lost of a stream of {} ms: {segments:?}", at - end, at - begun);
        assert!(end <= *at, "nothing is claimed that was not recorded");
        let cut_off = segments.iter().filter(|(_, whole)| !whole).count();
        let last = segments.last().is_none_or(|(_, whole)| !whole);
        assert!(cut_off == 0 || (cut_off == 1 && last), "only the last: {segments:?}");
        for (n, (name, _)) in segments.iter().enumerate() {
            assert_eq!(name.sequence, n as u64, "every segment is there: {segments:?}");
        }
        let tenant = TenantId::parse(TENANT).unwrap();
        let closed = s3.keys().iter().any(|key| {
            parse_close_record_key(PREFIX, &tenant, key).is_some_and(|(_, closed)| closed == *stream)
        });
        assert!(!closed, "a stream that was cut off has no last word");
    }
}
