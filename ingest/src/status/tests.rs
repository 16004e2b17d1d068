use std::io::Write as _;

use super::*;
use crate::{
    metrics::Metrics,
    spool::{Kind, Meta},
};
use camerafleet_footage::{ids::StreamId, shard::SpoolConfig};

fn id() -> CameraId {
    CameraId::parse("c1").unwrap()
}

fn epoch(start: i64) -> EpochKey {
    EpochKey { start, name: format!("epoch-p-{start}") }
}

fn board() -> (tempfile::TempDir, Board) {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path(), Metrics::new()).unwrap();
    (directory, Board::new("uid".into(), spool))
}

fn record(board: &Board) {
    board.camera(&id(), "door", false);
    let stream = StreamId::from_bytes([1; 16]);
    board.recorder(&id(), Recorder { stream, public_key: String::new(), last_sequence: None, head: None });
}

fn put(board: &Board, start: i64) {
    let mut file = board.spool.create(&id()).unwrap();
    file.write_all(&[0; 60]).unwrap();
    let key = format!("k{start}");
    let meta = Meta {
        kind: Kind::Segment,
        key,
        camera: id(),
        epoch: Some(epoch(start)),
        segment: None,
        finished_ms: 0,
        bytes: 0,
    };
    board.spool.commit(file, meta).unwrap();
}

#[test]
fn a_failing_store_is_told_to_those_who_wait_for_it() {
    let (_directory, board) = board();
    record(&board);
    let camera = |board: &Board| board.answer().shard.cameras.remove(&id()).unwrap();
    assert_eq!(camera(&board).stored, StoreState::Waiting);
    board.store(Some(StoreFailure { reason: "AccessDenied", message: "No.".into() }));
    assert_eq!(camera(&board).stored, StoreState::Waiting, "nothing of it failed");
    put(&board, 2);
    assert!(matches!(camera(&board).stored, StoreState::Failing { reason, .. } if reason == "AccessDenied"));
    board.open(&id(), Some(epoch(1)));
    assert_eq!(camera(&board).oldest_pending_epoch.as_deref(), Some("epoch-p-1"));
    board.open(&id(), Some(epoch(3)));
    assert_eq!(camera(&board).oldest_pending_epoch.as_deref(), Some("epoch-p-2"));
    let all = |board: &Board| camera(board).pending_epochs.map(|names| names.into_iter().collect::<Vec<_>>());
    assert_eq!(all(&board).unwrap(), ["epoch-p-2", "epoch-p-3"]);
    for start in 100..100 + i64::try_from(MAX_PENDING_EPOCHS).unwrap() {
        put(&board, start);
    }
    assert_eq!(all(&board), None, "more than are named");
    assert_eq!(camera(&board).oldest_pending_epoch.as_deref(), Some("epoch-p-2"));
    while let Ok(entry) = board.spool.take(Instant::now()) {
        board.spool.give_back(entry.number, true, None);
    }
    put(&board, 2);

    board.state(&id(), CameraState::Recording, "Recording.");
    board.spool.limit(SpoolConfig { size: 100, max_age_seconds: 9 });
    put(&board, 4);
    assert_eq!(camera(&board).state, CameraState::SpoolFull);
    board.state(&id(), CameraState::Unreachable, "x");
    assert_eq!(camera(&board).state, CameraState::Unreachable, "the camera's own trouble comes first");
}

#[test]
fn ready_is_when_every_camera_records_or_fails_by_itself_and_stays() {
    let (_directory, board) = board();
    assert!(!board.ready(), "no configuration");
    board.camera(&id(), "door", false);
    board.config(Some("digest"), None);
    assert!(!board.ready(), "connecting");
    board.camera(&id(), "door", true);
    let waits = board.ready();
    assert!(waits, "its twin may have the only session");
    board.camera(&CameraId::parse("c2").unwrap(), "gate", false);
    assert!(board.ready(), "a new camera is no new start");
    board.drain();
    assert!(!board.ready());
}

#[test]
fn what_waits_of_a_camera_that_nobody_knows_is_told() {
    let (_directory, board) = board();
    put(&board, 7);
    let shard = board.answer().shard;
    assert!(shard.cameras.is_empty());
    assert_eq!(shard.other_pending_epochs, BTreeSet::from(["epoch-p-7".to_owned()]));
    record(&board);
    assert!(board.answer().shard.other_pending_epochs.is_empty());
}

#[test]
fn a_camera_that_left_is_shown_until_its_footage_is_stored() {
    let (_directory, board) = board();
    record(&board);
    put(&board, 1);
    board.remove(&id());
    assert_eq!(board.answer().shard.cameras[&id()].state, CameraState::Off);
    let entry = board.spool.take(Instant::now()).unwrap();
    board.spool.give_back(entry.number, true, None);
    assert!(board.answer().shard.cameras.is_empty());
}
