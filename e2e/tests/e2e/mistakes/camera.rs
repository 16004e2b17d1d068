//! Mistakes in a Camera and its Secret.

use std::{
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Result, ensure};
use camerafleet_e2e::{demo::wait, fixtures, instance::Instance, suite::installed};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::{Api, api::DeleteParams};
use serde_json::json;
use tokio::net::TcpListener;

use super::{MINUTE, Scratch};

#[tokio::test]
async fn a_url_with_a_password_is_refused_with_the_way_to_do_it() -> Result<()> {
    let fleet = installed().await?;
    let scratch = Scratch::new(&fleet, "mistake-url", |_| {}).await?;
    let refused =
        scratch.camera("a", json!({"source": {"url": "rtsp://me:opensesame@198.51.100.7/s"}})).await;
    let text = format!("{:#}", refused.err().map_or_else(String::new, |e| format!("{e:#}")));
    ensure!(text.contains("credentialsSecretRef"), "the refusal does not help: {text}");
    scratch.end(&[]).await
}

#[tokio::test]
async fn an_unknown_policy_and_none_at_all() -> Result<()> {
    let fleet = installed().await?;
    let scratch = Scratch::new(&fleet, "mistake-policy", |_| {}).await?;
    let door = scratch.fixture("front-door")?;
    scratch.password("door", "camerafleet.io/camera", &door.password).await?;
    let source = json!({"url": door.url, "credentialsSecretRef": {"name": "door"}});
    scratch.camera("unknown", json!({"source": source, "retentionPolicyRef": {"name": "forever"}})).await?;
    scratch.camera("none", json!({"source": source, "retentionPolicyRef": null})).await?;
    let message = scratch.camera_says("unknown", "NoRetentionPolicy").await?;
    ensure!(message.contains("forever") && message.contains("create it"), "{message}");
    let message = scratch.camera_says("none", "NoRetentionPolicy").await?;
    ensure!(message.contains("retentionPolicyRef"), "{message}");
    scratch.one_event("unknown", "NoRetentionPolicy").await?;
    scratch.one_event("none", "NoRetentionPolicy").await?;
    for camera in ["unknown", "none"] {
        scratch.patch(camera, json!({"retentionPolicyRef": {"name": "standard"}})).await?;
        scratch.camera_says(camera, "Recording").await?;
    }
    let password = door.password.clone();
    scratch.end(&[&password]).await
}

#[tokio::test]
async fn a_wrong_password() -> Result<()> {
    let fleet = installed().await?;
    let scratch = Scratch::new(&fleet, "mistake-password", |_| {}).await?;
    let door = scratch.fixture("front-door")?;
    let wrong = "not/the@password:9f31";
    scratch.password("door", "camerafleet.io/camera", wrong).await?;
    scratch
        .camera("door", json!({"source": {"url": door.url, "credentialsSecretRef": {"name": "door"}}}))
        .await?;
    let message = scratch.camera_says("door", "Unauthorized").await?;
    ensure!(message.contains("correct the Secret"), "{message}");
    scratch.one_event("door", "Unauthorized").await?;
    scratch.password("door", "camerafleet.io/camera", &door.password).await?;
    scratch.camera_says("door", "Recording").await?;
    let password = door.password.clone();
    scratch.end(&[wrong, &password]).await
}

#[tokio::test]
async fn a_secret_of_the_wrong_type_is_never_sent_anywhere() -> Result<()> {
    let fleet = installed().await?;
    let scratch = Scratch::new(&fleet, "mistake-secret", |_| {}).await?;
    let door = scratch.fixture("front-door")?;
    let stray = "somebody-elses-7c1e";
    scratch.password("door", "Opaque", stray).await?;
    scratch
        .camera("door", json!({"source": {"url": door.url, "credentialsSecretRef": {"name": "door"}}}))
        .await?;
    let message = scratch.camera_says("door", "CredentialsMissing").await?;
    ensure!(message.contains("type camerafleet.io/camera"), "{message}");
    scratch.one_event("door", "CredentialsMissing").await?;
    let copied = scratch.shard_secret().await?.map(|s| format!("{:?}", s.data)).unwrap_or_default();
    ensure!(!copied.contains(stray), "the Secret was copied");
    // A Secret's type cannot change: the right one takes its place.
    let secrets = Api::<Secret>::namespaced(scratch.client.clone(), scratch.name);
    secrets.delete("door", &DeleteParams::default()).await?;
    scratch.password("door", "camerafleet.io/camera", &door.password).await?;
    scratch.camera_says("door", "Recording").await?;
    scratch.end(&[stray]).await
}

