//! Does what was planned, in the order in which one thing needs the other.

use camerafleet_crds::Tenant;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Secret, ServiceAccount},
    rbac::v1::{Role, RoleBinding},
};
use kube::Api;

use super::{
    gather::{Observed, SHARD},
    plan::Planned,
    resources,
};
use crate::{context::Context, error::Error, kube_api};

/// Does it. Without a configuration what runs is left as it is: it goes on with what it was told.
pub async fn apply(
    planned: &Planned,
    tenant: &Tenant,
    observed: &Observed,
    context: &Context,
) -> Result<(), Error> {
    let Some(config) = &planned.config else { return Ok(()) };
    let client = &context.client;
    let namespace = &tenant.spec.namespace;
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    let roles = Api::<Role>::namespaced(client.clone(), namespace);
    let bindings = Api::<RoleBinding>::namespaced(client.clone(), namespace);
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let deployments = Api::<Deployment>::namespaced(client.clone(), namespace);

    // A camera that nobody wants any more takes its shard with it, from the outside in.
    let wanted: &[&str] = if config.cameras.is_empty() { &[] } else { &[SHARD] };
    if wanted.is_empty() {
        let selector = resources::selector();
        kube_api::prune(&deployments, &selector, wanted).await?;
        kube_api::prune(&config_maps, &selector, wanted).await?;
        kube_api::prune(&secrets, &selector, wanted).await?;
        kube_api::prune(&bindings, &selector, wanted).await?;
        kube_api::prune(&roles, &selector, wanted).await?;
        return kube_api::prune(&accounts, &selector, wanted).await;
    }
    kube_api::apply(&accounts, &resources::account(tenant)).await?;
    kube_api::apply(&roles, &resources::role(tenant)).await?;
    kube_api::apply(&bindings, &resources::binding(tenant)).await?;
    // The Secret first: a camera in the configuration finds its password there.
    kube_api::apply(&secrets, &resources::secret(tenant, config, observed)).await?;
    kube_api::apply(&config_maps, &resources::config_map(tenant, config)?).await?;
    kube_api::apply(&deployments, &resources::deployment(tenant, &context.args)?).await?;
    Ok(())
}
