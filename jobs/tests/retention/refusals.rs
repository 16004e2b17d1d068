//! When a run deletes nothing.

use camerafleet_footage::retention::Outcome;
use jiff::{SignedDuration, Timestamp};
use jobs::retention::{Job, exit_code, run};

use crate::support::{PREFIX, Policy, S3, ago, epoch, job, segment};

fn ahead() -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(310)
}

fn behind() -> Timestamp {
    Timestamp::now() - SignedDuration::from_secs(310)
}

#[tokio::test]
async fn a_wrong_clock_or_policy_deletes_nothing_and_says_why() {
    let s3 = S3::start();
    let key = segment("p-1", epoch(5), "c-1", 0).key(PREFIX);
    s3.put(&key, b"sealed", ago(200));
    let with = |change: &dyn Fn(&mut Job<Policy>)| {
        let mut job = job(&s3, s3.store(), &Policy::new("1h"), None);
        change(&mut job);
        job
    };
    let cases: [(&str, Job<Policy>, &str); 8] = [
        ("the job's clock is ahead of both", with(&|j| j.now = ahead), "ClocksDisagree"),
        ("and behind", with(&|j| j.now = behind), "ClocksDisagree"),
        (
            "the job's and the API server's are ahead of the store's",
            with(&|j| {
                j.now = ahead;
                j.policy.date = || Some(ahead());
            }),
            "ClocksDisagree",
        ),
        ("the API server's alone is wrong", with(&|j| j.policy.date = || Some(behind())), "ClocksDisagree"),
        ("the API server has none", with(&|j| j.policy.date = || None), "ClocksDisagree"),
        (
            "another object of the name",
            with(&|j| j.policy.change(|p| p.metadata.uid = Some("uid-2".into()))),
            "NotOurPolicy",
        ),
        ("another identity", with(&|j| j.policy.change(|p| p.metadata.annotations = None)), "NotOurPolicy"),
        ("the policy is gone", with(&|j| *j.policy.object.lock().unwrap() = None), "NotOurPolicy"),
    ];
    for (name, job, reason) in cases {
        let report = run(&job).await;
        let summary = &report.summary;
        assert_eq!((summary.outcome, summary.reason.as_str()), (Outcome::Refused, reason), "{name}");
        assert_eq!(exit_code(summary.outcome), 3);
        assert!(summary.message.contains("nothing was deleted"), "{name}: {}", summary.message);
        assert_eq!(s3.keys(PREFIX), [key.as_str()], "{name}");
    }
    // With clocks that agree it goes.
    run(&with(&|_| {})).await;
    assert_eq!(s3.keys("elm/t-1/footage"), [""; 0]);
}
