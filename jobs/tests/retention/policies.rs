//! Policies that change while footage depends on them, and jobs that run at the same time.

use camerafleet_crds::{ID_ANNOTATION, Span};
use camerafleet_footage::{ids::PolicyId, retention::Outcome};
use jiff::Timestamp;
use jobs::retention::{Job, Keys, run};

use crate::{
    bao::Bao,
    keys::{key, keys_left, retention_role},
    support::{MOUNT, PREFIX, Policy, S3, ago, epoch, job, segment},
};

/// The job of another policy.
fn job_of(id: &str, s3: &S3, policy: &Policy) -> Job<Policy> {
    policy.change(|p| p.metadata.annotations = Some([(ID_ANNOTATION.to_owned(), id.to_owned())].into()));
    let mut job = job(s3, s3.store(), policy, None);
    job.config.policy = PolicyId::parse(id).unwrap();
    job
}

#[tokio::test]
async fn a_camera_that_was_moved_keeps_each_segment_by_the_policy_that_it_was_recorded_under() {
    let s3 = S3::start();
    // Recorded under the one until four hours ago, and under the other since.
    let [before, after] =
        [("p-1", 4), ("p-2", 3)].map(|(policy, hours)| segment(policy, epoch(hours), "c-1", 0).key(PREFIX));
    s3.put(&before, b"sealed", ago(180));
    s3.put(&after, b"sealed", ago(120));
    let (first, second) = (Policy::new("30d"), Policy::new("1h"));
    let jobs = [job_of("p-1", &s3, &first), job_of("p-2", &s3, &second)];
    // The new policy keeps for a shorter time, which is nothing to the footage of before.
    for job in &jobs {
        assert_eq!(run(job).await.summary.outcome, Outcome::Done);
    }
    assert_eq!(s3.keys("elm/t-1/footage"), [before.as_str()]);
    // What counts is what the old policy says now, although no camera names it any more.
    s3.put(&after, b"sealed", ago(120));
    first.change(|p| p.spec.keep_for = Span::hours(1));
    second.change(|p| p.spec.keep_for = Span::hours(900));
    for job in &jobs {
        run(job).await;
    }
    assert_eq!(s3.keys("elm/t-1/footage"), [after.as_str()]);
}

#[tokio::test]
async fn a_policy_that_is_made_longer_during_a_run_keeps_what_is_not_deleted_yet() {
    let s3 = S3::start();
    let name = segment("p-1", epoch(5), "c-1", 0).key(PREFIX);
    s3.put(&name, b"sealed", ago(200));
    let policy = Policy::new("1h");
    // Read at the run's beginning and before the epoch; it is another one right before the batch.
    policy.change_after(2, |p| p.spec.keep_for = Span::hours(900));
    let report = run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!(s3.keys("elm/t-1/footage"), [name.as_str()], "{report:?}");
    assert_eq!((report.summary.outcome, report.summary.deleted_objects), (Outcome::Done, 0));
    assert!(report.summary.oldest_footage_time.is_some(), "it is told as kept");
    // Made shorter, it goes with the next run.
    *policy.changes.lock().unwrap() = None;
    policy.change(|p| p.spec.keep_for = Span::hours(1));
    run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!(s3.keys("elm/t-1/footage"), [""; 0]);
}

/// A policy of 30 days and 12 bytes for each camera, and four segments of 6 bytes of one.
fn limited(s3: &S3) -> (Policy, Vec<String>) {
    let policy = Policy::new("30d");
    policy.change(|p| p.spec.max_bytes_per_camera = serde_json::from_value("12".into()).unwrap());
    let put = |hours| {
        let name = segment("p-1", epoch(hours), "c-1", 0);
        s3.put(&name.key(PREFIX), b"sealed", Timestamp::from_millisecond(name.end_ms()).unwrap());
        name.key(PREFIX)
    };
    (policy, [4, 3, 2, 1].map(put).into())
}

/// What is stored is counted before anything is deleted, which takes long where much is.
#[tokio::test]
async fn a_limit_that_is_raised_or_lifted_while_a_run_counts_deletes_nothing_by_the_old_one() {
    for (case, most) in [("raised", "1k".into()), ("lifted", serde_json::Value::Null)] {
        let s3 = S3::start();
        let (policy, keys) = limited(&s3);
        // Read at the run's beginning; it is another one by the time that the first epoch is looked at.
        policy.change_after(1, move |p| {
            p.spec.max_bytes_per_camera = serde_json::from_value(most.clone()).unwrap();
        });
        let report = run(&job(&s3, s3.store(), &policy, None)).await;
        assert_eq!(s3.keys("elm/t-1/footage"), keys, "{case}: {report:?}");
    }
}

#[tokio::test]
async fn of_what_is_above_a_limit_a_run_takes_nothing_instead_of_what_another_one_took_first() {
    let s3 = S3::start();
    let (policy, keys) = limited(&s3);
    let oldest = s3.file(&keys[0]);
    policy.change_after(1, move |_| drop(std::fs::remove_file(&oldest)));
    let report = run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!(s3.keys("elm/t-1/footage"), keys[2..], "{report:?}");
}

#[tokio::test]
async fn two_jobs_at_once_do_no_harm() {
    let (s3, bao) = (S3::start(), Bao::start().await);
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let epochs = [9, 8, 7].map(epoch);
    let names = epochs.each_ref().map(key);
    for (epoch, name) in epochs.iter().zip(&names) {
        root.create_key(MOUNT, name).await.unwrap();
        root.allow_deletion(MOUNT, name).await.unwrap();
        for sequence in 0..700 {
            s3.put(&segment("p-1", *epoch, "c-1", sequence).key(PREFIX), b"sealed", ago(300));
        }
    }
    let kept = segment("p-1", epoch(0), "c-1", 0).key(PREFIX);
    s3.put(&kept, b"sealed", Timestamp::now());
    let policy = Policy::new("1h");
    policy.intend(&s3, &root, &names.each_ref().map(String::as_str)).await;
    let mut jobs = Vec::new();
    for name in ["retention-p-1-1", "retention-p-1-2"] {
        let session = Keys::Session(retention_role(&bao).await);
        jobs.push(Job { run: name.to_owned(), ..job(&s3, s3.store(), &policy, Some(session)) });
    }
    let (one, two) = tokio::join!(run(&jobs[0]), run(&jobs[1]));
    assert_eq!(s3.keys("elm/t-1/footage"), [kept.as_str()], "{one:?} {two:?}");
    assert_eq!(keys_left(&root).await, [""; 0]);
    for report in [&one, &two] {
        assert_eq!(report.summary.outcome, Outcome::Done, "{report:?}");
        assert_eq!((report.summary.overdue_objects, report.failures.len()), (0, 0), "{report:?}");
    }
    // What one of them deleted, and the other found gone, may be in both reports, but nothing is in none.
    assert!(one.summary.deleted_objects + two.summary.deleted_objects >= 2_100);
    assert_eq!(s3.keys("elm/t-1/holds").len(), 1, "one census");
}
