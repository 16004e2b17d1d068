//! The chart's life: from an earlier chart and image to this one, back, away and here again. Recorders go on recording,
//! and everything that people declared is still there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use camerafleet_e2e::{
    demo::{self, CAMERAS, OPERATOR_NAMESPACE, TENANT, Vaulted, charts, wait},
    instance::Instance,
    suite::{Fleet, alone},
    tools::command,
};
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
};
use serde_json::{Value, json};
use tokio::process::Command;

const HELM: Duration = Duration::from_secs(180);
/// A roll-out of the operator, and the recorders' that follows it.
const ROLL_OUT: Duration = Duration::from_secs(180);
/// Until the segment in which a moment lies is stored.
const STORED: Duration = Duration::from_secs(90);
/// By how much the ends of two streams' segments may miss each other: both estimate when a frame was taken.
const TOLERANCE_MS: i64 = 1_000;

const RECORDER: &str = "ingest-0";
const OPERATOR: &str = "camerafleet-operator";

/// What people declare, and what the first chart keeps.
const KINDS: &[(&str, &str, &str)] = &[
    ("camerafleet.io/v1alpha1", "Tenant", "tenants"),
    ("camerafleet.io/v1alpha1", "Camera", "cameras"),
    ("camerafleet.io/v1alpha1", "RetentionPolicy", "retentionpolicies"),
    ("camerafleet.io/v1alpha1", "SharingPolicy", "sharingpolicies"),
    ("camerafleet.io/v1alpha1", "DisclosureRequest", "disclosurerequests"),
    ("camerafleet.io/v1alpha1", "Approval", "approvals"),
    ("camerafleet.io/v1alpha1", "LegalOrder", "legalorders"),
    ("camerafleet.io/v1alpha1", "LegalHold", "legalholds"),
    ("v1", "Namespace", "namespaces"),
];

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts").join(path)
}

/// Every object of these kinds: its uid and its spec. Without those that go, the demo's, which another test may run
/// meanwhile, and the Tenants' specs, which it changes.
async fn declared(client: &Client) -> Result<BTreeMap<String, (String, Value)>> {
    let mut found = BTreeMap::new();
    for (version, kind, plural) in KINDS {
        let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
        let resource =
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
        let objects = api.list(&ListParams::default()).await?.items.into_iter();
        let stay = |o: &DynamicObject| {
            o.metadata.deletion_timestamp.is_none() && o.name_any() != demo::retention::NAME
        };
        for object in objects.filter(stay) {
            let spec = if *kind == "Tenant" { Value::Null } else { object.data["spec"].clone() };
            let name = format!("{kind} {}/{}", object.namespace().unwrap_or_default(), object.name_any());
            found.insert(name, (object.uid().unwrap_or_default(), spec));
        }
    }
    Ok(found)
}

/// That each of these is there, unchanged, and no other under its name.
async fn still_there(client: &Client, before: &BTreeMap<String, (String, Value)>, when: &str) -> Result<()> {
    let now = declared(client).await?;
    for (name, object) in before {
        ensure!(now.get(name) == Some(object), "{when}: {name} was {object:?} and is {:?}", now.get(name));
    }
    Ok(())
}

/// Waits until a Deployment runs this image, whole, and no older pod of it is left.
async fn runs(client: &Client, namespace: &str, name: &str, image: &str) -> Result<()> {
    let deployments = Api::<Deployment>::namespaced(client.clone(), namespace);
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let what = format!("{namespace}/{name} runs {image}");
    wait::until(&what, ROLL_OUT, async || {
        let deployment = deployments.get(name).await?;
        let (spec, status) = (deployment.spec.unwrap_or_default(), deployment.status.unwrap_or_default());
        let wanted = spec.template.spec.as_ref().and_then(|pod| pod.containers[0].image.as_deref());
        if wanted != Some(image) {
            bail!("it wants {wanted:?}");
        }
        let all = spec.replicas;
        let whole = status.observed_generation == deployment.metadata.generation
            && [status.updated_replicas, status.available_replicas, status.replicas]
                .iter()
                .all(|some| *some == all);
        let labels = spec.selector.match_labels.unwrap_or_default();
        let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let left = pods.list(&ListParams::default().labels(&selector.join(","))).await?;
        Ok((whole && left.items.len() == usize::try_from(all.unwrap_or(0))?).then_some(()))
    })
    .await
}

async fn everything_runs(fleet: &Fleet, image: &str) -> Result<()> {
    runs(&fleet.ground.client, OPERATOR_NAMESPACE, OPERATOR, image).await?;
    runs(&fleet.ground.client, TENANT, RECORDER, image).await
}

/// What is missing between two moments, in milliseconds, where these spans of footage are there.
fn holes(mut spans: Vec<(i64, i64)>, from: i64, to: i64) -> Vec<(i64, i64)> {
    spans.sort_unstable();
    let (mut until, mut holes) = (from, Vec::new());
    for (start, end) in spans {
        if start > until + TOLERANCE_MS && start < to {
            holes.push((until, start));
        }
        until = until.max(end);
    }
    if until + TOLERANCE_MS < to {
        holes.push((until, to));
    }
    holes
}

#[test]
fn a_hole_is_what_no_stream_has() {
    let two_streams = vec![(0, 10_000), (8_000, 20_000), (20_300, 30_000)];
    assert_eq!(holes(two_streams.clone(), 2_000, 30_500), []);
    assert_eq!(holes(two_streams, -5_000, 40_000), [(-5_000, 0), (30_000, 40_000)]);
    assert_eq!(holes(vec![(0, 10_000), (13_000, 20_000)], 0, 20_000), [(10_000, 13_000)]);
    assert_eq!(holes(Vec::new(), 0, 9_000), [(0, 9_000)]);
}

