//! The operator's part in retention against a real API server, Vault and S3 server.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../footage/tests/bao/mod.rs"]
mod bao;
mod census;
#[path = "../cluster/mod.rs"]
mod cluster;
mod holds;
mod intents;
mod job;
mod restored;
mod shred;

use camerafleet_footage::{
    ids::{CameraId, PolicyId, StreamId, TenantId},
    layout::{Epoch, Hour, SegmentName, Tracks, epoch_key_name},
    log::{self, Entry, LOG_KEY, LogKey, Reader, entry::KeyDestroyed},
    retention::RunSummary,
};
use cluster::{Cluster, until};
use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const NAMESPACE: &str = "elm-street";
const MOUNT: &str = "camerafleet/elm-street";

fn get(cluster: &Cluster, kind: &str, name: &str) -> Option<Value> {
    let text = cluster.try_kubectl(&["-n", NAMESPACE, "get", kind, name, "-o", "json"], None).ok()?;
    serde_json::from_str(&text).ok()
}

fn policy(cluster: &Cluster) -> Option<Value> {
    get(cluster, "retentionpolicy", "short")
}

fn reason(object: &Value, condition: &str) -> Option<String> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|c| c["type"] == condition)?;
    found["reason"].as_str().map(str::to_owned)
}

async fn deletable(cluster: &Cluster, key: &str) -> bool {
    let answer = cluster.bao.must("GET", &format!("{MOUNT}/keys/{key}"), Value::Null).await;
    answer["data"]["deletion_allowed"] == true
}

fn declare(cluster: &Cluster) {
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "store", "namespace": "camerafleet-system"},
        "stringData": {"accessKeyId": "root", "secretAccessKey": "rootsecret"},
    }));
    let secret = json!({"name": "store"});
    cluster.apply(&json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "Tenant", "metadata": {"name": "elm-street"},
        "spec": {
            "namespace": NAMESPACE,
            "storage": {"s3": {"endpoint": cluster.endpoint(), "bucket": "footage", "credentials": {
                "ingest": secret, "retention": secret, "disclosure": secret}}},
            "cameraNetworks": ["198.51.100.0/24"],
        },
    }));
}

/// The credentials of the logs' bucket.
fn give_log(cluster: &Cluster) {
    for name in ["camerafleet-log", "camerafleet-log-reader"] {
        cluster.apply(&json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": "camerafleet-system"},
            "stringData": {"accessKeyId": "root", "secretAccessKey": "rootsecret"},
        }));
    }
}

/// What the tenant's log says at rest; the newest checkpoint is kept out of the bucket, too.
async fn logged(cluster: &Cluster, tenant: &TenantId) -> Vec<Entry> {
    let (note, entries) = read_log(cluster, tenant).await;
    let map = get(cluster, "configmap", "camerafleet-log").unwrap();
    assert_eq!(map["data"]["checkpoint"], note);
    assert_eq!(map["data"]["key"], log_key(cluster, tenant).await.vkey());
    // Who may not see the bucket has the same from the operator.
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let url = format!("{}/{tenant}/checkpoint", cluster.tiles());
    assert_eq!(http.get(url).send().await.unwrap().text().await.unwrap(), note);
    entries
}

/// The log's key, as Vault has it.
async fn log_key(cluster: &Cluster, tenant: &TenantId) -> LogKey {
    let namespace = cluster.kubectl(&["get", "namespace", "kube-system", "-o", "json"]);
    let origin = log::origin(namespace["metadata"]["uid"].as_str().unwrap(), tenant);
    let public = cluster.bao.root().signing_public_key(MOUNT, LOG_KEY).await.unwrap();
    LogKey::new(origin, public).unwrap()
}

/// What the tenant's log says, verified under the key that Vault has, and the checkpoint.
async fn read_log(cluster: &Cluster, tenant: &TenantId) -> (String, Vec<Entry>) {
    let reader = Reader::new(cluster.store("log"), "", tenant, log_key(cluster, tenant).await);
    let checkpoint = reader.checkpoint().await.unwrap();
    let snapshot = reader.at(&checkpoint);
    let entries = snapshot.entries(0).map_ok(|entry| entry.record().unwrap().entry.clone());
    (checkpoint.note().to_owned(), entries.try_collect().await.unwrap())
}

