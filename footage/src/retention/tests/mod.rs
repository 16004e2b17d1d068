mod due;
mod epochs;
mod timelines;

use jiff::Timestamp;

use super::*;
use crate::{
    ids::{CameraId, PolicyId, StreamId, TenantId},
    layout::{Epoch, Hour, SegmentName, Tracks},
};

const BASE: i64 = 1_795_611_600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BASE + second).unwrap()
}

fn policy(id: &str) -> PolicyId {
    PolicyId::parse(id).unwrap()
}

/// The minute that begins at `second`.
fn minute(second: i64) -> Epoch {
    Epoch::containing(at(second), 60)
}

fn segment(start: i64, seconds: u64) -> SegmentName {
    SegmentName {
        tenant: TenantId::parse("t-1").unwrap(),
        policy: policy("p-1"),
        epoch: minute(start),
        camera: CameraId::parse("c-1").unwrap(),
        hour: Hour::containing(at(start)),
        start_ms: at(start).as_millisecond(),
        duration_ms: seconds * 1_000,
        stream: StreamId::from_bytes([7; 16]),
        sequence: 1,
        tracks: Tracks::Video,
    }
}

#[test]
fn a_summary_fits_a_termination_message() {
    let mut summary = RunSummary::started(at(0));
    summary.message = "x".repeat(1_000);
    summary.oldest_footage_time = Some(at(0));
    let text = serde_json::to_string(&summary).unwrap();
    assert!(text.len() < 4_096, "the kubelet cuts a longer one");
    assert_eq!(serde_json::from_str::<RunSummary>(&text).unwrap(), summary);
}
