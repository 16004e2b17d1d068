//! What the operator made is gone when its owner is, except footage within its date.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camerafleet_crds::{ID_ANNOTATION, Tenant};
use camerafleet_e2e::{
    demo::{TENANT, Vaulted, wait},
    suite::installed,
};
use camerafleet_footage::{ids::TenantId, layout, vault::VaultError};
use futures::TryStreamExt;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Namespace, Pod, Secret, ServiceAccount},
        rbac::v1::{Role, RoleBinding},
    },
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams},
};
use object_store::{ObjectStore, path::Path};
use serde_json::json;

use crate::{
    mistakes::{MINUTE, Scratch},
    support,
};

const RECORDER: &str = "camerafleet.io/component=ingest";

/// How many objects of a kind are the recorders'.
async fn recorders<K>(client: &Client, namespace: &str) -> Result<usize>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let api = Api::<K>::namespaced(client.clone(), namespace);
    Ok(api.list(&ListParams::default().labels(RECORDER)).await?.items.len())
}

async fn declare(scratch: &Scratch<'_>, camera: &str) -> Result<()> {
    let door = scratch.fixture("front-door")?;
    scratch.password(camera, "camerafleet.io/camera", &door.password).await?;
    let source = json!({"url": door.url, "credentialsSecretRef": {"name": camera}});
    scratch.camera(camera, json!({"source": source, "retentionPolicyRef": {"name": "brief"}})).await
}

/// The whole life of a tenant: two cameras, one goes, the other goes, the tenant goes.
#[tokio::test]
async fn everything_goes_with_its_owner_and_footage_at_its_date() -> Result<()> {
    const NAME: &str = "maple-court";
    let fleet = installed().await?;
    let vaulted = Vaulted::open(&fleet).await?;
    let scratch = Scratch::new(&fleet, NAME, |tenant| {
        tenant.spec.ingest.spool.max_age = camerafleet_crds::Span::minutes(1);
    })
    .await?;
    let client = &scratch.client;
    scratch
        .apply(&json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": "RetentionPolicy",
            "metadata": {"name": "brief", "namespace": NAME},
            "spec": {"keepFor": "1m", "keyEpoch": "1m", "schedule": "* * * * *"}}))
        .await?;
    declare(&scratch, "door").await?;
    declare(&scratch, "hall").await?;
    scratch.camera_says("door", "Recording").await?;
    scratch.camera_says("hall", "Recording").await?;

    // One camera goes: its password leaves the recorder, which goes on with the other.
    let door = scratch.cameras().get("door").await?;
    let door = door.annotations().get(ID_ANNOTATION).context("the camera has no id")?;
    let pods = Api::<Pod>::namespaced(client.clone(), NAME);
    let pod = pods.list(&ListParams::default().labels(RECORDER)).await?.items.pop().context("no recorder")?;
    scratch.cameras().delete("door", &DeleteParams::default()).await?;
    wait::until("the recorder has no password of the camera", MINUTE, async || {
        let secret = scratch.shard_secret().await?.context("the recorder has no Secret")?;
        let still = secret.data.unwrap_or_default().keys().any(|key| key.contains(door.as_str()));
        Ok((!still).then_some(()))
    })
    .await?;
    scratch.camera_says("hall", "Recording").await?;
    ensure!(pods.get(&pod.name_any()).await?.uid() == pod.uid(), "the recorder was replaced");

    // The tenant goes: nothing is recorded, and what was is kept for its minute.
    let tenants = Api::<Tenant>::all(client.clone());
    let id = tenants.get(NAME).await?.annotations().get(ID_ANNOTATION).cloned();
    let id = TenantId::parse(id.context("the Tenant has no id")?)?;
    let root = vaulted.store_as(&fleet, &fleet.fixtures.s3.root)?;
    let footage = Path::from(layout::footage_prefix(TENANT, &id));
    tenants.delete(NAME, &DeleteParams::default()).await?;
    scratch.tenant_says("Draining").await?;
    scratch.camera_says("hall", "TenantDraining").await?;
    let kept: Vec<_> = root.list(Some(&footage)).try_collect().await?;
    ensure!(!kept.is_empty(), "the footage went with the Tenant, before its date");
    wait::until("the recorders are gone", MINUTE, async || {
        let left = recorders::<Deployment>(client, NAME).await?
            + recorders::<Pod>(client, NAME).await?
            + recorders::<Secret>(client, NAME).await?
            + recorders::<ConfigMap>(client, NAME).await?
            + recorders::<ServiceAccount>(client, NAME).await?
            + recorders::<Role>(client, NAME).await?
            + recorders::<RoleBinding>(client, NAME).await?;
        Ok((left == 0).then_some(()))
    })
    .await?;

    // A minute of epoch, one of keeping, and the runs of the job after them.
    support::tenant_is_gone(NAME, Duration::from_secs(6 * 60)).await?;
    ensure!(Api::<Namespace>::all(client.clone()).get_opt(NAME).await?.is_none(), "its namespace is left");
    let left: Vec<_> = root.list(Some(&footage)).try_collect().await?;
    ensure!(left.is_empty(), "footage is left: {left:?}");
    let keys = match vaulted.vault().list_keys(&format!("camerafleet/{NAME}")).await {
        Err(VaultError::NoSuchMount { .. }) => Vec::new(),
        keys => keys?,
    };
    let left: Vec<_> = keys.iter().filter(|name| name.contains('-')).collect();
    ensure!(left.is_empty(), "cameras' or epochs' keys are left: {left:?}");
    Ok(())
}
