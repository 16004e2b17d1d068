//! Camera: its identity, and what people are told about it. It is recorded by `ingest`.

mod status;

use std::sync::Arc;

use camerafleet_crds::{Camera, CameraStatus};
use camerafleet_footage::ids::CameraId;
use kube::{
    Api, Resource, ResourceExt,
    runtime::{
        controller::Action,
        events::{Event, EventType},
    },
};

use crate::{conditions, config::CALL_TIMEOUT, context::Context, error::Error, identity, kube_api};

/// One reconciliation.
pub async fn reconcile(camera: Arc<Camera>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(namespace) = camera.namespace() else { return Ok(Action::await_change()) };
    let api = Api::<Camera>::namespaced(context.client.clone(), &namespace);
    if camera.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let Some(id) = identity::of(&*camera) else {
        // The change comes back by the watch, and the rest with it.
        identity::ensure(&api, &*camera).await?;
        return Ok(Action::await_change());
    };
    let plan = context.plans.get(&namespace);
    let answer = CameraId::parse(id).ok().and_then(|id| context.answers.of(&namespace, &id));
    let seen = status::Seen {
        has_tenant: context.index.tenant_of(&namespace).is_some(),
        placement: plan.as_ref().and_then(|p| p.cameras.get(&camera.name_any())),
        answer: answer.as_ref(),
        asked: context.answers.asked(),
    };
    let Some(status) = status::status(&camera, &seen, context.now()) else {
        return Ok(Action::await_change());
    };
    kube_api::write_status(&api, &*camera, camera.status.as_ref(), &status).await?;
    tell(&camera, &status, &context).await;
    if recording(camera.status.as_ref()) != recording(Some(&status))
        && let Some(tenant) = context.index.tenant_of(&namespace)
    {
        context.router.tenant_news(&tenant.name_any());
    }
    Ok(Action::await_change())
}

fn recording(status: Option<&CameraStatus>) -> bool {
    status.is_some_and(|s| conditions::get(&s.conditions, "Recording").is_some_and(|c| c.status == "True"))
}

/// One Event on a transition. Events are for people who look now: one that is lost is lost.
async fn tell(camera: &Camera, status: &CameraStatus, context: &Context) {
    let old = camera.status.as_ref().and_then(|s| conditions::get(&s.conditions, "Ready"));
    let Some(new) = conditions::get(&status.conditions, "Ready") else { return };
    if old.is_some_and(|old| old.reason == new.reason && old.status == new.status) || new.status == "Unknown"
    {
        return;
    }
    let type_ = if new.status == "True" { EventType::Normal } else { EventType::Warning };
    let event = Event {
        type_,
        reason: new.reason.clone(),
        note: Some(new.message.clone()),
        action: "Record".to_owned(),
        secondary: None,
    };
    let reference = camera.object_ref(&());
    let published = context.events.publish(&event, &reference);
    match tokio::time::timeout(CALL_TIMEOUT, published).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(camera = kube_api::label(camera), %error, "Event not written"),
        Err(_) => tracing::warn!(camera = kube_api::label(camera), "Event not written in time"),
    }
}
