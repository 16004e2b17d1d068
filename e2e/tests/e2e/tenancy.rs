//! A tenant's namespace, and an operator that is killed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camerafleet_crds::{Camera, ID_ANNOTATION, MANAGED_LABEL, TENANT_LABEL, Tenant};
use camerafleet_e2e::{
    demo::{OPERATOR_NAMESPACE, TENANT, wait},
    suite::{alone, installed},
};
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{ConfigMap, Namespace, Pod, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;

use crate::support;

#[tokio::test]
async fn the_namespace_is_the_tenants_and_restricted() -> Result<()> {
    let fleet = installed().await?;
    let client = fleet.ground.client.clone();
    let tenant = Api::<Tenant>::all(client.clone()).get(TENANT).await?;
    let namespace = Api::<Namespace>::all(client.clone()).get(TENANT).await?;
    let label = |name: &str| namespace.labels().get(name).map(String::as_str);
    ensure!(label(MANAGED_LABEL) == Some("true") && label(TENANT_LABEL) == Some(TENANT));
    ensure!(label("pod-security.kubernetes.io/enforce") == Some("restricted"));
    ensure!(namespace.annotations().get(ID_ANNOTATION) == tenant.annotations().get(ID_ANNOTATION));
    ensure!(tenant.annotations().get(ID_ANNOTATION) == tenant.uid().as_ref());
    let accounts = Api::<ServiceAccount>::namespaced(client, TENANT);
    for account in ["retention", "disclosure", "prepare", "ingest-0"] {
        accounts.get(account).await.with_context(|| format!("the ServiceAccount {account}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn an_existing_namespace_is_taken_only_with_its_consent() -> Result<()> {
    let fleet = installed().await?;
    let client = fleet.ground.client.clone();
    let namespaces = Api::<Namespace>::all(client.clone());
    let tenants = Api::<Tenant>::all(client.clone());
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some("oak-avenue".into());
    namespaces.create(&PostParams::default(), &namespace).await?;
    let mut spec = tenants.get(TENANT).await?.spec;
    spec.namespace = "oak-avenue".into();
    // The store's users are confined to this folder.
    spec.storage.s3.prefix = Some(TENANT.into());
    tenants.create(&PostParams::default(), &Tenant::new("oak-avenue", spec)).await?;
    let ready = async |wanted: &str| {
        let what = format!("the Tenant says {wanted}");
        wait::until(&what, Duration::from_secs(30), async || {
            let conditions = tenants.get("oak-avenue").await?.status.unwrap_or_default().conditions;
            let ready = conditions.into_iter().find(|c| c.type_ == "Ready");
            Ok(ready.filter(|c| c.reason == wanted))
        })
        .await
    };
    let refused = ready("NamespaceNotOurs").await?;
    ensure!(refused.message.contains("kubectl annotate namespace oak-avenue"), "{}", refused.message);
    let untouched = namespaces.get("oak-avenue").await?;
    ensure!(!untouched.labels().contains_key(TENANT_LABEL), "a namespace was taken without its consent");
    // What the message says is what helps.
    let consent = json!({"metadata": {"annotations": {"camerafleet.io/adopt": "oak-avenue"}}});
    namespaces
        .patch("oak-avenue", &kube::api::PatchParams::default(), &kube::api::Patch::Merge(consent))
        .await?;
    ready("Active").await?;
    support::refused(
        namespaces.delete("oak-avenue", &DeleteParams::default()).await,
        "camerafleet-namespaces",
    )?;
    // It was there before the Tenant, and is there after it, without what the operator made.
    tenants.delete("oak-avenue", &DeleteParams::default()).await?;
    support::tenant_is_gone("oak-avenue", Duration::from_secs(60)).await?;
    let kept = namespaces.get("oak-avenue").await?;
    ensure!(kept.metadata.deletion_timestamp.is_none(), "an adopted namespace goes with its Tenant");
    ensure!(!kept.labels().contains_key(TENANT_LABEL), "the namespace is still the tenant's");
    let ours = ListParams::default().labels(MANAGED_LABEL);
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), "oak-avenue");
    let bindings = Api::<RoleBinding>::namespaced(client.clone(), "oak-avenue");
    let maps = Api::<ConfigMap>::namespaced(client, "oak-avenue");
    wait::until("what the operator made there is gone", Duration::from_secs(30), async || {
        let left = accounts.list(&ours).await?.items.len()
            + bindings.list(&ours).await?.items.len()
            + maps.list(&ours).await?.items.len();
        Ok((left == 0).then_some(()))
    })
    .await?;
    namespaces.delete("oak-avenue", &DeleteParams::default()).await?;
    Ok(())
}

/// The next replica takes over; what was recording is not touched, and what changes meanwhile is done.
#[tokio::test]
async fn a_killed_operator_is_followed_by_the_other_and_nothing_is_written_at_rest() -> Result<()> {
    let fleet = alone().await?;
    let client = fleet.ground.client.clone();
    let leases = Api::<Lease>::namespaced(client.clone(), OPERATOR_NAMESPACE);
    let holder = async || -> Result<Option<String>> {
        let spec = leases.get("camerafleet-operator").await?.spec.unwrap_or_default();
        Ok(spec.holder_identity.filter(|h| !h.is_empty()))
    };
    let first = holder().await?.context("nobody holds the Lease")?;
    let cameras = Api::<Camera>::namespaced(client.clone(), TENANT);
    let before = cameras.get("front-door").await?.status.unwrap_or_default();
    let pods = Api::<Pod>::namespaced(client.clone(), OPERATOR_NAMESPACE);
    pods.delete(&first, &DeleteParams::default().grace_period(0)).await?;
    wait::until("another replica holds the Lease", Duration::from_secs(60), async || {
        Ok(holder().await?.filter(|h| *h != first))
    })
    .await?;
    // It has seen everything once it writes the first thing that it must: a new camera's identity.
    let scratch = Camera::new("lobby", cameras.get("yard").await?.spec);
    cameras.create(&PostParams::default(), &scratch).await?;
    wait::state(&client, "lobby", "Recording", Duration::from_secs(60)).await?;
    cameras.delete("lobby", &DeleteParams::default()).await?;
    let after = cameras.get("front-door").await?.status.unwrap_or_default();
    ensure!(before.conditions == after.conditions, "a restart changed a status: {before:?} {after:?}");
    Ok(())
}
