//! What a run lists of what it keeps, and the day's census.

use std::sync::{Arc, Mutex};

use camerafleet_footage::{
    ids::{CameraId, TenantId},
    layout::SegmentName,
    retention::{Census, Outcome, census_key},
};
use jiff::{SignedDuration, Timestamp};
use jobs::retention::{Job, run};
use object_store::{
    Result as StoreResult,
    aws::AmazonS3,
    list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore},
};

use crate::support::{BUCKET, PREFIX, Policy, S3, TENANT, ago, epoch, job, policy_id, segment};

/// Counts what it lists.
struct Listed {
    store: Arc<AmazonS3>,
    objects: Mutex<Vec<usize>>,
}

#[async_trait::async_trait]
impl PaginatedListStore for Listed {
    async fn list_paginated(
        &self,
        prefix: Option<&str>,
        options: PaginatedListOptions,
    ) -> StoreResult<PaginatedListResult> {
        let page = self.store.list_paginated(prefix, options).await?;
        self.objects.lock().unwrap().push(page.result.objects.len());
        Ok(page)
    }
}

fn census_file(s3: &S3) -> Option<Vec<u8>> {
    let key = census_key(PREFIX, &TenantId::parse(TENANT).unwrap(), &policy_id());
    assert!(key.starts_with("elm/t-1/holds/"), "where the credential may put and get: {key}");
    std::fs::read(s3.file(&key)).ok()
}

fn census(s3: &S3) -> Census {
    serde_json::from_slice(&census_file(s3).unwrap()).unwrap()
}

fn at(name: &SegmentName, minutes: i64) -> SegmentName {
    SegmentName { start_ms: name.start_ms + minutes * 60_000, ..name.clone() }
}

#[tokio::test]
async fn the_oldest_footage_is_found_by_one_name_of_each_camera() {
    let s3 = S3::start();
    let first = segment("p-1", epoch(1), "c-1", 0);
    for n in 0..30 {
        s3.put(&at(&first, n + 2).key(PREFIX), b"sealed", Timestamp::now());
        let other = segment("p-1", epoch(1), "c-2", 0);
        s3.put(&at(&other, n + 1).key(PREFIX), b"sealed", Timestamp::now());
    }
    let policy = Policy::new("30d");
    let pages = Arc::new(Listed { store: s3.client(BUCKET), objects: Mutex::default() });
    let counted = |pages: &Arc<Listed>| -> Job<Policy> {
        let mut job = job(&s3, s3.store(), &policy, None);
        job.pages = Arc::clone(pages) as _;
        job
    };
    let oldest = |minutes: i64| Timestamp::from_millisecond(at(&first, minutes).start_ms).ok();
    let report = run(&counted(&pages)).await;
    assert_eq!(report.summary.oldest_footage_time, oldest(1), "{report:?}");
    assert_eq!(*pages.objects.lock().unwrap(), [1, 1], "one page of one name for each camera");
    // A name that is no recorder's and comes first is passed over.
    let key = first.key(PREFIX);
    s3.put(&format!("{}/0", key.rsplit_once('/').unwrap().0), b"other", Timestamp::now());
    std::fs::remove_dir_all(s3.file(&segment("p-1", epoch(1), "c-2", 0).key(PREFIX)).parent().unwrap())
        .unwrap();
    let report = run(&counted(&pages)).await;
    assert_eq!(report.summary.oldest_footage_time, oldest(2), "{report:?}");
}

