//! A Camera that is deleted to be shredded: it waits for its hold, then for its key, and then goes.

use camerafleet_footage::log::{Entry, entry::DestroyCause};
use serde_json::{Value, json};

use crate::{
    MOUNT, NAMESPACE,
    cluster::{Cluster, until},
    deletable, get,
    holds::{hold, id, stage},
    policy, read_log, reason,
};

fn camera(cluster: &Cluster) -> Option<Value> {
    get(cluster, "camera", "door")
}

/// A LegalHold of all that a camera has.
fn submit(cluster: &Cluster, camera: &str) {
    cluster.apply(&json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalHold",
        "metadata": {"name": "matter-7", "namespace": NAMESPACE},
        "spec": {
            "cameras": [{"name": "door", "id": camera}], "duration": "30d",
            "window": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
            "reference": {"kind": "Matter", "name": "7"},
        },
    }));
}

fn declare_camera(cluster: &Cluster, name: &str, deletion_policy: &str) {
    cluster.apply(&json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "Camera",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "source": {"url": "rtsp://198.51.100.7/door"}, "deletionPolicy": deletion_policy,
            "retentionPolicyRef": {"name": "short"},
        },
    }));
}

async fn key_of(cluster: &Cluster, name: &str) -> (String, String) {
    let camera = until("the camera's key", async || {
        let camera = get(cluster, "camera", name)?;
        (reason(&camera, "KeysReady")? == "Made").then_some(camera)
    })
    .await;
    let id = id(&camera).unwrap();
    (format!("camera-{id}"), id)
}

async fn wait_for_deletable(cluster: &Cluster, key: &str) {
    until("its key to be allowed", async || deletable(cluster, key).await.then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shredded_camera_waits_for_its_hold_and_its_key() {
    let mut cluster = Cluster::start().await;
    let (tenant, _) = stage(&mut cluster).await;
    declare_camera(&cluster, "door", "Shred");
    let (key, camera_id) = key_of(&cluster, "door").await;
    until("its finalizer", async || {
        (camera(&cluster)?["metadata"]["finalizers"] == json!(["camerafleet.io/shred"])).then_some(())
    })
    .await;
    submit(&cluster, &camera_id);
    until("the hold to be opened", async || reason(&hold(&cluster, "matter-7")?, "Ready")).await;

    cluster.kubectl(&["-n", NAMESPACE, "delete", "camera", "door", "--wait=false"]);
    until("the hold to be told", async || (reason(&camera(&cluster)?, "Ready")? == "Held").then_some(()))
        .await;
    assert!(!deletable(&cluster, &key).await);

    cluster.kubectl(&["-n", NAMESPACE, "delete", "legalhold", "matter-7", "--wait=false"]);
    wait_for_deletable(&cluster, &key).await;
    assert_eq!(reason(&camera(&cluster).unwrap(), "Ready").as_deref(), Some("Shredding"));
    let intents = policy(&cluster).unwrap()["status"]["destroyIntents"].clone();
    let intent = intents.as_array().unwrap().iter().find(|intent| intent["key"] == key).unwrap();
    assert_eq!(intent["shred"], true);
    let entries = read_log(&cluster, &tenant).await.1;
    let logged = |entry: &Entry| matches!(entry, Entry::DestroyIntent(intent) if intent.key == key && intent.cause == DestroyCause::Shred);
    assert_eq!(entries.iter().filter(|entry| logged(entry)).count(), 1, "{entries:?}");

    // The job's part.
    cluster.bao.root().delete_key(MOUNT, &key).await.unwrap();
    cluster.kubectl(&["-n", NAMESPACE, "annotate", "retentionpolicy", "short", "test=gone"]);
    until("the camera to go", async || camera(&cluster).is_none().then_some(())).await;
    let entries = read_log(&cluster, &tenant).await.1;
    assert!(entries.iter().any(|e| matches!(e, Entry::KeyDestroyed(gone) if gone.key == key)), "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_shredded_tenant_every_cameras_key_goes_and_nothing_is_kept_to_its_date() {
    let mut cluster = Cluster::start().await;
    stage(&mut cluster).await;
    declare_camera(&cluster, "door", "Retain");
    let (key, _) = key_of(&cluster, "door").await;
    cluster.kubectl(&[
        "patch",
        "tenant",
        "elm-street",
        "--type=merge",
        "-p",
        r#"{"spec":{"deletionPolicy":"Shred"}}"#,
    ]);
    assert_ne!(policy(&cluster).unwrap()["status"]["shred"], true);
    cluster.kubectl(&["delete", "tenant", "elm-street", "--wait=false"]);
    wait_for_deletable(&cluster, &key).await;
    assert!(camera(&cluster).is_none(), "nothing can record it any more");
    let policy = policy(&cluster).unwrap();
    assert_eq!(policy["status"]["shred"], true);
    let intents = policy["status"]["destroyIntents"].as_array().unwrap();
    let cameras = intents.iter().find(|intent| intent["key"] == key).unwrap();
    assert_eq!(cameras["shred"], true, "{intents:?}");
}
