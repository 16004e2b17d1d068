//! LegalHold: its identity, its entries in the tenant's log and its key. That nothing it covers is deleted is the
//! retention jobs' doing, from the moment at which the object is there; they copy what it needs, too, and leave reports
//! of it in the store, which are read here.
//!
//! A hold is logged before it has a key, and its end before its finalizer goes, so that one that the cluster loses is
//! missed. A PreservationOrder makes a hold ([`order`]).

mod gather;
mod order;
mod plan;
mod status;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use camerafleet_crds::LegalHold;
use camerafleet_footage::{
    digest::hex,
    layout::hold_key_name,
    log::{NewEntry, entry::KeyCreated},
    seal::PublicKey,
    vault::VaultError,
};
use kube::{Api, Resource, ResourceExt, runtime::controller::Action};

pub use gather::report;
pub use order::reconcile as reconcile_order;
pub use plan::closed_id;

use crate::{
    context::Context,
    error::Error,
    events, finalizer, identity,
    keys::{KeyProblem, make_once},
    kube_api,
    log::{LogProblem, key_created_id},
};
use gather::Observed;
use plan::Plan;

/// Keeps a deleted hold until its end is logged.
const FINALIZER: &str = "camerafleet.io/hold";
/// After a write that the watch brings back anyway, should it not.
const AFTER_WRITE: Duration = Duration::from_secs(5);
/// While something is still to be done, by the operator or by a job.
const LOOK_AGAIN_SOON: Duration = Duration::from_secs(15);
/// At the latest after this everything is compared again.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// One reconciliation.
pub async fn reconcile(hold: Arc<LegalHold>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(namespace) = hold.namespace() else { return Ok(Action::await_change()) };
    let api = Api::<LegalHold>::namespaced(context.client.clone(), &namespace);
    let draining = hold.metadata.deletion_timestamp.is_some();
    if identity::of(&*hold).is_none() && !draining {
        // The change comes back by the watch, and the rest with it.
        identity::ensure(&api, &*hold).await?;
        return Ok(Action::await_change());
    }
    let conditions = hold.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    if super::is_duplicate(&api, &*hold, &context.index.legal_holds, conditions, &context).await? {
        if draining {
            finalizer::remove(&api, &*hold, FINALIZER).await?;
        }
        return Ok(Action::await_change());
    }
    let now = context.now();
    let Some(mut observed) = gather::gather(&hold, &context).await? else {
        // After a restart the tenants are still to come.
        if !context.index.synced.seen(&["tenants", "namespaces"]) {
            return Ok(Action::requeue(AFTER_WRITE));
        }
        if draining {
            // There is no log to tell it, and no footage.
            finalizer::remove(&api, &*hold, FINALIZER).await?;
            return Ok(Action::await_change());
        }
        let status = status::without_tenant(&hold, now);
        kube_api::write_status(&api, &*hold, hold.status.as_ref(), &status).await?;
        return Ok(Action::await_change());
    };
    let plan = plan::plan(&hold, &observed.id, now);
    // Before the first entry: its end shall not be missed.
    if !plan.over && !draining && finalizer::add(&api, &*hold, FINALIZER).await? {
        return Ok(Action::requeue(AFTER_WRITE));
    }
    observed.logged = context.logs.append(&observed.tenant, &plan.entries, &context).await.map(drop);
    let logged = matches!(observed.logged, Ok(()) | Err(LogProblem::NotConfigured));
    if plan.over {
        if logged {
            finalizer::remove(&api, &*hold, FINALIZER).await?;
            if draining {
                return Ok(Action::await_change());
            }
        }
    } else if observed.logged.is_ok() {
        observed.key = key(&observed, &context).await;
    }
    let status = status::status(&hold, &observed, &plan, now);
    kube_api::write_status(&api, &*hold, hold.status.as_ref(), &status).await?;
    events::transition(&context, &hold.object_ref(&()), conditions, &status.conditions).await;
    Ok(Action::requeue(pause(&plan, logged && status.effective, now)))
}

fn pause(plan: &Plan, settled: bool, now: jiff::Timestamp) -> Duration {
    let most = if plan.over || settled { LOOK_AGAIN } else { LOOK_AGAIN_SOON };
    if plan.over {
        return most;
    }
    let left = Duration::try_from(plan.expires_at.duration_since(now)).unwrap_or_default();
    most.min(left + Duration::from_secs(1))
}

/// The hold's key, made once: one that Vault has lost opens none of the copies, and is not made again under its name.
async fn key(observed: &Observed, context: &Context) -> Result<(), KeyProblem> {
    let (tenant, name) = (&observed.tenant, hold_key_name(&observed.id));
    let target = observed.vault.as_ref().map_err(|error| error.clone())?;
    let vault = context.vault.get(target).await?;
    let mount = context.vault.mount(&tenant.spec.namespace);
    let pem = make_once(&vault, &mount, &name, tenant, context).await;
    if matches!(pem, Err(KeyProblem::Vault(VaultError::Denied { .. }))) {
        context.vault.forget(target).await;
    }
    let public = PublicKey::from_pem(&name, &pem?).map_err(|_| VaultError::WrongKind {
        what: format!("the key {mount}/{name}"),
        expected: "an RSA-3072 key".to_owned(),
        found: "another".to_owned(),
    })?;
    let id = key_created_id(&name);
    let entry = KeyCreated { key: name, fingerprint: hex(&public.fingerprint()) }.into();
    context.logs.append(tenant, &[NewEntry { id, at: context.now(), entry }], context).await?;
    Ok(())
}