#[tokio::test]
async fn what_is_stored_is_counted_by_the_first_run_and_then_once_a_day() {
    let s3 = S3::start();
    let names = [
        segment("p-1", epoch(3), "c-1", 0),
        segment("p-1", epoch(1), "c-1", 0),
        segment("p-1", epoch(1), "c-2", 0),
    ];
    for name in &names {
        s3.put(&name.key(PREFIX), b"sealed", Timestamp::now());
    }
    // What is due goes first and is not counted; another policy's and what is no recorder's neither.
    let due = segment("p-1", epoch(2_000), "c-3", 0);
    s3.put(&due.key(PREFIX), b"sealed", ago(2_000 * 60));
    s3.put(&segment("p-2", epoch(1), "c-1", 0).key(PREFIX), b"sealed", Timestamp::now());
    s3.put(&format!("{}.txt", names[0].key(PREFIX)), b"other", Timestamp::now());
    let policy = Policy::new("30d");
    let report = run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!((report.summary.outcome, report.summary.deleted_objects), (Outcome::Done, 1), "{report:?}");
    let first = census(&s3);
    let figures = |census: &Census| -> Vec<(CameraId, i64, u64, u64)> {
        let figures = census.cameras.iter();
        figures.map(|(id, c)| (id.clone(), c.oldest_ms, c.segments, c.bytes)).collect()
    };
    let [one, two] = ["c-1", "c-2"].map(|id| CameraId::parse(id).unwrap());
    let expected = vec![(one.clone(), names[0].start_ms, 2, 12), (two.clone(), names[2].start_ms, 1, 6)];
    assert_eq!(figures(&first), expected);

    // The same day nothing is counted; one that is a day old is made anew, and so is one that cannot be read or is from
    // the future.
    std::fs::remove_file(s3.file(&names[0].key(PREFIX))).unwrap();
    run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!(census(&s3), first);
    let now = Timestamp::now();
    let aged = |hours: i64| {
        let census = Census { made_at: now - SignedDuration::from_hours(hours), ..first.clone() };
        serde_json::to_vec(&census).unwrap()
    };
    let expected = vec![(one, names[1].start_ms, 1, 6), (two, names[2].start_ms, 1, 6)];
    for old in [aged(23), aged(-2), b"{".to_vec()] {
        let key = census_key(PREFIX, &due.tenant, &policy_id());
        s3.put(&key, &old, now);
        run(&job(&s3, s3.store(), &policy, None)).await;
        let census = census(&s3);
        assert!(census.made_at >= now && census.made_at <= Timestamp::now());
        assert_eq!(figures(&census), expected);
    }
}

#[tokio::test]
async fn a_run_that_refuses_or_has_no_time_counts_nothing() {
    let s3 = S3::start();
    s3.put(&segment("p-1", epoch(1), "c-1", 0).key(PREFIX), b"sealed", Timestamp::now());
    let policy = Policy::new("30d");
    let mut hurried = job(&s3, s3.store(), &policy, None);
    hurried.time_limit = std::time::Duration::ZERO;
    assert_eq!(run(&hurried).await.summary.outcome, Outcome::Done);
    assert!(census_file(&s3).is_none());
    run(&job(&s3, s3.store(), &policy, None)).await;
    std::fs::remove_file(s3.file(&census_key(PREFIX, &TenantId::parse(TENANT).unwrap(), &policy_id())))
        .unwrap();
    policy.change(|p| p.metadata.annotations = None);
    assert_eq!(run(&job(&s3, s3.store(), &policy, None)).await.summary.outcome, Outcome::Refused);
    assert!(census_file(&s3).is_none());
}

#[tokio::test]
async fn a_deleted_policys_census_goes_with_its_last_footage() {
    let s3 = S3::start();
    let (old, new) = (segment("p-1", epoch(5), "c-1", 0), segment("p-1", epoch(0), "c-1", 0));
    s3.put(&old.key(PREFIX), b"sealed", Timestamp::now());
    s3.put(&new.key(PREFIX), b"sealed", Timestamp::now());
    let policy = Policy::new("30d");
    run(&job(&s3, s3.store(), &policy, None)).await;
    policy.change(|p| {
        p.metadata.deletion_timestamp = Some(serde_json::from_value(serde_json::json!(ago(1))).unwrap())
    });
    run(&job(&s3, s3.store(), &policy, None)).await;
    assert!(census_file(&s3).is_some(), "footage is left");
    std::fs::remove_file(s3.file(&new.key(PREFIX))).unwrap();
    s3.put(&old.key(PREFIX), b"sealed", ago(200));
    policy.change(|p| p.spec.keep_for = camerafleet_crds::Span::hours(1));
    let report = run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!(report.summary.deleted_objects, 1, "{report:?}");
    assert!(census_file(&s3).is_none());
}
