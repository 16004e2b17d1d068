//! RetentionPolicy: its identity. Its keys are made with the recorders that use them (`ingest`).

use std::sync::Arc;

use camerafleet_crds::{RetentionPolicy, RetentionPolicyStatus};
use jiff::Timestamp;
use kube::{Api, ResourceExt, runtime::controller::Action};

use crate::{
    conditions::{self, Verdict},
    context::Context,
    error::Error,
    identity, kube_api,
};

/// One reconciliation.
pub async fn reconcile(policy: Arc<RetentionPolicy>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(namespace) = policy.namespace() else { return Ok(Action::await_change()) };
    let api = Api::<RetentionPolicy>::namespaced(context.client.clone(), &namespace);
    if identity::of(&*policy).is_none() {
        // The change comes back by the watch, and the status with it.
        identity::ensure(&api, &*policy).await?;
        return Ok(Action::await_change());
    }
    let status = status(&policy, context.now());
    kube_api::write_status(&api, &*policy, policy.status.as_ref(), &status).await?;
    Ok(Action::await_change())
}

fn status(policy: &RetentionPolicy, now: Timestamp) -> RetentionPolicyStatus {
    let observed = policy.status.clone().unwrap_or_default();
    let ready = Verdict::yes("InForce", "Cameras that name this policy are recorded under it.");
    RetentionPolicyStatus {
        observed_generation: policy.metadata.generation,
        conditions: conditions::merge(
            &observed.conditions,
            policy.metadata.generation,
            &[("Ready", ready)],
            now,
        ),
        ..observed
    }
}
