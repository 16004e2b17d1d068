use std::io::Write;

use super::*;

fn camera(name: &str) -> CameraId {
    CameraId::parse(name).unwrap()
}

fn put(spool: &Arc<Spool>, key: &str, bytes: usize, finished_ms: i64) -> io::Result<()> {
    put_for(spool, "c1", key, bytes, finished_ms)
}

fn put_for(spool: &Arc<Spool>, whose: &str, key: &str, bytes: usize, finished_ms: i64) -> io::Result<()> {
    let mut file = spool.create(&camera(whose))?;
    file.write_all(&vec![7; bytes])?;
    let epoch = Some(EpochKey { start: finished_ms, name: format!("epoch-{key}") });
    let meta = Meta {
        kind: Kind::Segment,
        key: key.into(),
        camera: camera(whose),
        epoch,
        segment: None,
        finished_ms,
        bytes: 0,
    };
    spool.commit(file, meta)
}

fn keys(spool: &Spool) -> Vec<String> {
    spool.lock().pending.values().map(|entry| entry.meta.key.clone()).collect()
}

fn lost(metrics: &Metrics, reason: &str) -> u64 {
    metrics.lost.with_label_values(&["c1", reason]).get()
}

#[test]
fn first_in_first_out_and_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    {
        let spool = Spool::open(directory.path(), Metrics::new()).unwrap();
        put(&spool, "a/1", 10, 1).unwrap();
        put(&spool, "a/2", 20, 2).unwrap();
        // Killed while this one grows.
        let mut open = spool.create(&camera("c1")).unwrap();
        open.write_all(b"half").unwrap();
        std::mem::forget(open);
    }
    let metrics = Metrics::new();
    let spool = Spool::open(directory.path(), metrics.clone()).unwrap();
    assert_eq!(keys(&spool), ["a/1", "a/2"]);
    assert_eq!(spool.bytes(), 30);
    assert_eq!(metrics.lost.with_label_values(&["", "Killed"]).get(), 1);
    put(&spool, "a/3", 5, 3).unwrap();

    let first = spool.take(Instant::now()).unwrap();
    assert!(first.found && first.meta.key == "a/1");
    assert_eq!(std::fs::read(spool.path(first.number)).unwrap().len(), 10);
    assert_eq!(spool.take(Instant::now()).unwrap_err(), None, "its camera's next waits for it");
    spool.give_back(first.number, true, None);
    let second = spool.take(Instant::now()).unwrap();
    assert_eq!(second.meta.key, "a/2");
    let later = Instant::now() + std::time::Duration::from_secs(60);
    spool.give_back(second.number, false, Some(later));
    assert_eq!(spool.take(Instant::now()).unwrap_err(), Some(later), "nor is it overtaken");
    put_for(&spool, "c2", "b/1", 1, 4).unwrap();
    assert_eq!(spool.take(Instant::now()).unwrap().meta.key, "b/1", "another camera does not wait");
    for attempts in 1..MAX_HOLDING_BACK {
        let again = spool.take(later).unwrap();
        assert_eq!((again.attempts, again.meta.key.as_str()), (attempts, "a/2"));
        spool.give_back(again.number, false, Some(later));
    }
    assert_eq!(spool.take(Instant::now()).unwrap().meta.key, "a/3", "but not for ever");
    assert_eq!(spool.bytes(), 26);
    let starts: Vec<_> = spool.pending()[&camera("c1")].iter().map(|epoch| epoch.start).collect();
    assert_eq!(starts, [2, 3]);
}

#[test]
fn of_what_was_open_the_whole_part_waits_after_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let meta = |key: &str, bytes| Meta {
        kind: Kind::Segment,
        key: key.into(),
        camera: camera("c1"),
        epoch: Some(EpochKey { start: 1, name: "e".into() }),
        finished_ms: 1,
        bytes,
        segment: None,
    };
    {
        let spool = Spool::open(directory.path(), Metrics::new()).unwrap();
        let mut half = spool.create(&camera("c1")).unwrap();
        let mut journal = half.journal();
        half.write_all(b"whole").unwrap();
        journal.note(&meta("first", 3)).unwrap();
        journal.note(&meta("half", journal.bytes())).unwrap();
        half.write_all(b"cut o").unwrap();
        let mut liar = spool.create(&camera("c1")).unwrap();
        liar.write_all(b"x").unwrap();
        liar.journal().note(&meta("liar", 9)).unwrap();
        std::mem::forget((half, liar));
        // One that was finished, and one that was given up.
        let mut finished = spool.create(&camera("c1")).unwrap();
        finished.journal().note(&meta("part", 0)).unwrap();
        finished.write_all(b"all").unwrap();
        spool.commit(finished, meta("all", 0)).unwrap();
        let given_up = spool.create(&camera("c1")).unwrap();
        given_up.journal().note(&meta("given up", 0)).unwrap();
    }
    let metrics = Metrics::new();
    let spool = Spool::open(directory.path(), metrics.clone()).unwrap();
    assert_eq!(keys(&spool), ["half", "all"]);
    assert_eq!(spool.bytes(), 8);
    let entry = spool.take(Instant::now()).unwrap();
    assert_eq!(std::fs::read(spool.path(entry.number)).unwrap(), b"whole");
    assert_eq!(metrics.lost.with_label_values(&["", "Killed"]).get(), 1);
    assert_eq!(std::fs::read_dir(directory.path().join("open")).unwrap().count(), 0);
    assert!(spool.number() > 3, "no number is used twice");
}

