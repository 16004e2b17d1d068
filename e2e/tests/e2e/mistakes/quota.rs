//! More than the platform's team gave.

use anyhow::{Result, ensure};
use camerafleet_e2e::suite::installed;
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::{Api, api::DeleteParams};
use serde_json::json;

use super::Scratch;

#[tokio::test]
async fn a_camera_beyond_the_quota_is_told_and_the_recorded_one_goes_on() -> Result<()> {
    let fleet = installed().await?;
    let scratch = Scratch::new(&fleet, "quota-row", |tenant| {
        tenant.spec.quota.cameras = Some(1);
        tenant.spec.quota.ingest_cpu =
            Some(k8s_openapi::apimachinery::pkg::api::resource::Quantity("1".to_owned()));
    })
    .await?;
    let front = scratch.fixture("front-door")?;
    scratch.password("door", "camerafleet.io/camera", &front.password).await?;
    let source = json!({"url": front.url, "credentialsSecretRef": {"name": "door"}});
    scratch.camera("first", json!({"source": source})).await?;
    // The recorder runs within the bound on what it may ask for.
    scratch.camera_says("first", "Recording").await?;
    let quotas = Api::<ResourceQuota>::namespaced(scratch.client.clone(), scratch.name);
    let quota = quotas.get("camerafleet").await?.spec.and_then(|spec| spec.hard).unwrap_or_default();
    ensure!(quota.get("requests.cpu").is_some_and(|cpu| cpu.0 == "3"), "{quota:?}");

    // By name it would come first.
    scratch.camera("another", json!({"source": source})).await?;
    let said = scratch.camera_says("another", "QuotaExceeded").await?;
    ensure!(said.contains("spec.quota.cameras"), "{said}");
    scratch.one_event("another", "QuotaExceeded").await?;
    scratch.camera_says("first", "Recording").await?;

    scratch.cameras().delete("first", &DeleteParams::default()).await?;
    scratch.camera_says("another", "Recording").await?;
    scratch.end(&[&front.password]).await
}