/// That every camera's footage goes on from one moment to the other, once it is stored.
async fn recorded(fleet: &Fleet, vaulted: &Vaulted, from: Timestamp, when: &str) -> Result<()> {
    let to = Timestamp::now().as_millisecond();
    for camera in CAMERAS {
        let what = format!("{camera} is stored to the end of {when}");
        let spans = wait::until(&what, STORED, async || {
            let segments = vaulted.segments(fleet, camera).await?;
            let spans = segments.iter().map(|segment| {
                let name = &segment.name;
                (name.start_ms, name.start_ms + i64::try_from(name.duration_ms).unwrap_or(i64::MAX))
            });
            let spans: Vec<(i64, i64)> = spans.collect();
            Ok(spans.iter().any(|(_, end)| *end >= to).then_some(spans))
        })
        .await?;
        let holes = holes(spans, from.as_millisecond(), to);
        ensure!(holes.is_empty(), "{when}: {camera} was not recorded in {holes:?} (ms since 1970)");
    }
    Ok(())
}

/// The image under another tag, in the node: what an image of an earlier version would be.
async fn earlier_image(fleet: &Fleet) -> Result<String> {
    let image = &fleet.ground.images.camerafleet;
    let (repository, _) = image.rsplit_once(':').context("an image without a tag")?;
    let earlier = format!("{repository}:earlier");
    let mut ctr = Command::new(fleet.ground.tools.bin("ctr"));
    ctr.arg("--address").arg(Instance::Test.run().join("containerd.sock"));
    ctr.args(["--namespace", "k8s.io", "images", "tag", "--force", image, &earlier]);
    command::output("tag the image", &mut ctr, Duration::from_secs(30)).await?;
    Ok(earlier)
}

async fn helm(fleet: &Fleet, arguments: &[&str]) -> Result<String> {
    let mut helm = charts::helm(&fleet.ground, arguments);
    command::output(&format!("helm {}", arguments.join(" ")), &mut helm, HELM).await
}

/// To the present chart, whatever happened before: other tests stand on it.
async fn present(fleet: &Fleet) -> Result<()> {
    let image = &fleet.ground.images.camerafleet;
    charts::upgrade(&fleet.ground, "camerafleet-crds", &folder("camerafleet-crds"), &json!({})).await?;
    let values = charts::values(image, &fleet.fixtures)?;
    charts::upgrade(&fleet.ground, "camerafleet", &folder("camerafleet"), &values).await?;
    everything_runs(fleet, image).await
}

async fn life(fleet: &Fleet, vaulted: &Vaulted) -> Result<()> {
    let client = &fleet.ground.client;
    let (image, earlier) = (fleet.ground.images.camerafleet.clone(), earlier_image(fleet).await?);
    let before = declared(client).await?;
    ensure!(before.keys().any(|name| name.starts_with("Camera ")), "there is nothing to lose: {before:?}");
    for camera in CAMERAS {
        vaulted.wait_for_segment(fleet, camera).await?;
    }
    let began = Timestamp::now();

    // The earlier chart has values that it knows and no others.
    let mut values = charts::values(&earlier, &fleet.fixtures)?;
    values["podAnnotations"] = json!({"camerafleet.io/earlier": "true"});
    charts::upgrade(&fleet.ground, "camerafleet", &folder("tests/frozen/camerafleet"), &values).await?;
    everything_runs(fleet, &earlier).await?;
    still_there(client, &before, "on the earlier chart").await?;

    present(fleet).await?;
    still_there(client, &before, "after the upgrade").await?;
    recorded(fleet, vaulted, began, "the upgrade").await?;

    helm(fleet, &["rollback", "camerafleet", "--wait", "--timeout", "150s"]).await?;
    everything_runs(fleet, &earlier).await?;
    still_there(client, &before, "after the rollback").await?;
    present(fleet).await?;
    recorded(fleet, vaulted, began, "the rollback").await?;

    // Without the operator recorders go on, under the keys that they have.
    helm(fleet, &["uninstall", "camerafleet", "--wait", "--timeout", "150s"]).await?;
    helm(fleet, &["uninstall", "camerafleet-crds", "--wait", "--timeout", "150s"]).await?;
    let deployments = Api::<Deployment>::namespaced(client.clone(), OPERATOR_NAMESPACE);
    ensure!(deployments.get_opt(OPERATOR).await?.is_none(), "the operator outlived its release");
    still_there(client, &before, "without the charts").await?;
    let stored = |camera: &'static str| async move {
        anyhow::Ok(vaulted.segments(fleet, camera).await?.into_iter().map(|s| s.path).collect::<Vec<_>>())
    };
    let footage = (stored(CAMERAS[0]).await?, stored(CAMERAS[1]).await?);
    runs(client, TENANT, RECORDER, &image).await?;
    recorded(fleet, vaulted, began, "the uninstalling").await?;

    present(fleet).await?;
    still_there(client, &before, "installed again").await?;
    wait::recording(client, &CAMERAS).await?;
    recorded(fleet, vaulted, began, "the second installation").await?;
    for (camera, before) in CAMERAS.iter().zip([footage.0, footage.1]) {
        let now = stored(camera).await?;
        let lost: Vec<_> = before.iter().filter(|path| !now.contains(path)).collect();
        ensure!(lost.is_empty(), "footage of {camera} is gone: {lost:?}");
    }
    Ok(())
}

#[tokio::test]
async fn upgrade_rollback_and_a_second_installation_cost_no_object_and_no_second_of_footage() -> Result<()> {
    let fleet = alone().await?;
    let vaulted = Vaulted::open(&fleet).await?;
    let lived = life(&fleet, &vaulted).await;
    let settled = present(&fleet).await;
    lived?;
    settled
}
