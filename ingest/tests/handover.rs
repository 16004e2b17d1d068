//! Two pods at once, as in every roll-over: both record while both are there, and a camera that allows one session goes
//! from the old one to the new one.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{collections::BTreeMap, path::Path, time::Duration};

use camerafleet_footage::{ids::StreamId, layout::SegmentName, shard::CameraState};
use serde_json::json;
use support::{
    PREFIX, S3, Shard,
    peer::{Media, Peer, Script},
    until,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn store(directory: &Path) -> S3 {
    let mut s3 = S3::new(&directory.join("s3"));
    s3.make_bucket();
    s3.on();
    s3
}

/// Two recorders of the same shard, the same keys and the same store.
fn pods(directory: &Path, s3: &S3, peer: &Peer, sessions: u32) -> [Shard; 2] {
    let mut old = Shard::new(&directory.join("old"), s3.port);
    old.camera("c1", &peer.url(), false);
    old.config["cameras"]["c1"]["maxSessions"] = json!(sessions);
    old.config["cameras"]["c1"]["segmentDurationMs"] = json!(2_000);
    let mut new = Shard::new(&directory.join("new"), s3.port);
    new.config = old.config.clone();
    new.secret("camera.c1.username", support::USER);
    new.secret("camera.c1.password", support::PASSWORD);
    [old, new]
}

/// The streams in the store, each with its segments in their order.
fn streams(s3: &S3) -> BTreeMap<StreamId, Vec<SegmentName>> {
    let mut streams = BTreeMap::<_, Vec<_>>::new();
    for name in s3.keys().iter().filter_map(|key| SegmentName::parse(PREFIX, key).ok()) {
        streams.entry(name.stream.clone()).or_default().push(name);
    }
    for segments in streams.values_mut() {
        segments.sort_by_key(|name| name.sequence);
        for (n, name) in segments.iter().enumerate() {
            assert_eq!(name.sequence, n as u64, "every segment is there: {segments:?}");
        }
    }
    streams
}

fn stream(shard: &Shard) -> StreamId {
    shard.status().cameras.into_values().next().unwrap().recorder.stream
}

fn wait_for_segments(s3: &S3, stream: &StreamId, least: usize) {
    until("segments in the store", PATIENCE, || {
        (streams(s3).get(stream).map_or(0, Vec::len) >= least).then_some(())
    });
}

#[test]
fn two_pods_record_at_once_and_nothing_is_missing_between_them() {
    let directory = tempfile::tempdir().unwrap();
    let s3 = store(directory.path());
    let peer = Peer::start(Script { media: Media::Clip { every_ms: 40 }, ..Script::default() });
    let [mut old, mut new] = pods(directory.path(), &s3, &peer, 2);
    old.start();
    old.until_state("c1", CameraState::Recording, PATIENCE);
    wait_for_segments(&s3, &stream(&old), 1);
    new.start();
    new.until_state("c1", CameraState::Recording, PATIENCE);
    assert_eq!(new.get("/readyz").0, 200);
    let names = [stream(&old), stream(&new)];
    // Both have a whole segment of the time in which both are there.
    wait_for_segments(&s3, &names[1], 2);
    assert_eq!(old.stop(), Some(0), "{}", old.log());
    assert_eq!(new.status().cameras.values().next().unwrap().state, CameraState::Recording);
    assert_eq!(new.stop(), Some(0), "{}", new.log());
    let streams = streams(&s3);
    let [first, second] = names.map(|name| streams[&name].clone());
    assert!(second[0].start_ms < first.last().unwrap().end_ms(), "they overlap: {first:?} {second:?}");
    assert!(second.last().unwrap().end_ms() > first.last().unwrap().end_ms());
}

#[test]
fn a_camera_of_one_session_goes_from_the_old_pod_to_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let s3 = store(directory.path());
    let media = Media::Clip { every_ms: 40 };
    let peer = Peer::start(Script { media, sessions: 1, ..Script::default() });
    let [mut old, mut new] = pods(directory.path(), &s3, &peer, 1);
    old.start();
    old.until_state("c1", CameraState::Recording, PATIENCE);
    new.start();
    let message = new
        .until_state("c1", CameraState::Unreachable, PATIENCE)
        .cameras
        .into_values()
        .next()
        .unwrap()
        .message;
    assert!(message.contains("no session free"), "{message}");
    assert_eq!(new.get("/readyz").0, 200, "what the old pod holds is no reason to wait with the roll-over");
    assert_eq!(old.status().cameras.values().next().unwrap().state, CameraState::Recording, "undisturbed");
    let names = [stream(&old), stream(&new)];
    assert_eq!(old.stop(), Some(0), "{}", old.log());
    new.until_state("c1", CameraState::Recording, PATIENCE);
    wait_for_segments(&s3, &names[1], 2);
    assert_eq!(new.stop(), Some(0), "{}", new.log());
    let streams = streams(&s3);
    let [first, second] = names.map(|name| streams[&name].clone());
    // The waits between two tries are bounded by 4 s; a machine that is busy adds to the gap.
    let gap = second[0].start_ms - first.last().unwrap().end_ms();
    println!("a gap of {gap} ms");
    assert!((0..10_000).contains(&gap), "{gap} ms");
}
