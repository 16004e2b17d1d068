//! One Event on a transition of Ready, and of conditions that matter as much. Events are for people who look now: one that is lost is lost.

use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};
use kube::runtime::events::{Event, EventType};

use crate::{conditions, config::CALL_TIMEOUT, context::Context};

/// What people are told of a change of conditions, if anything.
fn news(type_: &str, old: &[Condition], new: &[Condition]) -> Option<Event> {
    let ready = conditions::get(new, type_)?;
    let same = |old: &Condition| old.reason == ready.reason && old.status == ready.status;
    if ready.status == "Unknown" || conditions::get(old, type_).is_some_and(same) {
        return None;
    }
    Some(Event {
        type_: if ready.status == "True" { EventType::Normal } else { EventType::Warning },
        reason: ready.reason.clone(),
        note: Some(ready.message.clone()),
        action: "Reconcile".to_owned(),
        secondary: None,
    })
}

/// Writes the Event of a transition of Ready.
pub async fn transition(context: &Context, object: &ObjectReference, old: &[Condition], new: &[Condition]) {
    transition_of("Ready", context, object, old, new).await;
}

/// Writes the Event of a transition of a condition.
pub async fn transition_of(
    type_: &str,
    context: &Context,
    object: &ObjectReference,
    old: &[Condition],
    new: &[Condition],
) {
    let Some(event) = news(type_, old, new) else { return };
    let name = object.name.as_deref().unwrap_or_default();
    match tokio::time::timeout(CALL_TIMEOUT, context.events.publish(&event, object)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(name, %error, "Event not written"),
        Err(_) => tracing::warn!(name, "Event not written in time"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::conditions::Verdict;

    #[test]
    fn a_transition_is_told_once() {
        let say = |verdict| conditions::merge(&[], None, &[("Ready", verdict)], Timestamp::UNIX_EPOCH);
        let unknown = say(Verdict::unknown("Pending", ""));
        let unreachable = say(Verdict::no("Unreachable", "why"));
        let refused = say(Verdict::no("Unauthorized", "why"));
        let recording = say(Verdict::yes("Recording", ""));
        let cases = [
            (&unknown, &unreachable, Some("Unreachable")),
            (&unreachable, &unreachable, None),
            (&unreachable, &refused, Some("Unauthorized")),
            (&refused, &recording, Some("Recording")),
            (&recording, &unknown, None),
        ];
        for (old, new, expected) in cases {
            assert_eq!(news("Ready", old, new).map(|e| e.reason).as_deref(), expected, "{old:?} {new:?}");
        }
    }
}
