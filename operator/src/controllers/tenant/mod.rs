//! Tenant: its identity, namespace, the operator's binding there, the jobs' ServiceAccounts, the Vault mount.
//!
//! A deleted Tenant drains: nothing is recorded any more, its policies are deleted and last as long as their footage,
//! and when the last of them is gone its namespace follows, and then the Tenant itself.

mod apply;
mod cleanup;
mod gather;
mod network;
mod plan;
mod quota;
mod resources;
mod status;
mod storage;

use std::{sync::Arc, time::Duration};

use camerafleet_crds::Tenant;
use kube::{Api, Resource, runtime::controller::Action};

use self::{cleanup::Progress, plan::Plan};
use crate::{context::Context, error::Error, events, finalizer, identity, kube_api};

/// Keeps a deleted Tenant until its footage, its keys and its namespace are gone.
const FINALIZER: &str = "camerafleet.io/tenant";

/// Vault and the store are looked at again after this even if nothing changed.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// After a write that the watch brings back anyway, should it not.
const AFTER_WRITE: Duration = Duration::from_secs(5);
/// What is not ready is looked at again after this: a person who puts it right sees it heal.
const LOOK_AGAIN_SOON: Duration = Duration::from_secs(10);

/// One reconciliation.
pub async fn reconcile(tenant: Arc<Tenant>, context: Arc<Context>) -> Result<Action, Error> {
    let api = Api::<Tenant>::all(context.client.clone());
    let draining = tenant.metadata.deletion_timestamp.is_some();
    if draining && !finalizer::has(&*tenant, FINALIZER) {
        return Ok(Action::await_change());
    }
    if !draining && identity::of(&*tenant).is_none() {
        // The change comes back by the watch, and the rest with it.
        identity::ensure(&api, &*tenant).await?;
        return Ok(Action::await_change());
    }
    let conditions = tenant.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    if super::is_duplicate(&api, &*tenant, &context.index.tenants, conditions, &context).await? {
        if draining {
            // Nothing depends on a copy: namespace and footage are the first one's.
            finalizer::remove(&api, &*tenant, FINALIZER).await?;
        }
        return Ok(Action::requeue(LOOK_AGAIN));
    }
    let observed = gather::gather(&tenant, &context).await?;
    let plan = plan::plan(&tenant, &observed);
    let progress = match draining {
        true => Some(cleanup::clean_up(&plan, &tenant, &observed, &context).await?),
        false => None,
    };
    if progress == Some(Progress::Done) {
        context.logs.forget(&tenant);
        finalizer::remove(&api, &*tenant, FINALIZER).await?;
        return Ok(Action::await_change());
    }
    // Before the first thing that would be left behind.
    if !draining && matches!(plan, Plan::Bind { .. }) && finalizer::add(&api, &*tenant, FINALIZER).await? {
        return Ok(Action::requeue(AFTER_WRITE));
    }
    let done = match progress {
        // Nothing new comes into a namespace that goes.
        Some(Progress::Namespace) => apply::Done { vault: None, log: None },
        _ => apply::apply(&plan, &tenant, &observed, &context).await?,
    };
    let admission = context.admission.verdict();
    let status = status::status(&tenant, &observed, &plan, &done, progress, admission, context.now());
    let soon = status.conditions.iter().any(|c| c.type_ == "Ready" && c.status != "True");
    kube_api::write_status(&api, &*tenant, tenant.status.as_ref(), &status).await?;
    let old = tenant.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    events::transition(&context, &tenant.object_ref(&()), old, &status.conditions).await;
    Ok(Action::requeue(if soon { LOOK_AGAIN_SOON } else { LOOK_AGAIN }))
}

pub use resources::{member_subject, tenant_labels};
pub use storage::QUOTA;
