//! Transparency reports: for each tenant and month a ConfigMap in the tenant's namespace, counted from the disclosure log
//! (`docs/transparency-report.md`).
//!
//! The present month's is kept up to date, the last one's is written for good when it is over. What was read of a log is kept in
//! memory, as far as it can still be counted: each look reads what was logged since, and after a start the disclosures are read
//! once from the log's beginning.

mod gather;
mod plan;
mod resources;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use camerafleet_crds::Tenant;
use camerafleet_footage::{
    ids::TenantId,
    report::{Ledger, Month},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    core::v1::ConfigMap,
    rbac::v1::{Role, RoleBinding},
};
use kube::{Api, ResourceExt, runtime::controller::Action};
use tokio::sync::Mutex as AsyncMutex;

use self::plan::Desired;
use crate::{context::Context, controllers::retention_policy::tenant_of, error::Error, kube_api};

/// A tenant's report is written at most once in so long.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// At the latest after this it is counted again, although nothing was logged: orders get overdue, requests expire.
const COUNT_AGAIN: SignedDuration = SignedDuration::from_mins(10);
/// One look reads for so long, and the next one goes on where it ended.
const READ_LIMIT: Duration = Duration::from_secs(60);

/// What was read of the tenants' logs.
#[derive(Clone, Default)]
pub struct Reports(Arc<Mutex<HashMap<TenantId, Arc<AsyncMutex<Known>>>>>);

/// What was read of a log.
#[derive(Default)]
struct Known {
    ledger: Ledger,
    /// What the last look that came to its end looked at: the log's newest checkpoint, and the Tenant's generation.
    seen: Option<(String, Option<i64>)>,
    at: Timestamp,
}

impl Reports {
    fn of(&self, id: &TenantId, context: &Context) -> Arc<AsyncMutex<Known>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(id) {
            let tenants = context.index.tenants.state();
            let ids: Vec<_> = tenants.iter().filter_map(|tenant| crate::identity::of(&**tenant)).collect();
            all.retain(|known, _| ids.contains(&known.as_str()));
        }
        Arc::clone(all.entry(id.clone()).or_default())
    }
}

/// One reconciliation.
pub async fn reconcile(
    tenant: Arc<Tenant>,
    context: Arc<Context>,
    reports: Reports,
) -> Result<Action, Error> {
    let namespace = tenant.spec.namespace.clone();
    let bound = tenant_of(&namespace, &context).filter(|(bound, _)| bound.uid() == tenant.uid());
    let there = context.index.namespaces.find(|one| one.name_any() == namespace);
    let goes = there.is_none_or(|one| one.metadata.deletion_timestamp.is_some());
    let (Some((tenant, id)), false) = (bound, goes) else { return Ok(Action::requeue(LOOK_AGAIN)) };
    // The Tenant's own pipeline opens the log and says why it is not open.
    let Some(note) = context.logs.newest(&tenant).await else { return Ok(Action::requeue(LOOK_AGAIN)) };
    let known = reports.of(&id, &context);
    let mut known = known.lock().await;
    let now = context.now();
    let seen = Some((note, tenant.metadata.generation));
    if known.seen == seen && now.duration_since(known.at) < COUNT_AGAIN {
        return Ok(Action::requeue(LOOK_AGAIN));
    }
    let observed = gather::observe(&tenant, &context).await?;
    if plan::is_forgotten(&known.ledger, &observed, now) {
        known.ledger = Ledger::default();
    }
    let checkpoint = match gather::read(&mut known.ledger, &tenant, &context).await {
        Ok(checkpoint) => checkpoint,
        Err(problem) => {
            tracing::debug!(tenant = tenant.name_any(), %problem, "the transparency report waits for the log");
            return Ok(Action::requeue(LOOK_AGAIN));
        }
    };
    let desired = plan::plan(&tenant, &known.ledger, &checkpoint, &observed, now)?;
    apply(desired, &namespace, &context).await?;
    // The last month's may still be to be written for good.
    known.ledger.forget(Month::of(now).back(1));
    (known.seen, known.at) = (seen, now);
    Ok(Action::requeue(LOOK_AGAIN))
}

async fn apply(desired: Desired, namespace: &str, context: &Context) -> Result<(), Error> {
    // Without `..`: what is new cannot be forgotten.
    let Desired { maps, role, binding } = desired;
    let client = &context.client;
    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    for map in &maps {
        kube_api::apply(&config_maps, map).await?;
    }
    if let Some(role) = role {
        kube_api::apply(&Api::<Role>::namespaced(client.clone(), namespace), &role).await?;
    }
    if let Some(binding) = binding {
        kube_api::apply(&Api::<RoleBinding>::namespaced(client.clone(), namespace), &binding).await?;
    }
    Ok(())
}

/// What selects all that is made for the reports of a namespace.
fn selector() -> String {
    let (key, value) = camerafleet_footage::report::COMPONENT;
    format!("{key}={value}")
}
