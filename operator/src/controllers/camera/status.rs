//! What a Camera says of itself: a pure function of what was planned and what its recorder says.

use camerafleet_crds::{Camera, CameraStatus, CameraStream};
use camerafleet_footage::shard::{self, CameraState, StoreState};
use jiff::Timestamp;

use crate::{
    conditions::{self, Verdict},
    context::Placement,
};

/// What is known of a camera.
pub struct Seen<'a> {
    /// Whether a Tenant has the camera's namespace.
    pub has_tenant: bool,
    /// What the ingest pipeline decided, once it has.
    pub placement: Option<&'a Placement>,
    /// What the recorder says, if any answers.
    pub answer: Option<&'a shard::CameraStatus>,
    /// Whether the recorders were asked since this process leads.
    pub asked: bool,
}

/// The conditions, in the order in which they are shown.
struct Verdicts {
    ready: Verdict,
    recording: Verdict,
    source: Verdict,
    keys: Verdict,
    stored: Verdict,
}

/// The status, or none while nothing new can be said: after a restart of the operator a camera's status stands
/// until its plan is known again and its recorder was asked.
pub fn status(camera: &Camera, seen: &Seen<'_>, now: Timestamp) -> Option<CameraStatus> {
    let old = camera.status.clone().unwrap_or_default();
    // A recorder answers for an id: it speaks of this object only if it was told of this object.
    let answer = seen.answer.filter(|_| matches!(seen.placement, Some(Placement::Shard { .. })));
    let verdicts = match seen.placement {
        None if !seen.has_tenant => {
            let why = "No Tenant has this namespace: create the Camera in a tenant's namespace.";
            not_recorded(Verdict::no("NoTenant", why), Verdict::unknown("NoTenant", why))
        }
        None if old.conditions.is_empty() => {
            let why = "The operator has just seen this camera.";
            let pending = Verdict::unknown("Pending", why);
            Verdicts { ready: pending.clone(), ..not_recorded(pending.clone(), pending) }
        }
        None => return None,
        Some(Placement::Shard { .. }) if !seen.asked && !old.conditions.is_empty() => return None,
        Some(Placement::Not { why, keys }) => not_recorded(why.clone(), keys.clone()),
        Some(Placement::Shard { keys, .. }) => recorded(keys.clone(), answer),
    };
    let (shard, retention_policy, sharing_policy) = match seen.placement {
        Some(Placement::Shard { shard, retention_policy, sharing_policy, .. }) => {
            (Some(shard.clone()), Some(retention_policy.clone()), sharing_policy.clone())
        }
        _ => (None, None, None),
    };
    // kstatus: `Stalled` is there only while true, and only for what no waiting heals.
    let stalled = (verdicts.ready.reason == "DuplicateId")
        .then(|| Verdict::yes("DuplicateId", verdicts.ready.message.clone()));
    let mut verdicts = vec![
        ("Ready", verdicts.ready),
        ("Recording", verdicts.recording),
        ("SourceReachable", verdicts.source),
        ("KeysReady", verdicts.keys),
        ("Stored", verdicts.stored),
    ];
    verdicts.extend(stalled.map(|verdict| ("Stalled", verdict)));
    Some(CameraStatus {
        observed_generation: camera.metadata.generation,
        shard,
        retention_policy,
        sharing_policy,
        stream: answer.and_then(|a| a.stream.as_ref()).map(stream).or(old.stream),
        oldest_footage_time: old.oldest_footage_time,
        stored_bytes: old.stored_bytes,
        conditions: conditions::merge(&old.conditions, camera.metadata.generation, &verdicts, now),
    })
}

fn stream(info: &shard::StreamInfo) -> CameraStream {
    CameraStream {
        codec: info.codec.clone(),
        width: info.width,
        height: info.height,
        resolution: format!("{}x{}", info.width, info.height),
        audio: info.audio.clone(),
    }
}

fn not_recorded(why: Verdict, keys: Verdict) -> Verdicts {
    let unknown = Verdict::unknown(why.reason, "Told once a recorder has the camera.");
    Verdicts {
        recording: Verdict { truth: why.truth, ..Verdict::no(why.reason, "Nothing records this camera.") },
        ready: why,
        source: unknown.clone(),
        keys,
        stored: unknown,
    }
}

fn recorded(keys: Verdict, answer: Option<&shard::CameraStatus>) -> Verdicts {
    let Some(answer) = answer else {
        let waiting = Verdict::unknown(
            "RecorderSilent",
            "No recorder answers for this camera yet: it is starting, or its pod is in trouble (kubectl get pods).",
        );
        return Verdicts {
            ready: waiting.clone(),
            recording: waiting.clone(),
            source: waiting.clone(),
            keys,
            stored: waiting,
        };
    };
    let reason = reason(answer.state);
    let message = answer.message.clone();
    let source = match answer.state {
        CameraState::Recording
        | CameraState::NoParameters
        | CameraState::UnsupportedCodec
        | CameraState::SpoolFull => Verdict::yes("Reachable", "The camera answers."),
        CameraState::Off
        | CameraState::ScheduledOff
        | CameraState::Connecting
        | CameraState::KeysNotReady => Verdict::unknown(reason, "Told once the recorder is connected."),
        _ => Verdict::no(reason, message.clone()),
    };
    let recording = match answer.state {
        CameraState::Recording => Verdict::yes("Recording", "The camera is being recorded."),
        _ => Verdict::no(reason, message.clone()),
    };
    let stored = match &answer.stored {
        StoreState::Waiting => Verdict::unknown("Waiting", "The first segment is not finished yet."),
        StoreState::Stored => Verdict::yes("Stored", "Sealed segments reach the store."),
        StoreState::Failing { reason, message } => Verdict::no(store_reason(reason), message.clone()),
    };
    let ready = match (answer.state, &answer.stored) {
        (CameraState::Recording, StoreState::Failing { message, .. }) => {
            Verdict::no("StoreUnavailable", message.clone())
        }
        (CameraState::Recording, _) => Verdict::yes("Recording", "The camera is being recorded."),
        (CameraState::Off | CameraState::ScheduledOff, _) => Verdict::yes(reason, message),
        _ => Verdict::no(reason, message),
    };
    Verdicts { ready, recording, source, keys, stored }
}

/// The reasons of Ready that come from a recorder.
fn reason(state: CameraState) -> &'static str {
    match state {
        CameraState::Connecting => "Connecting",
        CameraState::Recording => "Recording",
        CameraState::ScheduledOff => "ScheduledOff",
        CameraState::Off => "Off",
        CameraState::Unauthorized => "Unauthorized",
        CameraState::Unreachable => "Unreachable",
        CameraState::Stalled => "Stalled",
        CameraState::UnsupportedCodec => "UnsupportedCodec",
        CameraState::NoParameters => "NoParameters",
        CameraState::KeysNotReady => "KeysNotReady",
        CameraState::SpoolFull => "SpoolFull",
        CameraState::CredentialsMissing => "CredentialsMissing",
        CameraState::OutsideCameraNetworks => "OutsideCameraNetworks",
    }
}

/// The reasons of Stored: a recorder of another version must not put any text there.
fn store_reason(reason: &str) -> &'static str {
    match reason {
        "BucketMissing" => "BucketMissing",
        "AccessDenied" => "AccessDenied",
        "StoreUnreachable" => "StoreUnreachable",
        _ => "StoreFailed",
    }
}

#[cfg(test)]
mod tests;