#[test]
fn beyond_its_bound_the_oldest_goes_and_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = Metrics::new();
    let spool = Spool::open(directory.path(), metrics.clone()).unwrap();
    spool.limit(SpoolConfig { size: 100, max_age_seconds: 10 });
    assert_eq!((metrics.spool_limit_bytes.get(), metrics.spool_limit_age.get()), (100, 10));
    put(&spool, "a/1", 40, 1).unwrap();
    put(&spool, "a/2", 40, 2).unwrap();
    assert!(!spool.is_full());
    put(&spool, "a/3", 40, 3).unwrap();
    assert_eq!(keys(&spool), ["a/2", "a/3"]);
    assert!(spool.is_full());
    assert_eq!(lost(&metrics, "SpoolFull"), 1);

    assert!(put(&spool, "a/4", 101, 4).is_err(), "larger than the bound by itself");
    assert_eq!(spool.bytes(), 0, "an abandoned file gives its room back");
    put(&spool, "a/5", 10, 5).unwrap();
    spool.expire(10_005);
    assert_eq!(keys(&spool), ["a/5"]);
    spool.expire(10_006);
    assert!(spool.is_empty());
    assert_eq!(lost(&metrics, "TooOld"), 1);
    assert!(!spool.is_full());
    let left = std::fs::read_dir(directory.path().join("pending")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn a_camera_that_sends_more_than_it_should_costs_the_others_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = Metrics::new();
    let spool = Spool::open(directory.path(), metrics.clone()).unwrap();
    spool.limit(SpoolConfig { size: 400, max_age_seconds: 10 });
    spool.share([("c1", 1), ("c2", 2), ("c3", 1)].map(|(id, weight)| (camera(id), weight)).into());
    put_for(&spool, "c1", "a/1", 60, 1).unwrap();
    put_for(&spool, "c2", "b/1", 150, 2).unwrap();
    for n in 1..=30 {
        put_for(&spool, "c3", &format!("c/{n}"), 50, 2 + n).unwrap();
    }
    assert_eq!(keys(&spool), ["a/1", "b/1", "c/28", "c/29", "c/30"]);
    assert_eq!((lost(&metrics, "SpoolFull"), spool.bytes()), (0, 360));
    // What it writes without an end is its own loss, too.
    let mut open = spool.create(&camera("c3")).unwrap();
    let written = (0..).find(|_| open.write_all(&[0; 50]).is_err()).unwrap();
    assert_eq!((written, keys(&spool)), (3, vec!["a/1".to_owned(), "b/1".into()]));
    drop(open);
    // All as they should: the oldest goes.
    put_for(&spool, "c3", "c/31", 100, 40).unwrap();
    put_for(&spool, "c1", "a/2", 40, 41).unwrap();
    put_for(&spool, "c2", "b/2", 50, 42).unwrap();
    assert_eq!(keys(&spool), ["a/1", "b/1", "c/31", "a/2", "b/2"]);
    put_for(&spool, "c1", "a/3", 40, 43).unwrap();
    assert_eq!(keys(&spool), ["b/1", "c/31", "a/2", "b/2", "a/3"]);
}

#[test]
fn halves_of_pairs_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let pending = directory.path().join("pending");
    std::fs::create_dir_all(&pending).unwrap();
    for name in ["00000000000000000001.age", "00000000000000000002.json", "note.txt"] {
        std::fs::write(pending.join(name), b"x").unwrap();
    }
    let spool = Spool::open(directory.path(), Metrics::new()).unwrap();
    assert!(spool.is_empty());
    assert_eq!(std::fs::read_dir(pending).unwrap().count(), 0);
}
