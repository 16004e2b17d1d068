//! The main job: cameras are recorded, what is stored is sealed, and it opens with both keys and not without.

use std::time::Duration;

use anyhow::{Result, ensure};
use camerafleet_crds::{Camera, RetentionPolicy};
use camerafleet_e2e::{
    demo::{TENANT, Vaulted, recorder_cannot_read, wait},
    suite::installed,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

/// Segments of `examples/` are 10 s long; a change is seen in the next but one at the latest.
const CHANGE: Duration = Duration::from_secs(60);

async fn patch(api: &Api<Camera>, name: &str, spec: Value) -> Result<()> {
    api.patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": spec}))).await?;
    Ok(())
}

#[tokio::test]
async fn each_camera_is_stored_sealed_and_opens_to_what_it_sent() -> Result<()> {
    let installed = installed().await?;
    let vaulted = Vaulted::open(&installed).await?;
    for (camera, codec, width, height) in [("front-door", "h264", 1280, 720), ("yard", "hevc", 1280, 720)] {
        let segment = vaulted.wait_for_segment(&installed, camera).await?;
        let clip = vaulted.clip(&segment).await?;
        ensure!(clip.codec == codec, "{clip:?}");
        ensure!((clip.width, clip.height) == (width, height), "{clip:?}");
        ensure!(clip.audio.is_none(), "sound was recorded without being asked for: {clip:?}");
        ensure!((1.0..20.0).contains(&clip.duration), "{clip:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_recorder_holds_nothing_that_opens_what_it_wrote() -> Result<()> {
    let installed = installed().await?;
    let vaulted = Vaulted::open(&installed).await?;
    let lines = recorder_cannot_read(&installed, &vaulted).await?;
    ensure!(lines.len() == 4, "{lines:?}");
    Ok(())
}

#[tokio::test]
async fn a_segment_changed_by_one_bit_does_not_open() -> Result<()> {
    let installed = installed().await?;
    let vaulted = Vaulted::open(&installed).await?;
    let segment = vaulted.wait_for_segment(&installed, "front-door").await?;
    let sealed = vaulted.sealed(&segment).await?;
    vaulted.unseal(&segment.name, &sealed).await?;
    for at in [100, 1500, sealed.len() / 2, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        ensure!(vaulted.unseal(&segment.name, &changed).await.is_err(), "a flipped bit at {at} was not seen");
    }
    Ok(())
}

/// Sound is recorded when asked for, and no longer when no longer; the other camera is not restarted by it.
#[tokio::test]
async fn audio_follows_the_spec_and_other_cameras_do_not_notice() -> Result<()> {
    let installed = installed().await?;
    let vaulted = Vaulted::open(&installed).await?;
    let client = &installed.ground.client;
    let cameras = Api::<Camera>::namespaced(client.clone(), TENANT);
    scratch(&cameras, "porch", "front-door", |_| {}).await?;
    wait::state(client, "porch", "Recording", CHANGE).await?;
    let pods = recorder_pods(client).await?;
    let other = newest_stream(&vaulted, &installed, "yard").await?;
    patch(&cameras, "porch", json!({"audio": "Enabled"})).await?;
    wait::until("a segment with sound is stored", CHANGE, async || {
        let newest = vaulted.segments(&installed, "porch").await?.pop();
        let Some(newest) = newest else { return Ok(None) };
        Ok(vaulted.clip(&newest).await?.audio.filter(|codec| codec == "aac"))
    })
    .await?;
    patch(&cameras, "porch", json!({"audio": null})).await?;
    wait::until("a segment without sound is stored", CHANGE, async || {
        let newest = vaulted.segments(&installed, "porch").await?.pop();
        let Some(newest) = newest else { return Ok(None) };
        Ok(vaulted.clip(&newest).await?.audio.is_none().then_some(()))
    })
    .await?;
    ensure!(recorder_pods(client).await? == pods, "a pod was replaced by a change of one camera");
    ensure!(newest_stream(&vaulted, &installed, "yard").await? == other, "the other camera was restarted");
    cameras.delete("porch", &DeleteParams::default()).await?;
    Ok(())
}

async fn recorder_pods(client: &kube::Client) -> Result<Vec<String>> {
    let pods = Api::<Pod>::namespaced(client.clone(), TENANT);
    let list = pods.list(&ListParams::default().labels("camerafleet.io/component=ingest")).await?;
    let mut uids: Vec<String> = list.items.into_iter().filter_map(|pod| pod.uid()).collect();
    uids.sort();
    Ok(uids)
}

async fn newest_stream(
    vaulted: &Vaulted,
    installed: &camerafleet_e2e::demo::Installed,
    camera: &str,
) -> Result<String> {
    Ok(vaulted.wait_for_segment(installed, camera).await?.name.stream.to_string())
}

/// A camera of a test's own, so that tests do not disturb each other: made from another one, and deleted at the end.
async fn scratch(
    api: &Api<Camera>,
    name: &str,
    from: &str,
    change: impl FnOnce(&mut Camera),
) -> Result<Camera> {
    let mut camera = Camera::new(name, api.get(from).await?.spec);
    change(&mut camera);
    Ok(api.create(&kube::api::PostParams::default(), &camera).await?)
}

#[tokio::test]
async fn a_camera_that_is_off_is_not_recorded_and_one_that_is_deleted_goes_at_once() -> Result<()> {
    let installed = installed().await?;
    let vaulted = Vaulted::open(&installed).await?;
    let client = &installed.ground.client;
    let api = Api::<Camera>::namespaced(client.clone(), TENANT);
    scratch(&api, "garage", "yard", |_| {}).await?;
    wait::state(client, "garage", "Recording", CHANGE).await?;
    vaulted.wait_for_segment(&installed, "garage").await?;
    patch(&api, "garage", json!({"recording": {"mode": "Disabled"}})).await?;
    let off = wait::state(client, "garage", "Off", CHANGE).await?;
    let stored = off.status.as_ref().and_then(|s| s.stream.clone());
    ensure!(stored.is_some_and(|s| s.codec == "H265"), "what the camera sent is forgotten");
    let before = vaulted.segments(&installed, "garage").await?;
    api.delete("garage", &DeleteParams::default()).await?;
    wait::until("the Camera is gone", Duration::from_secs(10), async || {
        Ok(api.get_opt("garage").await?.is_none().then_some(()))
    })
    .await?;
    ensure!(!before.is_empty(), "nothing was stored before the camera was switched off");
    // Its footage lives to its date.
    vaulted.sealed(&before[0]).await?;
    Ok(())
}

#[tokio::test]
async fn a_camera_without_a_retention_policy_is_not_recorded_and_says_what_to_do() -> Result<()> {
    let installed = installed().await?;
    let client = &installed.ground.client;
    let api = Api::<Camera>::namespaced(client.clone(), TENANT);
    scratch(&api, "attic", "yard", |c| c.spec.retention_policy_ref = Some("not-there".into())).await?;
    let camera = wait::state(client, "attic", "NoRetentionPolicy", CHANGE).await?;
    let (_, message) = wait::ready(&camera).unwrap_or_default();
    let spec = json!({"keepFor": "30d"});
    let policies = Api::<RetentionPolicy>::namespaced(client.clone(), TENANT);
    let policy = RetentionPolicy::new("not-there", serde_json::from_value(spec)?);
    policies.create(&kube::api::PostParams::default(), &policy).await?;
    let healed = wait::state(client, "attic", "Recording", CHANGE).await;
    api.delete("attic", &DeleteParams::default()).await?;
    policies.delete("not-there", &DeleteParams::default()).await?;
    ensure!(message.contains("not-there") && message.contains("create it"), "{message}");
    healed.map(drop)
}

#[tokio::test]
async fn a_wrong_password_is_told_and_heals_when_the_secret_is_put_right() -> Result<()> {
    let installed = installed().await?;
    let client = &installed.ground.client;
    let api = Api::<Camera>::namespaced(client.clone(), TENANT);
    let secrets = Api::<k8s_openapi::api::core::v1::Secret>::namespaced(client.clone(), TENANT);
    let yard = &installed.fixtures.cameras.iter().find(|c| c.name == "yard").expect("the yard is a fixture");
    let secret = |password: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cellar"}, "type": "camerafleet.io/camera",
            "stringData": {"username": yard.username, "password": password}})
    };
    let apply = PatchParams::apply("camerafleet-e2e").force();
    secrets.patch("cellar", &apply, &Patch::Apply(secret("not-the-password"))).await?;
    scratch(&api, "cellar", "yard", |c| c.spec.source.credentials_secret_ref = Some("cellar".into())).await?;
    let refused = wait::state(client, "cellar", "Unauthorized", CHANGE).await?;
    let (_, message) = wait::ready(&refused).unwrap_or_default();
    secrets.patch("cellar", &apply, &Patch::Apply(secret(&yard.password))).await?;
    // A camera that refused is asked again at once when its password changes, not after the slow lane's minute.
    let healed = wait::state(client, "cellar", "Recording", Duration::from_secs(40)).await;
    api.delete("cellar", &DeleteParams::default()).await?;
    secrets.delete("cellar", &DeleteParams::default()).await?;
    ensure!(!message.contains("not-the-password"), "the password is in a message");
    ensure!(message.contains("password"), "{message}");
    healed.map(drop)
}