#[tokio::test]
async fn a_camera_outside_the_tenants_networks() -> Result<()> {
    let fleet = installed().await?;
    let scratch = Scratch::new(&fleet, "mistake-network", |_| {}).await?;
    let door = scratch.fixture("front-door")?;
    scratch.password("door", "camerafleet.io/camera", &door.password).await?;
    let reference = json!({"name": "door"});
    scratch
        .camera(
            "door",
            json!({"source": {"url": "rtsp://192.0.2.9/stream", "credentialsSecretRef": reference}}),
        )
        .await?;
    let message = scratch.camera_says("door", "OutsideCameraNetworks").await?;
    ensure!(message.contains("cameraNetworks"), "{message}");
    scratch.one_event("door", "OutsideCameraNetworks").await?;
    scratch.patch("door", json!({"source": {"url": door.url}})).await?;
    scratch.camera_says("door", "Recording").await?;
    scratch.end(&[]).await
}

/// A camera inside the networks that sends its readers elsewhere: nobody goes there.
#[tokio::test]
async fn a_camera_that_redirects_is_not_followed() -> Result<()> {
    let fleet = installed().await?;
    // Where it points: this machine's end of the cluster's link, where we listen.
    let listener = TcpListener::bind((Instance::Test.host_address(), 0)).await?;
    let elsewhere = format!("rtsp://{}/stream", listener.local_addr()?);
    let visitors = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visitors);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let pods = Api::<Pod>::namespaced(fleet.ground.client.clone(), fixtures::NAMESPACE);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "camera-redirect"}, "spec": {
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "camera", "image": fleet.ground.images.fixtures,
            "command": ["rtsp-camera", "-address", ":8554", "-redirect", elsewhere],
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}});
    pods.create(&kube::api::PostParams::default(), &serde_json::from_value(pod)?).await?;
    let address = wait::until("the redirecting camera has an address", MINUTE, async || {
        let status = pods.get("camera-redirect").await?.status.unwrap_or_default();
        Ok(status.pod_ip.filter(|_| status.phase.as_deref() == Some("Running")))
    })
    .await?;
    let network = format!("{address}/32");
    let scratch = Scratch::new(&fleet, "mistake-redirect", |tenant| {
        tenant.spec.camera_networks = serde_json::from_value(json!([network])).unwrap_or_default();
    })
    .await?;
    scratch.camera("door", json!({"source": {"url": format!("rtsp://{address}:8554/stream")}})).await?;
    let message = scratch.camera_says("door", "Unreachable").await?;
    ensure!(message.contains("redirect"), "{message}");
    scratch.one_event("door", "Unreachable").await?;
    ensure!(visitors.load(Ordering::Relaxed) == 0, "the redirect was followed");
    // Put right: the address that really is the camera, within the networks.
    let door = scratch.fixture("front-door")?;
    let networks = json!({"spec": {"cameraNetworks": door.networks}});
    let tenants = Api::<camerafleet_crds::Tenant>::all(scratch.client.clone());
    tenants
        .patch(scratch.name, &kube::api::PatchParams::default(), &kube::api::Patch::Merge(networks))
        .await?;
    scratch.password("door", "camerafleet.io/camera", &door.password).await?;
    scratch
        .patch("door", json!({"source": {"url": door.url, "credentialsSecretRef": {"name": "door"}}}))
        .await?;
    scratch.camera_says("door", "Recording").await?;
    pods.delete("camera-redirect", &DeleteParams::default()).await?;
    scratch.end(&[]).await
}