/// The pod of a run, as the kubelet leaves it.
fn ran(cluster: &Cluster, cron_job: &Value, id: &str, run: &str) {
    let started = Timestamp::now();
    let mut summary = RunSummary::started(started);
    (summary.deleted_objects, summary.destroyed_keys, summary.looked) = (3, 1, true);
    let template = &cron_job["spec"]["jobTemplate"]["spec"]["template"];
    assert_eq!(template["metadata"]["labels"]["camerafleet.io/retention-policy"], id);
    let mut labels = template["metadata"]["labels"].clone();
    labels["batch.kubernetes.io/job-name"] = run.into();
    let mut spec = template["spec"].clone();
    // The admission policies leave pods under this account to the Job controller.
    spec["serviceAccountName"] = "default".into();
    labels["camerafleet.io/managed"] = Value::Null;
    let labels: serde_json::Map<String, Value> =
        labels.as_object().unwrap().clone().into_iter().filter(|(_, v)| !v.is_null()).collect();
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": run, "namespace": NAMESPACE, "labels": labels},
        "spec": spec,
    }));
    let status = json!({"status": {"phase": "Succeeded", "containerStatuses": [{
        "name": "retention", "image": "i", "imageID": "i", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 0, "finishedAt": started, "message": serde_json::to_string(&summary).unwrap()}},
    }]}});
    let patch = status.to_string();
    cluster.kubectl(&[
        "-n",
        NAMESPACE,
        "patch",
        "pod",
        run,
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_intended_then_allowed_then_told_destroyed_and_a_deleted_policy_drains() {
    let mut cluster = Cluster::start().await;
    cluster.operator();
    declare(&cluster);
    let tenant = until("the tenant", async || {
        let tenant = cluster.kubectl(&["get", "tenant", "elm-street", "-o", "json"]);
        (reason(&tenant, "VaultReady").as_deref() == Some("Mounted")).then_some(tenant)
    })
    .await;
    assert_eq!(reason(&tenant, "LogReady").as_deref(), Some("LogCredentialsMissing"));
    assert_eq!(reason(&tenant, "Ready").as_deref(), Some("Active"), "recording does not wait for the log");
    cluster.apply(&json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "RetentionPolicy",
        "metadata": {"name": "short", "namespace": NAMESPACE},
        "spec": {"keepFor": "1m", "keyEpoch": "1m", "schedule": "17 3 * * *"},
    }));
    let found = until("the policy's job", async || {
        let found = policy(&cluster)?;
        (reason(&found, "Ready")? == "InForce").then_some(found)
    })
    .await;
    let id = found["metadata"]["annotations"]["camerafleet.io/id"].as_str().unwrap().to_owned();
    assert_eq!(found["metadata"]["finalizers"], json!(["camerafleet.io/retention"]));
    let name = format!("retention-{}", &id[..12]);
    for kind in ["cronjob", "role", "rolebinding", "secret", "configmap"] {
        assert!(get(&cluster, kind, &name).is_some(), "{kind}");
    }
    let cron_job = get(&cluster, "cronjob", &name).unwrap();
    assert_eq!(
        cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["serviceAccountName"],
        "retention"
    );

    // An old epoch with a key and a segment, and the present one.
    let policy_id = PolicyId::parse(id.clone()).unwrap();
    let now = Timestamp::now();
    let [old, present] = [30, -2].map(|m| Epoch::containing(now - SignedDuration::from_mins(m), 60));
    let keys = [&old, &present].map(|epoch| epoch_key_name(&policy_id, epoch));
    for key in &keys {
        cluster.bao.root().create_key(MOUNT, key).await.unwrap();
    }
    let segment = SegmentName {
        tenant: TenantId::parse(tenant["metadata"]["annotations"]["camerafleet.io/id"].as_str().unwrap())
            .unwrap(),
        policy: policy_id,
        epoch: old,
        camera: CameraId::parse("c-1").unwrap(),
        hour: Hour::containing(old.start()),
        start_ms: old.start().as_millisecond(),
        duration_ms: 10_000,
        stream: StreamId::from_bytes([7; 16]),
        sequence: 0,
        tracks: Tracks::Video,
    };
    let object = cluster.put(&segment.key("elm-street"), old.end());

    // Any change wakes the operator before its time.
    cluster.kubectl(&[
        "-n",
        NAMESPACE,
        "patch",
        "retentionpolicy",
        "short",
        "--type=merge",
        "-p",
        r#"{"spec":{"snapshotTTL":"1d"}}"#,
    ]);
    // What cannot be logged is not intended.
    let waits = until("the key to wait for the log", async || {
        let found = policy(&cluster)?;
        (reason(&found, "KeyDestroyed")? == "LogUnavailable").then_some(found)
    })
    .await;
    assert_eq!(waits["status"]["destroyIntents"], json!([]));
    assert!(!deletable(&cluster, &keys[0]).await);
    // Nor is what only the status says.
    let now = Timestamp::now();
    let forged =
        json!({"status": {"destroyIntents": [{"key": keys[0], "intendedAt": now, "epochEnd": now}]}});
    let forged = forged.to_string();
    let patch = ["-n", NAMESPACE, "patch", "retpol", "short", "--subresource=status", "--type=merge", "-p"];
    cluster.kubectl(&[&patch[..], &[&forged]].concat());
    tokio::time::sleep(std::time::Duration::from_secs(8)).await;
    assert!(!deletable(&cluster, &keys[0]).await);

    give_log(&cluster);
    let intent = until("the key to be allowed", async || {
        let intents = policy(&cluster)?["status"]["destroyIntents"].clone();
        (intents.as_array()?.len() == 1 && intents[0]["key"] == keys[0] && intents[0]["allowed"] == true)
            .then_some(intents[0].clone())
    })
    .await;
    let entries = logged(&cluster, &segment.tenant).await;
    let index = usize::try_from(intent["logIndex"].as_u64().unwrap()).unwrap();
    assert!(matches!(&entries[index], Entry::DestroyIntent(intent) if intent.key == keys[0]), "{entries:?}");
    until("the log to be told open", async || {
        let tenant = cluster.kubectl(&["get", "tenant", "elm-street", "-o", "json"]);
        (reason(&tenant, "LogReady")? == "Open").then_some(())
    })
    .await;
    let secret = get(&cluster, "secret", &name).unwrap();
    assert!(secret["data"]["log.accessKeyId"].is_string(), "the job can read the log");
    assert!(deletable(&cluster, &keys[0]).await && !deletable(&cluster, &keys[1]).await);

    // The job's part.
    cluster.bao.root().delete_key(MOUNT, &keys[0]).await.unwrap();
    ran(&cluster, &cron_job, &id, "run-1");
    let told = until("the destruction to be told", async || {
        let found = policy(&cluster)?;
        let both = [reason(&found, "KeyDestroyed")?, reason(&found, "RunSucceeded")?];
        (both == ["Destroyed", "Done"]).then_some(found)
    })
    .await;
    let status = &told["status"];
    assert_eq!(status["destroyIntents"], json!([]));
    assert_eq!(status["keyDestroyedUntil"].as_str().unwrap().parse::<Timestamp>().unwrap(), old.end());
    assert_eq!(
        (&status["lastRun"]["deletedObjects"], reason(&told, "RunSucceeded").as_deref()),
        (&json!(3), Some("Done"))
    );
    let events = cluster.kubectl(&["-n", NAMESPACE, "get", "events.events.k8s.io", "-o", "json"]).to_string();
    assert!(events.contains("DestroyIntended") && events.contains("KeyDestroyed"), "{events}");

    let entries = logged(&cluster, &segment.tenant).await;
    assert!(entries.contains(&KeyDestroyed { key: keys[0].clone() }.into()), "{entries:?}");

    // At rest nothing is written.
    tokio::time::sleep(std::time::Duration::from_secs(8)).await;
    assert_eq!(policy(&cluster).unwrap()["metadata"]["resourceVersion"], told["metadata"]["resourceVersion"]);
    assert_eq!(logged(&cluster, &segment.tenant).await.len(), entries.len());

    // A deleted policy waits for its key and its footage.
    cluster.kubectl(&["-n", NAMESPACE, "delete", "retentionpolicy", "short", "--wait=false"]);
    until("it to drain", async || (reason(&policy(&cluster)?, "Ready")? == "Draining").then_some(())).await;
    cluster.bao.root().allow_deletion(MOUNT, &keys[1]).await.unwrap();
    cluster.bao.root().delete_key(MOUNT, &keys[1]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(policy(&cluster).is_some(), "its footage is left");
    std::fs::remove_file(object).unwrap();
    let annotation = ["-n", NAMESPACE, "annotate", "retentionpolicy", "short", "test=now"];
    let _ = cluster.try_kubectl(&annotation, None);
    until("it to be gone", async || policy(&cluster).is_none().then_some(())).await;
}
