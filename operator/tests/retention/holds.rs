//! A hold's life at the API server: logged, given a key, told effective, renewed, ended; and an order that makes one.

use std::process::Command;

use camerafleet_footage::{
    disclosure::{Frozen, Logged, ORDER_NAMESPACE},
    hold::{HeldNames, HoldReport},
    ids::{CameraId, PolicyId, StreamId, TenantId},
    layout::{Epoch, Hour, SegmentName, Tracks, epoch_key_name},
    log::{Entry, entry::DestroyCause},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    MOUNT, NAMESPACE,
    cluster::{Cluster, until},
    declare, deletable, get, give_log, policy, read_log, reason,
};

pub const STORED: &str = "elm-street";
pub const CAMERA: &str = "3f0c2a52-7f3e-4a51-9d27-6a1f0a8e5b11";

pub fn hold(cluster: &Cluster, name: &str) -> Option<Value> {
    get(cluster, "legalhold", name)
}

pub fn id(object: &Value) -> Option<String> {
    object["metadata"]["annotations"]["camerafleet.io/id"].as_str().map(str::to_owned)
}

pub fn submit(cluster: &Cluster, name: &str, duration: &str) {
    let now = Timestamp::now();
    cluster.apply(&json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalHold",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "cameras": [{"name": "door", "id": CAMERA}], "duration": duration,
            "window": {"from": second(now - SignedDuration::from_hours(2)), "to": second(now)},
            "reference": {"kind": "Matter", "name": "7"},
        },
    }));
}

fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap()
}

