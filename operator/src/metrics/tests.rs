use camerafleet_crds::{Camera, DisclosureRequest, LegalHold, RetentionPolicy, Tenant};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{context::EpochKeys, controllers::tenant::QUOTA, pods::Silence};

#[test]
fn the_table_for_people_has_every_metric_of_the_operator() {
    let metrics = Metrics::new().unwrap();
    let all = camerafleet_testkit::collectors!(&metrics, Metrics but registry, whole:
        reconciliations, duration, leader, watches_failing, admission_enforced, vault_logins,
        tenants, tenant_logs, cameras, cameras_without_keys, recorders, keys_created,
        epoch_keys_missing, epoch_keys_end, retention_policies, retention_late, overdue_objects,
        overdue_bytes, held_bytes, stored_bytes, storage_quotas, legal_holds, hold_next_end,
        disclosure_requests, disclosure_oldest_open, disclosure_overdue, notices,
    );
    let text = include_str!("../../../docs/monitoring.md");
    let own = |row: &&str| row.starts_with("| `camerafleet_") && !row.starts_with("| `camerafleet_ingest_");
    camerafleet_testkit::assert_documented(&all, text.lines().filter(own));
}

fn condition(type_: &str, status: &str, reason: &str) -> Value {
    json!({
        "type": type_, "status": status, "reason": reason, "message": "",
        "lastTransitionTime": "2026-11-25T13:00:00Z",
    })
}

fn metrics() -> Metrics {
    Metrics::new().unwrap()
}

/// The lines of one metric.
fn told(metrics: &Metrics, name: &str) -> Vec<String> {
    let text = metrics.render().unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("camerafleet_")?.strip_prefix(name));
    lines.filter(|rest| rest.starts_with(['{', ' '])).map(str::to_owned).collect()
}

