//! Does what was planned, in the order in which one thing needs the other.

use camerafleet_crds::Tenant;
use camerafleet_footage::vault::VaultError;
use k8s_openapi::api::{
    core::v1::{Namespace, ResourceQuota, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{Api, ResourceExt};

use super::{
    gather::Observed,
    network,
    plan::{Ownership, Plan},
    quota, resources,
};
use crate::{context::Context, controllers::ingest, error::Error, kube_api, log::LogProblem};

/// What Vault said of the tenant's mount; `None` if it was not asked.
pub struct Done {
    /// The mount is there, or why not.
    pub vault: Option<Result<(), VaultError>>,
    /// The log is open, or why not; `None` if it was not tried.
    pub log: Option<Result<(), LogProblem>>,
}

/// Does it.
pub async fn apply(
    plan: &Plan,
    tenant: &Tenant,
    observed: &Observed,
    context: &Context,
) -> Result<Done, Error> {
    let Plan::Bind { namespace } = plan else { return Ok(Done { vault: None, log: None }) };
    let client = &context.client;
    let name = &tenant.spec.namespace;
    if *namespace == Ownership::Absent {
        tracing::info!(namespace = name, "creating the tenant's namespace");
    }
    kube_api::apply(&Api::<Namespace>::all(client.clone()), &resources::namespace(tenant)).await?;
    let operator = (context.args.namespace.as_str(), context.args.service_account.as_str());
    let binding = resources::operator_binding(tenant, &context.args.tenant_cluster_role, operator);
    let bindings = Api::<RoleBinding>::namespaced(client.clone(), name);
    kube_api::apply(&bindings, &binding).await?;
    members(tenant, &bindings).await?;
    // Before there are pods.
    let policies = Api::<NetworkPolicy>::namespaced(client.clone(), name);
    for policy in network::policies(tenant, &observed.around)? {
        kube_api::apply(&policies, &policy).await?;
    }
    let quotas = Api::<ResourceQuota>::namespaced(client.clone(), name);
    match quota::quota(tenant) {
        Some(quota) => drop(kube_api::apply(&quotas, &quota).await?),
        None => {
            kube_api::prune(&quotas, &format!("{}={}", quota::COMPONENT.0, quota::COMPONENT.1), &[]).await?
        }
    }
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), name);
    for account in resources::JOB_ACCOUNTS {
        kube_api::apply(&accounts, &resources::job_account(tenant, account)).await?;
    }
    context.router.watch_secrets(name);
    let vault = mount(tenant, context).await;
    // Its key is in the mount. What is wrong with it is a condition: recording goes on without it.
    let log = match vault {
        Ok(()) => Some(context.logs.check(tenant, context).await),
        Err(_) => None,
    };
    Ok(Done { vault: Some(vault), log })
}

/// Binds members' roles, and takes back what is no longer given.
async fn members(tenant: &Tenant, bindings: &Api<RoleBinding>) -> Result<(), Error> {
    let wanted = resources::member_bindings(tenant);
    let names: Vec<String> = wanted.iter().map(ResourceExt::name_any).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // First what must go: a person who lost a role shall not keep it because another one's binding fails.
    let (key, value) = resources::MEMBERS;
    kube_api::prune(bindings, &format!("{key}={value}"), &names).await?;
    for binding in &wanted {
        kube_api::apply(bindings, binding).await?;
    }
    Ok(())
}

/// Vault's answer is a condition, not an error: the rest of the tenant goes on without it.
async fn mount(tenant: &Tenant, context: &Context) -> Result<(), VaultError> {
    let target = ingest::vault_target(tenant, context).await?;
    let vault = context.vault.get(&target).await?;
    let result = vault.ensure_transit_mount(&context.vault.mount(&tenant.spec.namespace)).await;
    if matches!(result, Err(VaultError::Denied { .. })) {
        context.vault.forget(&target).await;
    }
    result
}
