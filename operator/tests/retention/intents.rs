//! Intents that are withdrawn, and those that are not made.

use camerafleet_footage::{
    ids::{CameraId, StreamId},
    layout::{Epoch, Hour, SegmentName, Tracks, epoch_key_name},
    log::{Entry, entry::DestroyWithdrawn},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    MOUNT, NAMESPACE,
    cluster::{Cluster, until},
    deletable,
    holds::{CAMERA, STORED, stage, submit},
    policy, read_log, reason,
};

fn wake(cluster: &Cluster, what: &str) {
    let annotate = format!("test={what}");
    cluster.kubectl(&["-n", NAMESPACE, "annotate", "--overwrite", "retentionpolicy", "short", &annotate]);
}

/// A key's intent.
fn intent(cluster: &Cluster, key: &str) -> Option<Value> {
    let intents = policy(cluster)?["status"]["destroyIntents"].clone();
    intents.as_array()?.iter().find(|intent| intent["key"] == key).cloned()
}

/// The index of a key's intent, once Vault was told.
async fn allowed(cluster: &Cluster, key: &str) -> u64 {
    until("the key to be allowed", async || {
        let one = intent(cluster, key)?;
        let said = one["allowed"] == true && deletable(cluster, key).await;
        said.then(|| one["logIndex"].as_u64().unwrap())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_is_withdrawn_is_logged_and_the_next_one_is_another() {
    let mut cluster = Cluster::start().await;
    let (tenant, policy_id) = stage(&mut cluster).await;
    let of = Epoch::containing(Timestamp::now() - SignedDuration::from_mins(30), 60);
    let key = epoch_key_name(&policy_id, &of);
    cluster.bao.root().create_key(MOUNT, &key).await.unwrap();
    wake(&cluster, "due");
    let first = allowed(&cluster, &key).await;

    // A hold comes, on something that is not copied yet. The policy's spec is what it was.
    let name = SegmentName {
        tenant: tenant.clone(),
        policy: policy_id.clone(),
        epoch: of,
        camera: CameraId::parse(CAMERA).unwrap(),
        hour: Hour::containing(of.start()),
        start_ms: of.start().as_millisecond(),
        duration_ms: 10_000,
        stream: StreamId::from_bytes([7; 16]),
        sequence: 0,
        tracks: Tracks::Video,
    };
    cluster.put(&name.key(STORED), of.end());
    submit(&cluster, "matter-7", "30d");
    let withdrawn = async |n: &str| {
        wake(&cluster, n);
        until("the intent to be withdrawn", async || {
            let gone = intent(&cluster, &key).is_none();
            (gone && !deletable(&cluster, &key).await).then_some(())
        })
        .await;
    };
    withdrawn("held").await;
    let said = |intent: u64| Entry::from(DestroyWithdrawn { key: key.clone(), intent });
    let entries = read_log(&cluster, &tenant).await.1;
    assert!(entries.contains(&said(first)), "{entries:?}");

    cluster.kubectl(&["-n", NAMESPACE, "delete", "legalhold", "matter-7", "--timeout=100s"]);
    wake(&cluster, "over");
    let second = allowed(&cluster, &key).await;
    assert!(second > first, "an intent of its own: {second} after {first}");

    // A longer time to keep withdraws it, too; and again the next one is another.
    let keep = |keep_for: &str| {
        let patch = json!({"spec": {"keepFor": keep_for}}).to_string();
        cluster.kubectl(&[
            "-n",
            NAMESPACE,
            "patch",
            "retentionpolicy",
            "short",
            "--type=merge",
            "-p",
            &patch,
        ]);
    };
    keep("1d");
    withdrawn("longer").await;
    keep("1m");
    let third = allowed(&cluster, &key).await;
    let entries = read_log(&cluster, &tenant).await.1;
    let intents: Vec<u64> = (0..)
        .zip(&entries)
        .filter(|(_, entry)| matches!(entry, Entry::DestroyIntent(intent) if intent.key == key))
        .map(|(index, _)| index)
        .collect();
    assert_eq!(intents, [first, second, third]);
    assert!(entries.contains(&said(second)) && !entries.contains(&said(third)), "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_admission_is_not_enforced_no_key_is_named_or_allowed() {
    let mut cluster = Cluster::start().await;
    let bindings = cluster.kubectl(&["get", "validatingadmissionpolicybindings", "-o", "name"]);
    let binding = bindings.as_str().unwrap().lines().next().unwrap().to_owned();
    let saved = cluster.kubectl(&["get", &binding, "-o", "json"]);
    cluster.kubectl(&["delete", &binding]);
    let (tenant, policy_id) = stage(&mut cluster).await;
    let of = Epoch::containing(Timestamp::now() - SignedDuration::from_mins(30), 60);
    let key = epoch_key_name(&policy_id, &of);
    cluster.bao.root().create_key(MOUNT, &key).await.unwrap();
    wake(&cluster, "due");
    until("it to be told", async || {
        (reason(&policy(&cluster)?, "KeyDestroyed")? == "AdmissionNotEnforced").then_some(())
    })
    .await;
    wake(&cluster, "again");
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert_eq!(policy(&cluster).unwrap()["status"]["destroyIntents"], json!([]));
    assert!(!deletable(&cluster, &key).await);
    let entries = read_log(&cluster, &tenant).await.1;
    assert!(!entries.iter().any(|entry| matches!(entry, Entry::DestroyIntent(_))), "{entries:?}");

    // Put right, the key goes.
    let mut again = saved;
    for field in ["resourceVersion", "uid", "creationTimestamp", "managedFields", "generation"] {
        again["metadata"].as_object_mut().unwrap().remove(field);
    }
    again.as_object_mut().unwrap().remove("status");
    cluster.apply(&again);
    until("admission to be proved", async || {
        let tenant: Value = cluster.kubectl(&["get", "tenant", "elm-street", "-o", "json"]);
        (reason(&tenant, "AdmissionEnforced")? == "Enforced").then_some(())
    })
    .await;
    wake(&cluster, "enforced");
    allowed(&cluster, &key).await;
}
