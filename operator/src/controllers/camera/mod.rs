//! Camera: its identity, and what people are told about it. It is recorded by `ingest`.

mod status;

use std::{sync::Arc, time::Duration};

use camerafleet_crds::{Camera, CameraDeletionPolicy, CameraStatus, RetentionPolicy};
use camerafleet_footage::ids::CameraId;
use kube::{Api, Resource, ResourceExt, runtime::controller::Action};

use super::retention_policy::SHRED_FINALIZER;
use crate::{conditions, context::Context, error::Error, events, finalizer, identity, kube_api};

/// A deleted camera that waits for its key is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// One reconciliation.
pub async fn reconcile(camera: Arc<Camera>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(namespace) = camera.namespace() else { return Ok(Action::await_change()) };
    let api = Api::<Camera>::namespaced(context.client.clone(), &namespace);
    if camera.metadata.deletion_timestamp.is_some() {
        // A policy's job destroys its key; where there is none, there is no footage and no key either.
        let policies = Api::<RetentionPolicy>::namespaced(context.client.clone(), &namespace);
        if finalizer::has(&*camera, SHRED_FINALIZER) && kube_api::list(&policies, "").await?.is_empty() {
            finalizer::remove(&api, &*camera, SHRED_FINALIZER).await?;
        }
        return Ok(Action::requeue(LOOK_AGAIN));
    }
    let Some(id) = identity::of(&*camera) else {
        // The change comes back by the watch, and the rest with it.
        identity::ensure(&api, &*camera).await?;
        return Ok(Action::await_change());
    };
    let shred = camera.spec.deletion_policy == CameraDeletionPolicy::Shred;
    if shred && finalizer::add(&api, &*camera, SHRED_FINALIZER).await? {
        return Ok(Action::await_change());
    }
    if !shred {
        finalizer::remove(&api, &*camera, SHRED_FINALIZER).await?;
    }
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
    let old = camera.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    events::transition(&context, &camera.object_ref(&()), old, &status.conditions).await;
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
