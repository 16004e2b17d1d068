//! Does what was planned, in the order in which one thing needs the other.

use camerafleet_crds::Tenant;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Secret, ServiceAccount},
    rbac::v1::{Role, RoleBinding},
};
use kube::Api;

use super::{
    gather::Observed,
    plan::{Planned, Recorder},
    resources,
};
use crate::{context::Context, error::Error, kube_api};

/// Does it.
pub async fn apply(
    planned: &Planned,
    tenant: &Tenant,
    observed: &Observed,
    context: &Context,
) -> Result<(), Error> {
    let client = &context.client;
    let namespace = &tenant.spec.namespace;
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    let roles = Api::<Role>::namespaced(client.clone(), namespace);
    let bindings = Api::<RoleBinding>::namespaced(client.clone(), namespace);
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let deployments = Api::<Deployment>::namespaced(client.clone(), namespace);

    let config = match &planned.recorder {
        Recorder::Told(config) => config,
        Recorder::LeftAlone => return Ok(()),
        Recorder::Gone => {
            // From the outside in: a pod that stops still needs what it runs on.
            let selector = resources::selector();
            kube_api::prune(&deployments, &selector, &[]).await?;
            kube_api::prune(&config_maps, &selector, &[]).await?;
            kube_api::prune(&secrets, &selector, &[]).await?;
            kube_api::prune(&bindings, &selector, &[]).await?;
            kube_api::prune(&roles, &selector, &[]).await?;
            return kube_api::prune(&accounts, &selector, &[]).await;
        }
    };
    kube_api::apply(&accounts, &resources::account(tenant)).await?;
    kube_api::apply(&roles, &resources::role(tenant)).await?;
    kube_api::apply(&bindings, &resources::binding(tenant)).await?;
    // The Secret first: a camera in the configuration finds its password there.
    kube_api::apply(&secrets, &resources::secret(tenant, config, observed)).await?;
    kube_api::apply(&config_maps, &resources::config_map(tenant, config)?).await?;
    kube_api::apply(&deployments, &resources::deployment(tenant, &context.args)?).await?;
    Ok(())
}
