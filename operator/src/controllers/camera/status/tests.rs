//! A table: what is known of a camera, and what it says of itself.

use camerafleet_footage::{
    ids::StreamId,
    shard::{Recorder, StreamInfo},
};

use super::*;

fn camera() -> Camera {
    let spec = serde_json::json!({"source": {"url": "rtsp://198.51.100.7/stream"}});
    Camera::new("front", serde_json::from_value(spec).unwrap())
}

fn placed() -> Placement {
    Placement::Shard {
        shard: "ingest-0".into(),
        retention_policy: "standard".into(),
        sharing_policy: None,
        keys: Verdict::yes("Made", ""),
    }
}

fn answer(state: CameraState, stored: StoreState) -> shard::CameraStatus {
    shard::CameraStatus {
        state,
        message: "as the recorder says".into(),
        stream: Some(StreamInfo { codec: "H264".into(), width: 1280, height: 720, audio: String::new() }),
        recorder: Recorder {
            stream: StreamId::from_bytes([7; 16]),
            public_key: String::new(),
            last_sequence: None,
            head: None,
        },
        stored,
        oldest_pending_epoch: None,
        pending_epochs: None,
    }
}

fn say(placement: Option<&Placement>, answer: Option<&shard::CameraStatus>) -> Option<CameraStatus> {
    status(&camera(), &Seen { has_tenant: true, placement, answer, asked: true }, Timestamp::UNIX_EPOCH)
}

fn condition(status: &CameraStatus, type_: &str) -> String {
    let condition = conditions::get(&status.conditions, type_).unwrap();
    format!("{}/{}", condition.status, condition.reason)
}

#[test]
fn what_the_recorder_says_is_what_people_are_told() {
    let failing = |reason: &str| StoreState::Failing { reason: reason.into(), message: "why".into() };
    let cases = [
        (CameraState::Recording, StoreState::Waiting, "True/Recording", "True/Recording", "Unknown/Waiting"),
        (CameraState::Recording, StoreState::Stored, "True/Recording", "True/Recording", "True/Stored"),
        (
            CameraState::Recording,
            failing("BucketMissing"),
            "False/StoreUnavailable",
            "True/Recording",
            "False/BucketMissing",
        ),
        (
            CameraState::Recording,
            failing("anything at all"),
            "False/StoreUnavailable",
            "True/Recording",
            "False/StoreFailed",
        ),
        (
            CameraState::Unauthorized,
            StoreState::Waiting,
            "False/Unauthorized",
            "False/Unauthorized",
            "Unknown/Waiting",
        ),
        (
            CameraState::Unreachable,
            StoreState::Stored,
            "False/Unreachable",
            "False/Unreachable",
            "True/Stored",
        ),
        (CameraState::Off, StoreState::Waiting, "True/Off", "False/Off", "Unknown/Waiting"),
        (
            CameraState::ScheduledOff,
            StoreState::Stored,
            "True/ScheduledOff",
            "False/ScheduledOff",
            "True/Stored",
        ),
    ];
    for (state, stored, ready, recording, store) in cases {
        let status = say(Some(&placed()), Some(&answer(state, stored))).unwrap();
        assert_eq!(condition(&status, "Ready"), ready, "{state:?}");
        assert_eq!(condition(&status, "Recording"), recording, "{state:?}");
        assert_eq!(condition(&status, "Stored"), store, "{state:?}");
    }
}

#[test]
fn a_camera_in_a_namespace_without_a_tenant_says_so() {
    let seen = Seen { has_tenant: false, placement: None, answer: None, asked: true };
    let status = status(&camera(), &seen, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(condition(&status, "Ready"), "False/NoTenant");
}

#[test]
fn a_status_stands_until_its_plan_is_known_again() {
    let first = say(None, None).unwrap();
    assert_eq!(condition(&first, "Ready"), "Unknown/Pending");
    let mut known = camera();
    known.status = say(Some(&placed()), Some(&answer(CameraState::Recording, StoreState::Stored)));
    let seen = Seen { has_tenant: true, placement: None, answer: None, asked: true };
    assert_eq!(
        status(&known, &seen, Timestamp::UNIX_EPOCH),
        None,
        "an operator that just started says nothing"
    );
}

#[test]
fn nothing_changes_while_nothing_changes() {
    let mut camera = camera();
    let (placement, answer) = (placed(), answer(CameraState::Recording, StoreState::Stored));
    let seen = Seen { has_tenant: true, placement: Some(&placement), answer: Some(&answer), asked: true };
    let first = status(&camera, &seen, Timestamp::UNIX_EPOCH);
    camera.status.clone_from(&first);
    let later = Timestamp::from_second(1000).unwrap();
    assert_eq!(status(&camera, &seen, later), first);
}
