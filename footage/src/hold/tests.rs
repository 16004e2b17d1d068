use camerafleet_crds::{ID_ANNOTATION, LegalHold};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{
    ids::{CameraId, HoldId, PolicyId, StreamId, TenantId},
    layout::{Epoch, Hour, SegmentName, Tracks},
};

const DAY: &str = "2026-11-25";

fn at(time: &str) -> Timestamp {
    format!("{DAY}T{time}Z").parse().unwrap()
}

fn hold(change: impl FnOnce(&mut Value)) -> LegalHold {
    let mut object = json!({
        "metadata": {"name": "matter-7", "creationTimestamp": at("12:00:00"), "annotations": {ID_ANNOTATION: "h-1"}},
        "spec": {
            "cameras": [{"name": "door", "id": "c-1"}],
            "window": {"from": at("08:00:00"), "to": at("09:00:00")},
            "reference": {"kind": "Matter", "name": "7"},
            "duration": "1h",
        },
    });
    change(&mut object);
    object["apiVersion"] = "camerafleet.io/v1alpha1".into();
    object["kind"] = "LegalHold".into();
    serde_json::from_value(object).unwrap()
}

fn segment(camera: &str, start: &str, seconds: u64) -> SegmentName {
    SegmentName {
        tenant: TenantId::parse("t-1").unwrap(),
        policy: PolicyId::parse("p-1").unwrap(),
        epoch: Epoch::containing(at(start), 3_600),
        camera: CameraId::parse(camera).unwrap(),
        hour: Hour::containing(at(start)),
        start_ms: at(start).as_millisecond(),
        duration_ms: seconds * 1_000,
        stream: StreamId::from_bytes([7; 16]),
        sequence: 1,
        tracks: Tracks::Video,
    }
}

#[test]
fn a_hold_covers_what_touches_its_window_of_its_cameras() {
    let terms = HoldTerms::new(&hold(|_| {}).spec, None);
    for (camera, start, seconds, covered) in [
        ("c-1", "08:30:00", 10, true),
        ("c-1", "07:59:55", 10, true),
        ("c-1", "07:59:50", 9, false),
        ("c-1", "09:00:00", 10, true),
        ("c-1", "09:00:01", 10, false),
        ("c-2", "08:30:00", 10, false),
    ] {
        assert_eq!(terms.covers(&segment(camera, start, seconds)), covered, "{camera} {start}");
    }
    let all = hold(|h| {
        h["spec"]["cameras"] = json!([]);
        h["spec"]["allCameras"] = true.into();
    });
    assert!(HoldTerms::new(&all.spec, None).covers(&segment("c-2", "08:30:00", 10)));
}

#[test]
fn a_hold_ends_at_its_expiry_and_a_renewal_prolongs_it() {
    let renewal = json!([{"duration": "30m", "reference": {"kind": "Matter", "name": "7"}}]);
    let renewed = hold(|h| h["spec"]["renewals"] = renewal);
    let unknown = hold(|h| h["metadata"]["creationTimestamp"] = Value::Null);
    let deleted = hold(|h| {
        h["metadata"]["deletionTimestamp"] = json!(at("12:00:01"));
        h["metadata"]["finalizers"] = json!(["camerafleet.io/hold"]);
    });
    let id = HoldId::parse("h-1").unwrap();
    for (name, object, time, in_force) in [
        ("before", hold(|_| {}), "12:59:59", true),
        ("at", hold(|_| {}), "13:00:00", false),
        ("renewed, before", renewed.clone(), "13:29:59", true),
        ("renewed, at", renewed, "13:30:00", false),
        ("of unknown age", unknown, "23:59:59", true),
        ("being deleted", deleted, "12:30:00", true),
    ] {
        let holds = Holds::of([&object], at(time));
        assert_eq!(holds.has(&id), in_force, "{name}");
        assert_eq!(holds.cover(&segment("c-1", "08:30:00", 10)), in_force, "{name}");
        assert_eq!(holds.name(&CameraId::parse("c-1").unwrap()), in_force, "{name}");
    }
}

#[test]
fn what_was_held_when_a_run_began_stays_held_in_it() {
    let (mut later, before) = (Holds::default(), Holds::of([&hold(|_| {})], at("12:30:00")));
    later.join(&before);
    later.join(&before);
    assert_eq!(later, before);
}

#[test]
fn a_report_tells_other_segments_apart() {
    let sum = |names: &[SegmentName]| {
        let mut held = HeldNames::default();
        names.iter().for_each(|name| held.add(name, 5));
        held.sum(0)
    };
    let [one, two] = ["08:30:00", "08:30:10"].map(|start| segment("c-1", start, 10));
    let both = sum(&[one.clone(), two.clone()]);
    assert!(both.is_same(&HeldEpoch { copied: 2, ..sum(&[one.clone(), two.clone()]) }));
    assert!(!both.is_same(&sum(&[two.clone(), one.clone()])) && !both.is_same(&sum(&[one])));
    assert_eq!((both.segments, both.bytes), (2, 10));
    let mut report = HoldReport::default();
    report.epochs.insert(two.epoch, both.clone());
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<HoldReport>(&text).unwrap(), report);
    assert_eq!(report.total().bytes, both.bytes);
}
