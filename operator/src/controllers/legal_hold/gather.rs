//! All that a hold's status needs to know.

use std::sync::Arc;

use camerafleet_crds::{LegalHold, Tenant};
use camerafleet_footage::{
    hold::{HoldReport, hold_report_key},
    ids::{HoldId, PolicyId, TenantId},
    vault::VaultError,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::ResourceExt;
use object_store::{ObjectStoreExt as _, path::Path};

use crate::{
    config::CALL_TIMEOUT,
    context::Context,
    controllers::{
        ingest::vault_target,
        retention_policy::{TenantStore, read_store, tenant_of},
    },
    error::Error,
    identity,
    keys::KeyProblem,
    log::LogProblem,
    vault::Target,
    watch::in_namespace,
};

/// Reports are read at so many places at once.
const CONCURRENCY: usize = 8;

/// What was seen, and what was done.
pub struct Observed {
    /// Whose hold it is.
    pub tenant: Arc<Tenant>,
    /// The hold's identity.
    pub id: HoldId,
    /// The tenant's Vault.
    pub vault: Result<Target, VaultError>,
    /// What each policy's job has reported; none where it has not yet.
    pub reports: Result<Vec<Option<HoldReport>>, String>,
    /// Whether the log has it.
    pub logged: Result<(), LogProblem>,
    /// Whether it has a key.
    pub key: Result<(), KeyProblem>,
}

/// Reads it; none while the namespace is no tenant's.
pub async fn gather(hold: &LegalHold, context: &Context) -> Result<Option<Observed>, Error> {
    let Some(namespace) = hold.namespace() else { return Ok(None) };
    let Some((tenant, tenant_id)) = tenant_of(&namespace, context) else { return Ok(None) };
    let Some(id) = identity::of(hold).and_then(|id| HoldId::parse(id).ok()) else { return Ok(None) };
    let reports = match read_store(&tenant, context).await? {
        Ok(store) => {
            let policies = in_namespace(&context.index.retention_policies, &namespace);
            let policies =
                policies.iter().filter_map(|policy| PolicyId::parse(identity::of(&**policy)?).ok());
            read(&store, &tenant_id, &id, policies.collect()).await
        }
        Err(verdict) => Err(verdict.message),
    };
    Ok(Some(Observed {
        vault: vault_target(&tenant, context).await,
        tenant,
        id,
        reports,
        logged: Err(LogProblem::NotOpen),
        key: Err(LogProblem::NotOpen.into()),
    }))
}

async fn read(
    store: &TenantStore,
    tenant: &TenantId,
    hold: &HoldId,
    policies: Vec<PolicyId>,
) -> Result<Vec<Option<HoldReport>>, String> {
    let reading = stream::iter(policies)
        .map(|policy| async move { report(store, tenant, hold, &policy).await })
        .buffered(CONCURRENCY)
        .try_collect();
    match tokio::time::timeout(CALL_TIMEOUT, reading).await {
        Ok(Ok(reports)) => Ok(reports),
        Ok(Err(error)) => {
            tracing::warn!(%hold, %error, "cannot read what was copied for a hold");
            Err("The store refused or did not answer; the operator's log has the details.".to_owned())
        }
        Err(_) => Err("The store did not answer in time.".to_owned()),
    }
}

/// A policy's report of a hold. One that cannot be read counts as none.
pub async fn report(
    store: &TenantStore,
    tenant: &TenantId,
    hold: &HoldId,
    policy: &PolicyId,
) -> object_store::Result<Option<HoldReport>> {
    let key = hold_report_key(&store.config.prefix, tenant, hold, policy);
    let path = Path::parse(key).map_err(|source| object_store::Error::InvalidPath { source })?;
    let read = async { store.client.get(&path).await?.bytes().await };
    match read.await {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
