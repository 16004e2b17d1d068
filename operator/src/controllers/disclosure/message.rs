//! What an owner is sent. The log's checkpoint is with it, so that others than its operator hold it.

use camerafleet_crds::NoticeOccasion;
use camerafleet_footage::disclosure::Effect;
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{notice::Contact, resources::Parts, seen::Seen};

/// The body of a message. `type` says what of; `data` what is known.
pub fn message(
    parts: &Parts<'_>,
    seen: &Seen,
    contact: &Contact,
    occasion: NoticeOccasion,
    now: Timestamp,
) -> Value {
    let spec = &parts.request.spec;
    let intent = seen.history.own_intent();
    let released = intent.filter(|_| occasion == NoticeOccasion::Delivered).map(|(_, intent)| {
        json!({"cameras": intent.cameras, "from": intent.from, "to": intent.to, "audio": intent.audio})
    });
    let denials = seen.decision.reasons.iter().filter(|r| r.rule.effect() == Effect::Denies);
    let denials = denials.filter(|_| occasion == NoticeOccasion::Denied);
    let reasons: Vec<Value> =
        denials.map(|reason| json!({"rule": reason.rule.id(), "message": reason.message})).collect();
    json!({
        "type": format!("camerafleet.disclosure.{}", format!("{occasion:?}").to_lowercase()),
        "timestamp": now,
        "data": {
            "owner": contact.owner,
            "tenant": {"name": parts.tenant.name_any(), "id": parts.tenant_id},
            "request": {
                "namespace": parts.request.namespace(), "name": parts.request.name_any(), "uid": parts.uid,
                "digest": seen.docket.as_ref().map(|docket| docket.request.digest().to_string()),
            },
            "requester": spec.requester,
            "caseNumber": spec.case_number,
            "basis": spec.basis,
            "cameras": spec.cameras,
            "window": spec.window,
            "includeAudio": spec.include_audio,
            "reasons": reasons,
            "released": released,
            "log": {
                "intent": intent.map(|(logged, _)| logged.index),
                "outcome": seen.history.outcome().map(|(logged, _)| logged.index),
                "checkpoint": seen.checkpoint,
            },
        },
    })
}
