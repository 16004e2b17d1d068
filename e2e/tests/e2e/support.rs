//! What several tests need.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camerafleet_e2e::{
    demo::{OPERATOR_NAMESPACE, wait},
    suite::find,
};
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
    core::v1::Namespace,
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;

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

/// Deletes a tenant's namespace as the operator, which alone may, and waits until it is gone. The chart gives the operator
/// no right to it yet: it has it for as long as this takes.
pub async fn delete_namespace(name: &str) -> Result<()> {
    let administrator = find().await?.ground.client;
    let right = format!("e2e-deletes-{name}");
    let roles = Api::<ClusterRole>::all(administrator.clone());
    let bindings = Api::<ClusterRoleBinding>::all(administrator.clone());
    let role = json!({
        "metadata": {"name": right},
        "rules": [{"apiGroups": [""], "resources": ["namespaces"], "resourceNames": [name], "verbs": ["delete"]}],
    });
    let binding = json!({
        "metadata": {"name": right},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": right},
        "subjects": [{"kind": "ServiceAccount", "name": "camerafleet-operator", "namespace": OPERATOR_NAMESPACE}],
    });
    roles.create(&PostParams::default(), &serde_json::from_value(role)?).await?;
    bindings.create(&PostParams::default(), &serde_json::from_value(binding)?).await?;
    let operator = Api::<Namespace>::all(as_account(OPERATOR_NAMESPACE, "camerafleet-operator").await?);
    let what = format!("the operator may delete the namespace {name}, and it is gone");
    let gone = wait::until(&what, Duration::from_secs(90), async || {
        match operator.delete(name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Some(())),
            // It is on its way, or the right to it is.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(None),
        }
    })
    .await;
    bindings.delete(&right, &DeleteParams::default()).await?;
    roles.delete(&right, &DeleteParams::default()).await?;
    gone
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