/// The tenant's and the policy's ids.
pub async fn stage(cluster: &mut Cluster) -> (TenantId, PolicyId) {
    cluster.operator();
    give_log(cluster);
    declare(cluster);
    let tenant = until("the tenant", async || {
        let tenant = cluster.kubectl(&["get", "tenant", "elm-street", "-o", "json"]);
        (reason(&tenant, "LogReady").as_deref() == Some("Open")).then_some(tenant)
    })
    .await;
    cluster.apply(&json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "RetentionPolicy",
        "metadata": {"name": "short", "namespace": NAMESPACE},
        "spec": {"keepFor": "1m", "keyEpoch": "1m", "schedule": "17 3 * * *"},
    }));
    let found = until("the policy", async || {
        let found = policy(cluster)?;
        (reason(&found, "Ready")? == "InForce").then_some(found)
    })
    .await;
    (TenantId::parse(id(&tenant).unwrap()).unwrap(), PolicyId::parse(id(&found).unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_logged_delays_its_epochs_keys_until_they_are_copied_and_ends() {
    let mut cluster = Cluster::start().await;
    let (tenant, policy_id) = stage(&mut cluster).await;
    submit(&cluster, "matter-7", "30d");
    let seen = until("the hold to be opened", async || {
        let seen = hold(&cluster, "matter-7")?;
        (reason(&seen, "Ready")? == "Copying").then_some(seen)
    })
    .await;
    assert_eq!(seen["status"]["effective"], false);
    // The retention job may list holds, and nothing more of them.
    for (verb, may) in [("list", true), ("get", false), ("delete", false), ("patch", false)] {
        let job = ["--as", "system:serviceaccount:elm-street:retention", "-n", NAMESPACE];
        let answer = cluster.try_kubectl(&[&["auth", "can-i", verb, "legalholds"], &job[..]].concat(), None);
        assert_eq!(answer.is_ok(), may, "{verb}: {answer:?}");
    }
    assert_eq!(seen["metadata"]["finalizers"], json!(["camerafleet.io/hold"]));
    let hold_id = id(&seen).unwrap();
    let hold_key = format!("hold-{hold_id}");
    cluster.bao.root().public_key(MOUNT, &hold_key).await.unwrap();
    let entries = read_log(&cluster, &tenant).await.1;
    let opened = |entry: &&Entry| matches!(entry, Entry::HoldOpened(opened) if opened.hold == hold_id);
    assert_eq!(entries.iter().filter(opened).count(), 1, "{entries:?}");
    assert!(
        entries.iter().any(|e| matches!(e, Entry::KeyCreated(made) if made.key == hold_key)),
        "{entries:?}"
    );

    // An epoch that is due, in which it holds something that is not copied: its key is not even named.
    let of = Epoch::containing(Timestamp::now() - SignedDuration::from_mins(30), 60);
    let name = SegmentName {
        tenant,
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
    let epoch_key = epoch_key_name(&policy_id, &of);
    let camera_key = &*format!("camera-{CAMERA}");
    for key in [epoch_key.as_str(), camera_key] {
        cluster.bao.root().create_key(MOUNT, key).await.unwrap();
    }
    let wake = |what: &str| {
        let annotate = format!("test={what}");
        cluster.kubectl(&["-n", NAMESPACE, "annotate", "--overwrite", "retentionpolicy", "short", &annotate]);
    };
    wake("copies");
    until("the key to wait", async || {
        (reason(&policy(&cluster)?, "KeyDestroyed")? == "HoldNotCopied").then_some(())
    })
    .await;
    assert_eq!(policy(&cluster).unwrap()["status"]["destroyIntents"], json!([]));
    // The job's part.
    let mut names = HeldNames::default();
    names.add(&name, 6);
    let report = HoldReport { looked_at: Some(Timestamp::now()), epochs: [(of, names.sum(1))].into() };
    let file = cluster.put(&format!("{STORED}/{}/holds/{hold_id}/{policy_id}.json", name.tenant), of.end());
    std::fs::write(file, serde_json::to_vec(&report).unwrap()).unwrap();
    let told = until("the hold to be in force", async || {
        let seen = hold(&cluster, "matter-7")?;
        (seen["status"]["effective"] == true).then_some(seen)
    })
    .await;
    let status = &told["status"];
    let figures = ["heldSegments", "heldBytes", "rewrappedSegments"].map(|field| status[field].as_u64());
    assert_eq!(figures, [Some(1), Some(6), Some(1)]);
    wake("copied");
    until("the epoch's key to be allowed", async || deletable(&cluster, &epoch_key).await.then_some(()))
        .await;
    cluster.bao.root().delete_key(MOUNT, &epoch_key).await.unwrap();
    // The camera is declared by nobody and has footage; with none left, the hold still keeps its key.
    std::fs::remove_file(cluster.file(&name.key(STORED))).unwrap();
    wake("camera");
    until("the epoch's key to be told gone", async || {
        (policy(&cluster)?["status"]["destroyIntents"] == json!([])).then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(!deletable(&cluster, camera_key).await && !deletable(&cluster, &hold_key).await);

    // One renewal, and no second; then its deletion, which is logged before it is gone.
    let patch = ["-n", NAMESPACE, "patch", "legalhold", "matter-7", "--type=json", "-p"];
    let renewal = json!({"duration": "1d", "reference": {"kind": "Matter", "name": "7"}});
    let once = json!([{"op": "add", "path": "/spec/renewals", "value": [renewal]}]).to_string();
    cluster.kubectl(&[&patch[..], &[&once]].concat());
    let twice = json!([{"op": "add", "path": "/spec/renewals/-", "value": renewal}]).to_string();
    let refused = cluster.try_kubectl(&[&patch[..], &[&twice]].concat(), None).unwrap_err();
    assert!(refused.contains("renewals"), "{refused}");
    let later = told["status"]["expiresAt"].as_str().unwrap().parse::<Timestamp>().unwrap()
        + SignedDuration::from_hours(24);
    until("the renewal to be told", async || {
        let seen = hold(&cluster, "matter-7")?;
        (seen["status"]["expiresAt"] == json!(later)).then_some(())
    })
    .await;
    cluster.kubectl(&["-n", NAMESPACE, "delete", "legalhold", "matter-7", "--timeout=50s"]);
    let entries = read_log(&cluster, &name.tenant).await.1;
    let kinds: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::HoldOpened(e) => Some(("opened", &e.hold)),
            Entry::HoldRenewed(e) => Some(("renewed", &e.hold)),
            Entry::HoldClosed(e) => Some(("closed", &e.hold)),
            _ => None,
        })
        .collect();
    assert_eq!(kinds, [("opened", &hold_id), ("renewed", &hold_id), ("closed", &hold_id)]);
    // Now both keys may go; the hold's by a cause of its own.
    until("the keys to be allowed", async || {
        (deletable(&cluster, camera_key).await && deletable(&cluster, &hold_key).await).then_some(())
    })
    .await;
    let entries = read_log(&cluster, &name.tenant).await.1;
    assert!(
        entries.iter().any(|e| matches!(e, Entry::DestroyIntent(i) if i.key == hold_key && i.cause == DestroyCause::NoLongerNeeded)),
        "{entries:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preservation_order_makes_a_hold_that_outlives_it_and_a_hold_expires_by_itself() {
    let mut cluster = Cluster::start().await;
    let (tenant, _) = stage(&mut cluster).await;
    let folder = tempfile::tempdir().unwrap();
    let court = folder.path().join("court");
    let ssh = |arguments: &mut Command| assert!(arguments.status().unwrap().success());
    ssh(Command::new("ssh-keygen").args(["-q", "-N", "", "-C", "", "-t", "ed25519", "-f"]).arg(&court));
    let now = second(Timestamp::now());
    let mut order = json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalOrder",
        "metadata": {"name": "po-17", "namespace": NAMESPACE, "uid": "u-1"},
        "spec": {
            "kind": "PreservationOrder", "authority": "district-court", "court": "District Court", "docket": "17",
            "issuedAt": now - SignedDuration::from_hours(1), "expiresAt": now + SignedDuration::from_hours(5),
            "scope": {
                "tenant": tenant.to_string(), "cameras": [{"name": "door", "id": CAMERA}], "audio": false,
                "window": {"from": now - SignedDuration::from_hours(9), "to": now},
            },
            "documentDigest": format!("sha256:{}", "0".repeat(64)),
        },
    });
    let frozen = Frozen::read("LegalOrder", &order, Logged { index: 0, at: now }).unwrap();
    let message = folder.path().join("message");
    std::fs::write(&message, frozen.signed_bytes(&["signature"])).unwrap();
    ssh(Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", ORDER_NAMESPACE, "-f"])
        .arg(&court)
        .arg(&message));
    order["spec"]["signature"] = std::fs::read_to_string(folder.path().join("message.sig")).unwrap().into();
    order["metadata"].as_object_mut().unwrap().remove("uid");
    cluster.apply(&order);
    until("the order to be refused", async || {
        (reason(&get(&cluster, "legalorder", "po-17")?, "Ready")? == "AuthorityUnknown").then_some(())
    })
    .await;
    assert!(hold(&cluster, "hold-po-17").is_none());
    let public = std::fs::read_to_string(court.with_extension("pub")).unwrap().trim().to_owned();
    cluster.apply(&json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "SharingPolicy",
        "metadata": {"name": "building", "namespace": NAMESPACE},
        "spec": {
            "owners": [{"name": "a", "user": "a@example.com"}], "bases": {},
            "trustedAuthorities": [{"name": "district-court", "sshPublicKey": public}],
        },
    }));
    let seen = until("the order to be held", async || {
        let seen = get(&cluster, "legalorder", "po-17")?;
        (reason(&seen, "Ready")? == "Held").then_some(seen)
    })
    .await;
    assert_eq!((&seen["status"]["hold"], &seen["status"]["verified"]), (&json!("hold-po-17"), &json!(true)));
    let made = until("its hold", async || {
        let made = hold(&cluster, "hold-po-17")?;
        (reason(&made, "Ready")? == "Copying").then_some(made)
    })
    .await;
    assert_eq!(made["spec"]["reference"], json!({"kind": "LegalOrder", "name": "po-17"}));
    cluster.kubectl(&["-n", NAMESPACE, "delete", "legalorder", "po-17"]);
    assert!(hold(&cluster, "hold-po-17").is_some(), "it outlives its order");
    // Submitted again, it has its hold; when that is deleted, it says that nothing is kept for it.
    cluster.apply(&order);
    until("the order to be held again", async || {
        (reason(&get(&cluster, "legalorder", "po-17")?, "Ready")? == "Held").then_some(())
    })
    .await;
    cluster.kubectl(&["-n", NAMESPACE, "delete", "legalhold", "hold-po-17", "--timeout=50s"]);
    cluster.kubectl(&["-n", NAMESPACE, "annotate", "legalorder", "po-17", "test=ended"]);
    until("the order to say that its hold is gone", async || {
        (reason(&get(&cluster, "legalorder", "po-17")?, "Ready")? == "NotInForce").then_some(())
    })
    .await;

    // A short one comes to its end by itself, and can then be deleted like anything else.
    submit(&cluster, "short-one", "1m");
    let ended = until("the short one to end", async || {
        let seen = hold(&cluster, "short-one")?;
        (reason(&seen, "Ready")? == "Ended").then_some(seen)
    })
    .await;
    let ended_id = id(&ended).unwrap();
    until("its finalizer to go", async || {
        hold(&cluster, "short-one")?["metadata"]["finalizers"].is_null().then_some(())
    })
    .await;
    let entries = read_log(&cluster, &tenant).await.1;
    assert!(entries.iter().any(|e| matches!(e, Entry::HoldClosed(e) if e.hold == ended_id)), "{entries:?}");
}
