//! The transparency report of the present month, counted from a real log.

use std::time::Duration;

use camerafleet_footage::{
    disclosure::job::Ending,
    report::{KEY, Month, Report, config_map_name},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    cluster::until,
    job::run_job,
    stage::{NAMESPACE, OFFICER, Stage, get},
};

fn policy() -> Value {
    json!({
        "owners": [{"name": "a", "user": "a@example.com"}],
        "bases": {"consent": {"maxWindow": "12h", "maxCameras": 4}},
    })
}

fn report(stage: &Stage, name: &str) -> Option<(String, Report)> {
    let map = get(&stage.cluster, "configmap", name)?;
    let version = map["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    Some((version, serde_json::from_str(map["data"][KEY].as_str().unwrap()).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_month_is_counted_as_it_goes_for_those_who_may_read_it_and_nobody_is_named() {
    let mut stage = Stage::new(policy()).await;
    let name = config_map_name(Month::of(Timestamp::now()));
    let (_, first) = until("the first report", async || report(&stage, &name)).await;
    assert_eq!((first.tenant.as_str(), first.complete), ("elm-street", false));
    assert_eq!(first.figures.total().submitted, 0);

    stage.ask("r-1", "Emergency", json!({}));
    stage.request("r-1", "Denied").await;
    let asked = stage.ask("r-2", "Consent", json!({}));
    let seen = stage.request("r-2", "AwaitingApproval").await;
    stage.approve(&seen, "yes", "a@example.com", json!({}));
    assert_eq!(run_job(&stage, &asked).await.outcome, Ending::Delivered);
    stage.request("r-2", "Delivered").await;
    let (version, found) = until("the report to say so", async || {
        let (version, report) = report(&stage, &name)?;
        (report.figures.total().delivered == 1 && report.figures.notices.sent == 4)
            .then_some((version, report))
    })
    .await;
    let total = found.figures.total();
    assert!(total.adds_up());
    assert_eq!((total.submitted, total.denied, total.pending), (2, 1, 0));
    // Twelve seconds less the first and the last.
    assert_eq!((total.cameras, total.camera_seconds, total.with_sound), (1, 10, 0));
    assert!(found.figures.requests.iter().all(|row| row.organisation.as_deref() == Some("Example Police")));
    assert!(found.figures.denials.iter().any(|denial| denial.rule == "BasisNotListed"));
    assert_eq!((found.figures.times.to_decision.count(), found.figures.times.to_delivery.count()), (2, 1));
    let key = stage.log_key().await;
    let checkpoint = key.open(found.checkpoint.note.as_bytes()).unwrap();
    assert_eq!(checkpoint.size(), found.checkpoint.size);
    assert!(checkpoint.size() <= stage.entries().await.len() as u64);

    // Nothing personal is in it.
    let map = get(&stage.cluster, "configmap", &name).unwrap();
    for personal in [OFFICER, "a@example.com", "AB-123", "7946", "door-1", stage.camera.as_str()] {
        assert!(!map["data"].to_string().contains(personal), "{personal} is in {map}");
    }
    // By its name, for those who may; and nobody but the operator changes it.
    assert!(stage.may("auditor@example.com", "get", &format!("configmap/{name}")));
    assert!(stage.may("reviewer@example.com", "get", &format!("configmap/{name}")));
    for who in [OFFICER, "a@example.com", "nobody@example.com"] {
        assert!(!stage.may(who, "get", &format!("configmap/{name}")), "{who}");
    }
    assert!(!stage.may("auditor@example.com", "get", "configmap/ingest-0"));
    let edit = json!({"data": {KEY: "{}"}}).to_string();
    let arguments = ["-n", NAMESPACE, "patch", "configmap", &name, "--type=merge", "-p", &edit];
    let refused = stage.cluster.try_kubectl(&arguments, None).unwrap_err();
    assert!(refused.contains("camerafleet.io/managed"), "{refused}");

    // The log grows by what is not counted: nothing is written, not even a newer checkpoint.
    let patch = json!({"spec": {"consentThreshold": 1}}).to_string();
    let arguments = ["-n", NAMESPACE, "patch", "sharingpolicy", "building", "--type=merge", "-p", &patch];
    stage.cluster.kubectl(&arguments);
    let size = found.checkpoint.size;
    until("the log to grow", async || (stage.entries().await.len() as u64 > size).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(75)).await;
    assert_eq!(report(&stage, &name).unwrap().0, version);
    // And by what is.
    hold(&stage, "h-1");
    until("the hold to be counted", async || {
        (report(&stage, &name)?.1.figures.holds.opened == 1).then_some(())
    })
    .await;
    // A new process reads the log from its beginning and says the same.
    let (version, before) = report(&stage, &name).unwrap();
    stage.cluster.stop_operator();
    stage.cluster.operator();
    hold(&stage, "h-2");
    let after = until("the operator to count again", async || {
        let (now, report) = report(&stage, &name)?;
        (now != version).then_some(report)
    })
    .await;
    assert_eq!(after.figures.holds.opened, 2);
    assert_eq!(
        (after.figures.requests, after.figures.times),
        (before.figures.requests, before.figures.times)
    );
}

fn hold(stage: &Stage, name: &str) {
    stage.cluster.apply(&json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalHold",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "cameras": [{"name": "door-1", "id": stage.camera}], "duration": "1d",
            "window": {"from": stage.began, "to": stage.began + SignedDuration::from_secs(5)},
            "reference": {"kind": "Matter", "name": "7"},
        },
    }));
}
