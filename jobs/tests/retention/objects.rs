//! What is deleted and what is not.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use camerafleet_footage::{layout::SegmentName, retention::Outcome};
use jiff::Timestamp;
use jobs::retention::{Report, run};

use crate::support::{Fault, Faulty, PREFIX, Policy, S3, ago, epoch, job, legal_hold, segment};

#[tokio::test]
async fn what_is_due_goes_and_the_rest_stays() {
    let s3 = S3::start();
    let old = epoch(5);
    let due = [segment("p-1", old, "c-1", 0), segment("p-1", old, "c-1", 1), segment("p-1", old, "c-2", 0)];
    for name in &due {
        s3.put(&name.key(PREFIX), b"sealed", ago(200));
    }
    let due_in_another_epoch = segment("p-1", epoch(4), "c-1", 0).key(PREFIX);
    s3.put(&due_in_another_epoch, b"sealed", ago(190));
    let mut kept = vec![
        // Its name says that it is due; the store took it just now.
        segment("p-1", old, "c-1", 2).key(PREFIX),
        segment("p-1", epoch(0), "c-1", 0).key(PREFIX),
        segment("p-2", old, "c-1", 0).key(PREFIX),
        segment("p-1", old, "c-1", 0).key(PREFIX).replace("/t-1/", "/t-2/"),
    ];
    s3.put(&kept[0], b"sealed", Timestamp::now());
    s3.put(&kept[1], b"sealed", Timestamp::now());
    let epoch_folder = format!("{PREFIX}/t-1/footage/p-1/{old}");
    let camera_folder = due[0].key(PREFIX).rsplit_once('/').unwrap().0.to_owned();
    let foreign = [
        format!("{PREFIX}/t-1/footage/p-1/note"),
        format!("{PREFIX}/t-1/footage/p-1/tomorrow/x"),
        format!("{epoch_folder}/readme.txt"),
        // Almost a segment.
        format!("{camera_folder}/1-60000-07070707070707070707070707070707-00-v.mp4.age"),
        // The hour's folder is not the one of the epoch that it lies in, but that is a name as any other.
        format!("{camera_folder}/segment.mp4.age"),
    ];
    kept.extend(foreign.clone());
    for key in &kept[2..] {
        s3.put(key, b"other", ago(100_000));
    }
    kept.sort();

    let policy = Policy::new("1h");
    let report = run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!(
        s3.keys(PREFIX)
            .into_iter()
            .filter(|k| !k.contains("/reports/") && !k.contains("/holds/census-"))
            .collect::<Vec<_>>(),
        kept
    );
    let summary = &report.summary;
    assert_eq!((summary.outcome, summary.reason.as_str()), (Outcome::Done, "Done"), "{report:?}");
    assert!(summary.looked);
    assert_eq!((summary.deleted_objects, summary.deleted_bytes), (4, 24));
    assert_eq!((summary.foreign_objects, summary.overdue_objects), (5, 0));
    assert_eq!(summary.oldest_footage_time, Some(old.start()));
    let camera = &report.cameras[&due[0].camera];
    assert_eq!((camera.deleted_objects, camera.kept_objects), (3, 1), "{report:?}");
    let stored: Report =
        serde_json::from_slice(&s3.read("elm/t-1/reports/retention/p-1/retention-p-1-1.json")).unwrap();
    assert_eq!(stored, report);

    // And again: nothing is left to do.
    let again = run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!(again.summary.deleted_objects, 0);
    assert_eq!(again.summary.outcome, Outcome::Done);
}

/// Of an epoch that comes due no more is listed than what may be.
#[tokio::test]
async fn an_epoch_that_is_past_in_part_loses_that_part_of_each_camera() {
    // The half hour of the present one's beginning, or what of the last one is within three quarters of an hour.
    let now = Timestamp::now();
    let (of, keep_for) = match now.duration_since(epoch(0).start()).as_mins() < 30 {
        true => (epoch(1), "45m"),
        false => (epoch(0), "20m"),
    };
    let s3 = S3::start();
    let (mut due, mut kept) = (Vec::new(), Vec::new());
    for camera in ["c-1", "c-2", "c-3"] {
        let first = segment("p-1", of, camera, 0);
        s3.put(&first.key(PREFIX), b"sealed", Timestamp::from_millisecond(first.end_ms()).unwrap());
        due.push(first.key(PREFIX));
        for sequence in 1..4 {
            let start_ms = now.as_millisecond() - 100_000 + i64::try_from(sequence).unwrap() * 10_000;
            let name = SegmentName { start_ms, duration_ms: 10_000, ..segment("p-1", of, camera, sequence) };
            s3.put(&name.key(PREFIX), b"sealed", now);
            kept.push(name.key(PREFIX));
        }
    }
    let beside = format!("{PREFIX}/t-1/footage/p-1/{of}/readme.txt");
    s3.put(&beside, b"other", ago(100_000));
    kept.push(beside);
    let summary = run(&job(&s3, s3.store(), &Policy::new(keep_for), None)).await.summary;
    assert_eq!((summary.outcome, summary.deleted_objects, summary.foreign_objects), (Outcome::Done, 3, 1));
    assert_eq!(s3.keys("elm/t-1/footage"), kept);
}