#[test]
fn cameras_are_counted_by_state_and_those_without_keys_by_reason() {
    let camera = |ready: &str, keys: (&str, &str)| {
        let spec = json!({"source": {"url": "rtsp://192.0.2.1/"}});
        let mut camera = Camera::new("c", serde_json::from_value(spec).unwrap());
        let conditions = [condition("Ready", "True", ready), condition("KeysReady", keys.0, keys.1)];
        camera.status = Some(serde_json::from_value(json!({"conditions": conditions})).unwrap());
        Arc::new(camera)
    };
    let mut new = Camera::clone(&camera("", ("True", "Made")));
    new.status = None;
    let metrics = metrics();
    let fleet = [
        camera("Recording", ("True", "Made")),
        camera("Recording", ("False", "KeyLost")),
        camera("Stalled", ("Unknown", "NotNeeded")),
        Arc::new(new),
    ];
    cameras::measure(&fleet, &metrics);
    let states = [r#"{state="New"} 1"#, r#"{state="Recording"} 2"#, r#"{state="Stalled"} 1"#];
    assert_eq!(told(&metrics, "cameras"), states);
    assert_eq!(told(&metrics, "cameras_without_keys"), [r#"{reason="KeyLost"} 1"#]);
    cameras::measure(&fleet[..1], &metrics);
    assert_eq!(told(&metrics, "cameras"), [r#"{state="Recording"} 1"#]);
    assert!(told(&metrics, "cameras_without_keys").is_empty());
}

#[test]
fn the_sums_of_all_policies_are_measured_and_forgotten_with_them() {
    let policy = |reason: &str, late: &str, overdue: u64| {
        let mut policy =
            RetentionPolicy::new("p", serde_json::from_value(json!({"keepFor": "30d"})).unwrap());
        let status = json!({
            "overdueObjects": overdue, "overdueBytes": overdue * 10, "heldBytes": 5,
            "conditions": [condition("RunSucceeded", "False", reason), condition("OnTime", late, "X")],
        });
        policy.status = Some(serde_json::from_value(status).unwrap());
        Arc::new(policy)
    };
    let metrics = metrics();
    let policies =
        [policy("Done", "True", 0), policy("StoreFailed", "False", 3), policy("StoreFailed", "False", 4)];
    retention::measure(&policies, &metrics);
    let runs = [r#"{run="Done"} 1"#, r#"{run="StoreFailed"} 2"#];
    assert_eq!(
        (told(&metrics, "retention_policies"), metrics.retention_late.get()),
        (runs.map(str::to_owned).into(), 2)
    );
    let sums =
        [&metrics.overdue_objects, &metrics.overdue_bytes, &metrics.held_bytes].map(|gauge| gauge.get());
    assert_eq!(sums, [7, 70, 15]);
    retention::measure(&[], &metrics);
    assert!(told(&metrics, "retention_policies").is_empty() && metrics.overdue_objects.get() == 0);
}

#[test]
fn the_sums_of_all_tenants_are_measured_and_forgotten_with_them() {
    let with = |stored: u64, quota: &str, log: &str| {
        let credentials = ["ingest", "retention", "disclosure"].map(|role| (role, json!({"name": role})));
        let s3 = json!({
            "endpoint": "https://s3.example.com", "bucket": "footage",
            "credentials": credentials.into_iter().collect::<BTreeMap<_, _>>(),
        });
        let spec = json!({"namespace": "elm", "storage": {"s3": s3}, "cameraNetworks": ["198.51.100.0/24"]});
        let mut tenant = Tenant::new("elm", serde_json::from_value(spec).unwrap());
        let conditions = [
            condition("Ready", "True", "Active"),
            condition("LogReady", "True", log),
            condition(QUOTA, "False", quota),
        ];
        let status = json!({"storedBytes": stored, "conditions": conditions});
        tenant.status = Some(serde_json::from_value(status).unwrap());
        Arc::new(tenant)
    };
    let metrics = metrics();
    let fleet: [Arc<Tenant>; 2] = [with(10, "WithinQuota", "Open"), with(5_000, "Full", "LogUnavailable")];
    tenants::measure(&fleet, &metrics);
    assert_eq!(told(&metrics, "tenants"), [r#"{state="Active"} 2"#]);
    assert_eq!(told(&metrics, "tenant_logs"), [r#"{state="LogUnavailable"} 1"#, r#"{state="Open"} 1"#]);
    assert_eq!(told(&metrics, "storage_quotas"), [r#"{state="Full"} 1"#, r#"{state="WithinQuota"} 1"#]);
    assert_eq!(metrics.stored_bytes.get(), 5_010);
    tenants::measure(&[], &metrics);
    assert!(told(&metrics, "storage_quotas").is_empty() && metrics.stored_bytes.get() == 0);
}

#[test]
fn the_first_hold_that_ends_is_told_and_one_that_is_over_is_not() {
    let hold = |reason: &str, ends: &str| {
        let spec = json!({
            "allCameras": true, "duration": "30d", "window": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"},
            "reference": {"kind": "Matter", "name": "claim"},
        });
        let mut hold = LegalHold::new("h", serde_json::from_value(spec).unwrap());
        let conditions = [condition("Ready", "True", reason)];
        let status = json!({"expiresAt": ends, "effective": true, "conditions": conditions});
        hold.status = Some(serde_json::from_value(status).unwrap());
        Arc::new(hold)
    };
    let metrics = metrics();
    let over = hold("Ended", "1970-01-01T00:00:10Z");
    let open =
        [hold("InForce", "1970-01-01T00:01:00Z"), hold("Copying", "1970-01-01T00:00:30Z"), over.clone()];
    holds::measure(&open, &metrics);
    let states = [r#"{state="Copying"} 1"#, r#"{state="Ended"} 1"#, r#"{state="InForce"} 1"#];
    assert_eq!(told(&metrics, "legal_holds"), states);
    assert_eq!(told(&metrics, "legal_hold_next_end_timestamp_seconds"), [" 30"]);
    holds::measure(&[over], &metrics);
    assert!(told(&metrics, "legal_hold_next_end_timestamp_seconds").is_empty());
}

#[test]
fn the_oldest_open_request_is_told_by_what_it_waits_for() {
    let request = |status: &str, reason: &str, created: i64| {
        let spec = json!({
            "basis": "Consent", "cameras": [{"name": "c", "id": "a"}], "recipient": "age1example",
            "window": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-01T01:00:00Z"},
            "requester": {"user": "officer@example.com"},
        });
        let mut request = DisclosureRequest::new("r", serde_json::from_value(spec).unwrap());
        request.metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
            Timestamp::from_second(created).unwrap(),
        ));
        let conditions = [condition("Ready", status, reason), condition("FollowedUp", "False", "Overdue")];
        request.status = Some(serde_json::from_value(json!({"conditions": conditions})).unwrap());
        Arc::new(request)
    };
    let metrics = metrics();
    let requests = [
        request("Unknown", "AwaitingApproval", 200),
        request("Unknown", "AwaitingApproval", 100),
        request("Unknown", "Packaging", 300),
        request("False", "Denied", 1),
        request("True", "Delivered", 2),
    ];
    disclosure::measure(&requests, &metrics);
    let oldest = [r#"{state="AwaitingApproval"} 100"#, r#"{state="Packaging"} 300"#];
    assert_eq!(told(&metrics, "disclosure_oldest_open_timestamp_seconds"), oldest);
    let waiting = r#"{basis="Consent",state="AwaitingApproval"} 2"#;
    assert_eq!(told(&metrics, "disclosure_requests")[0], waiting);
    assert_eq!(metrics.disclosure_overdue.get(), 5);
    disclosure::measure(&requests[3..], &metrics);
    assert!(told(&metrics, "disclosure_oldest_open_timestamp_seconds").is_empty());
}

#[test]
fn recorders_are_told_once_they_were_asked_and_keys_by_the_first_that_runs_out() {
    let metrics = metrics();
    let at = |second| Some(Timestamp::from_second(second).unwrap());
    let keys = [
        EpochKeys { missing: 0, end: at(90) },
        EpochKeys { missing: 3, end: at(60) },
        EpochKeys { missing: 0, end: None },
    ];
    recorders::measure(None, &keys, &metrics);
    assert!(told(&metrics, "recorders").is_empty());
    assert_eq!(metrics.epoch_keys_missing.get(), 3);
    assert_eq!(told(&metrics, "epoch_keys_end_timestamp_seconds"), [" 60"]);
    recorders::measure(Some(Silence { answering: 4, silent: 1 }), &[], &metrics);
    assert_eq!(told(&metrics, "recorders"), [r#"{state="answering"} 4"#, r#"{state="silent"} 1"#]);
    assert!(told(&metrics, "epoch_keys_end_timestamp_seconds").is_empty());
}
