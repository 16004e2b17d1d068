//! A tenant's recorders: from its Cameras and policies to keys, a shard's configuration, and its Deployment.
//!
//! Two pure steps with Vault and the log between them: `plan::wanted` says what shall be recorded and which keys that
//! takes, `keys` sees to it that they exist and `revisions` that the policies are logged, `plan::shard` puts all together.

mod apply;
mod gather;
mod keys;
mod plan;
mod resources;
mod revisions;

use std::{sync::Arc, time::Duration};

use camerafleet_crds::Tenant;
use kube::{ResourceExt, runtime::controller::Action};

pub use gather::vault_target;
pub use resources::{COMPONENT, SHARD_LABEL, selector};

use crate::{context::Context, error::Error};

/// At the latest after this everything is compared again, should an event have been lost.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// Keys that could not be made and policies that could not be logged are tried again after this.
const LOOK_AGAIN_SOON: Duration = Duration::from_secs(10);

/// One reconciliation.
pub async fn reconcile(tenant: Arc<Tenant>, context: Arc<Context>) -> Result<Action, Error> {
    let namespace = tenant.spec.namespace.clone();
    if !context.index.synced.seen(&gather::KINDS) {
        // A camera that has not been seen yet must not lose its recorder; the last of these watches wakes everything.
        return Ok(Action::requeue(LOOK_AGAIN_SOON));
    }
    let Some(observed) = gather::gather(&tenant, &context).await? else {
        // Identity or namespace are still to come or gone, and both come as changes.
        context.plans.forget(&namespace);
        return Ok(Action::await_change());
    };
    let now = context.now();
    let wanted = plan::wanted(&tenant, &observed, now);
    let keys = keys::ensure(&wanted, &observed, &tenant, &context).await;
    let revisions = revisions::ensure(&wanted, &observed, &tenant, &context).await;
    let planned = plan::shard(&wanted, &observed, &keys, &revisions, now);
    apply::apply(&planned, &tenant, &observed, &context).await?;
    for camera in context.plans.replace(&namespace, planned.tenant_plan) {
        context.router.camera_news(&namespace, &camera);
    }
    context.router.tenant_news(&tenant.name_any());
    let boundary = wanted.next_epoch.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
    let pause = if keys.failure.is_none() && revisions.have_all_of(&wanted) {
        boundary.map_or(LOOK_AGAIN, |b| LOOK_AGAIN.min(b + Duration::from_secs(1)))
    } else {
        LOOK_AGAIN_SOON
    };
    Ok(Action::requeue(pause))
}