#[tokio::test]
async fn a_policy_made_longer_or_shorter_counts_at_once() {
    let s3 = S3::start();
    let key = segment("p-1", epoch(5), "c-1", 0).key(PREFIX);
    s3.put(&key, b"sealed", ago(200));
    let policy = Policy::new("30d");
    run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!(s3.keys("elm/t-1/footage"), [key]);
    policy
        .change(|p| p.spec.keep_for = Policy::new("1h").object.lock().unwrap().take().unwrap().spec.keep_for);
    run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!(s3.keys("elm/t-1/footage"), [""; 0]);
}

#[tokio::test]
async fn a_run_that_was_killed_is_finished_by_the_next() {
    const OBJECTS: u64 = 2_300;
    let s3 = S3::start();
    for sequence in 0..OBJECTS {
        s3.put(&segment("p-1", epoch(5), "c-1", sequence).key(PREFIX), b"", ago(200));
    }
    let policy = Policy::new("1h");
    let hangs = Faulty { store: s3.store(), fault: Fault::HangsAfter(1), requests: AtomicUsize::new(0) };
    let hanging = job(&s3, Arc::new(hangs), &policy, None);
    let killed = tokio::time::timeout(Duration::from_secs(15), run(&hanging)).await;
    assert!(killed.is_err(), "it hangs");
    assert_eq!(s3.keys("elm/t-1/footage").len(), 1_300);

    let report = run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!((report.summary.outcome, report.summary.deleted_objects), (Outcome::Done, 1_300));
    assert_eq!(s3.keys("elm/t-1/footage"), [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_deleted_is_told_and_keeps_nothing_else() {
    let s3 = S3::start();
    let keys =
        [segment("p-1", epoch(5), "c-1", 0).key(PREFIX), segment("p-1", epoch(4), "c-1", 0).key(PREFIX)];
    for key in &keys {
        s3.put(key, b"sealed", ago(200));
    }
    let policy = Policy::new("1h");
    let refuses = Faulty { store: s3.store(), fault: Fault::Refuses, requests: AtomicUsize::new(0) };
    let report = run(&job(&s3, Arc::new(refuses), &policy, None)).await;
    let summary = &report.summary;
    assert_eq!((summary.outcome, summary.reason.as_str()), (Outcome::Incomplete, "ObjectsRemain"));
    assert_eq!((summary.overdue_objects, summary.overdue_bytes), (2, 12), "both epochs were tried");
    assert!(summary.message.contains("bucket locks objects"), "{}", summary.message);
}

#[tokio::test]
async fn what_somebody_else_deleted_first_is_deleted() {
    let s3 = S3::start();
    s3.put(&segment("p-1", epoch(5), "c-1", 0).key(PREFIX), b"sealed", ago(200));
    let overtaken = Faulty { store: s3.store(), fault: Fault::Overtaken, requests: AtomicUsize::new(0) };
    let summary = run(&job(&s3, Arc::new(overtaken), &Policy::new("1h"), None)).await.summary;
    assert_eq!((summary.outcome, summary.overdue_objects), (Outcome::Done, 0), "{}", summary.message);
}

#[tokio::test]
async fn a_camera_above_its_limit_loses_its_oldest_and_no_other_loses_any() {
    let s3 = S3::start();
    let mut all = Vec::new();
    for (hours, camera) in [(4, "c-1"), (3, "c-1"), (2, "c-1"), (1, "c-1"), (4, "c-2"), (1, "c-2")] {
        let name = segment("p-1", epoch(hours), camera, 0);
        s3.put(&name.key(PREFIX), b"sealed", Timestamp::from_millisecond(name.end_ms()).unwrap());
        all.push(name.key(PREFIX));
    }
    let policy = Policy::new("30d");
    let most = |bytes: &str| {
        let spec = serde_json::json!({"keepFor": "30d", "keyEpoch": "1m", "maxBytesPerCamera": bytes});
        policy.change(|p| p.spec = serde_json::from_value(spec).unwrap());
    };
    // Two of its four are within the limit; a held one does not count, and pushes nothing out.
    most("12");
    policy.hold(&[legal_hold("h-1", epoch(4), &["c-1"])]);
    let report = run(&job(&s3, s3.store(), &policy, None)).await;
    let mut expected = vec![all[0].clone(), all[2].clone(), all[3].clone(), all[4].clone(), all[5].clone()];
    expected.sort();
    assert_eq!(s3.keys("elm/t-1/footage"), expected, "{report:?}");
    policy.hold(&[]);
    run(&job(&s3, s3.store(), &policy, None)).await;
    expected.retain(|key| *key != all[0]);
    assert_eq!(s3.keys("elm/t-1/footage"), expected);
    // Whichever comes first: what is due goes although the camera is within its limit.
    most("1k");
    policy.change(|p| p.spec.keep_for = camerafleet_crds::Span::minutes(150));
    run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!(s3.keys("elm/t-1/footage").len(), expected.len() - 1 - usize::from(is_past_150(&all[2])));
}

/// Whether the segment of two hours ago is over 150 minutes old by now, which depends on the minute of the hour.
fn is_past_150(key: &str) -> bool {
    let start: i64 = key.rsplit('/').next().unwrap().split('-').next().unwrap().parse().unwrap();
    start + 60_000 + 150 * 60_000 <= Timestamp::now().as_millisecond()
}
