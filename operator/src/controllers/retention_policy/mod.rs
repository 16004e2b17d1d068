//! RetentionPolicy: its identity, the CronJob that deletes what is due, and the destruction of its keys, which
//! takes the operator and the job. Its keys are made with the recorders that use them (`ingest`).
//!
//! A key goes in steps, each of which stands on what an earlier reconciliation left behind: it is found due and
//! written into the log of intents; then Vault is told to allow it; then the job deletes it; then Vault has it no
//! more, and that is told.

mod apply;
mod census;
mod gather;
mod intents;
mod look;
mod plan;
mod resources;
mod schedule;
mod shredded;
mod status;
mod store;

use std::{sync::Arc, time::Duration};

use camerafleet_crds::RetentionPolicy;
use kube::{Api, ResourceExt, runtime::controller::Action};

pub use gather::tenant_of;
pub use resources::{COMPONENT, POLICY_LABEL};
pub use shredded::FINALIZER as SHRED_FINALIZER;
pub use store::{TenantStore, read as read_store};

use crate::{context::Context, error::Error, finalizer, identity, kube_api};
use apply::Done;

/// Keeps a deleted policy until its footage and its keys are gone.
const FINALIZER: &str = "camerafleet.io/retention";
/// After a write that the watch brings back anyway, should it not.
const AFTER_WRITE: Duration = Duration::from_secs(5);

/// One reconciliation.
pub async fn reconcile(policy: Arc<RetentionPolicy>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(namespace) = policy.namespace() else { return Ok(Action::await_change()) };
    let api = Api::<RetentionPolicy>::namespaced(context.client.clone(), &namespace);
    let draining = policy.metadata.deletion_timestamp.is_some();
    if identity::of(&*policy).is_none() {
        if !draining {
            // The change comes back by the watch, and the status with it.
            identity::ensure(&api, &*policy).await?;
        }
        return Ok(Action::await_change());
    }
    let conditions = policy.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    if super::is_duplicate(&api, &*policy, &context.index.retention_policies, conditions, &context).await? {
        // Nothing depends on a copy: the footage is the first one's.
        if draining {
            finalizer::remove(&api, &*policy, FINALIZER).await?;
        }
        return Ok(Action::await_change());
    }
    let now = context.now();
    let Some(observed) = gather::gather(&policy, &context, now).await? else {
        // After a restart the tenants are still to come, and nobody shall be told that there are none.
        if !context.index.synced.seen(&["tenants", "namespaces"]) {
            return Ok(Action::requeue(AFTER_WRITE));
        }
        let status = status::without_tenant(&policy, now);
        kube_api::write_status(&api, &*policy, policy.status.as_ref(), &status).await?;
        return Ok(Action::await_change());
    };
    // Before the first footage and the first key that depend on it.
    if !draining && finalizer::add(&api, &*policy, FINALIZER).await? {
        return Ok(Action::requeue(AFTER_WRITE));
    }
    let mut plan = plan::plan(&policy, &observed, &context.args, now)?;
    let destroyed = intents::log_destroyed(&observed.tenant, &plan.shredding.gone, &context).await;
    if destroyed.is_err() {
        // It is told when it is logged, and the policy stays until then.
        plan.shredding.keep_gone();
        plan.release = false;
    }
    if destroyed.is_ok() {
        shredded::tell(&observed, &context).await?;
    }
    if plan.release {
        // Before it is let go: what was destroyed last shall be told.
        status::announce(&policy, &plan, &context).await;
        finalizer::remove(&api, &*policy, FINALIZER).await?;
        return Ok(Action::await_change());
    }
    // Before the run itself is told: what fails here is done again.
    census::tell(&policy, &observed, &context).await?;
    let mut applied = match apply::apply(&plan, &policy, &observed, &context).await? {
        Done::Recorded => return Ok(Action::requeue(AFTER_WRITE)),
        Done::Applied(applied) => applied,
    };
    applied.unlogged = destroyed.err().or(applied.unlogged);
    let status = status::status(&policy, &observed, &plan, &applied, now);
    kube_api::write_status(&api, &*policy, policy.status.as_ref(), &status).await?;
    status::announce(&policy, &plan, &context).await;
    let soon = applied.failure.is_some() || applied.unlogged.is_some();
    Ok(Action::requeue(if soon { AFTER_WRITE } else { plan.look_again }))
}
