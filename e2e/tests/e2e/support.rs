//! What several tests need.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camerafleet_crds::Tenant;
use camerafleet_e2e::{demo::wait, suite::find};
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
    core::v1::Namespace,
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};

/// A client that acts as a ServiceAccount: an administrator may act as anyone.
pub async fn as_account(namespace: &str, name: &str) -> Result<Client> {
    let path = find().await?.ground.kubeconfig.context("the suite's cluster has a kubeconfig")?;
    let mut config =
        Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default()).await?;
    config.auth_info.impersonate = Some(format!("system:serviceaccount:{namespace}:{name}"));
    let groups = ["system:authenticated", "system:serviceaccounts"].map(str::to_owned);
    let own = format!("system:serviceaccounts:{namespace}");
    config.auth_info.impersonate_groups = Some(groups.into_iter().chain([own]).collect());
    Ok(Client::try_from(config)?)
}

/// Deletes a Tenant on which no footage depends, and waits until it and its namespace are gone.
pub async fn delete_tenant(name: &str) -> Result<()> {
    let client = find().await?.ground.client;
    let tenants = Api::<Tenant>::all(client.clone());
    tenants.delete(name, &DeleteParams::default()).await?;
    tenant_is_gone(name, Duration::from_secs(90)).await?;
    let namespace = Api::<Namespace>::all(client).get_opt(name).await?;
    ensure!(namespace.is_none(), "the Tenant {name} is gone, and its namespace is left");
    Ok(())
}

/// Waits until a deleted Tenant is gone.
pub async fn tenant_is_gone(name: &str, limit: Duration) -> Result<()> {
    let tenants = Api::<Tenant>::all(find().await?.ground.client);
    wait::until(&format!("the Tenant {name} is gone"), limit, async || {
        Ok(tenants.get_opt(name).await?.is_none().then_some(()))
    })
    .await
}

/// Whether the API server lets a user do something to a kind of this project's in a namespace.
pub async fn may(user: &str, verb: &str, group: &str, resource: &str, namespace: &str) -> Result<bool> {
    let client = find().await?.ground.client;
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.to_owned()),
            resource_attributes: Some(ResourceAttributes {
                verb: Some(verb.to_owned()),
                group: Some(group.to_owned()),
                resource: Some(resource.to_owned()),
                namespace: Some(namespace.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let answer = Api::all(client).create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// That an answer is a policy's refusal.
pub fn refused<T>(result: kube::Result<T>, policy: &str) -> Result<()> {
    let error = result.err().with_context(|| format!("{policy} let it through"))?;
    let by = format!("ValidatingAdmissionPolicy '{policy}'");
    ensure!(error.to_string().contains(&by), "not refused by {policy}: {error}");
    Ok(())
}
