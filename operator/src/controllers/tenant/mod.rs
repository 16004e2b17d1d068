//! Tenant: its identity, namespace, the operator's binding there, the jobs' ServiceAccounts, the Vault mount.

mod apply;
mod gather;
mod plan;
mod resources;
mod status;

use std::{sync::Arc, time::Duration};

use camerafleet_crds::Tenant;
use kube::{Api, Resource, runtime::controller::Action};

use crate::{context::Context, error::Error, events, identity, kube_api};

/// Vault and the store are looked at again after this even if nothing changed.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// What is not ready is looked at again after this: a person who puts it right sees it heal.
const LOOK_AGAIN_SOON: Duration = Duration::from_secs(10);

/// One reconciliation.
pub async fn reconcile(tenant: Arc<Tenant>, context: Arc<Context>) -> Result<Action, Error> {
    let api = Api::<Tenant>::all(context.client.clone());
    if tenant.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    if identity::of(&*tenant).is_none() {
        // The change comes back by the watch, and the rest with it.
        identity::ensure(&api, &*tenant).await?;
        return Ok(Action::await_change());
    }
    let conditions = tenant.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    if super::is_duplicate(&api, &*tenant, &context.index.tenants, conditions, &context).await? {
        return Ok(Action::requeue(LOOK_AGAIN));
    }
    let observed = gather::gather(&tenant, &context).await?;
    let plan = plan::plan(&tenant, &observed);
    let done = apply::apply(&plan, &tenant, &context).await?;
    let status = status::status(&tenant, &observed, &plan, &done, context.admission.verdict(), context.now());
    let soon = status.conditions.iter().any(|c| c.type_ == "Ready" && c.status != "True");
    kube_api::write_status(&api, &*tenant, tenant.status.as_ref(), &status).await?;
    let old = tenant.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    events::transition(&context, &tenant.object_ref(&()), old, &status.conditions).await;
    Ok(Action::requeue(if soon { LOOK_AGAIN_SOON } else { LOOK_AGAIN }))
}

pub use resources::tenant_labels;
