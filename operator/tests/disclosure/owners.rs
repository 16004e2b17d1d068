//! Custody Owners: listed for each owner alone, released by a threshold of them, and opened.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use camerafleet_footage::{
    digest::{hex, unhex},
    disclosure::{
        Bundle, Digest32, RequestDigest,
        job::{Ending, SHARE_LIST_KEY, SHARES_KEY, ShareList},
        release_key_name,
    },
    ids::RequestUid,
    layout::Hour,
    log::Entry,
    seal::{PublicKey, ShareContext, WindowContext, WindowShare},
};
use serde_json::{Value, json};

use crate::{
    cluster::until,
    job::{run_job, run_prepare},
    stage::{MOUNT, NAMESPACE, Stage, condition, get, reason, uid},
};

/// What `kubectl footage approve` does with an owner's list: opens each share with the owner's key, checks what it is for,
/// and seals them to the request's key.
fn bundle(stage: &Stage, map: &Value, key: &age::x25519::Identity) -> Value {
    let list: ShareList = serde_json::from_str(map["data"][SHARE_LIST_KEY].as_str().unwrap()).unwrap();
    let shares = BASE64_STANDARD.decode(map["binaryData"][SHARES_KEY].as_str().unwrap()).unwrap();
    let (mut rest, mut all) = (&shares[..], Vec::new());
    for window in &list.windows {
        let (length, after) = rest.split_first_chunk::<2>().unwrap();
        let (sealed, after) = after.split_at(u16::from_be_bytes(*length).into());
        rest = after;
        let context = ShareContext {
            window: WindowContext {
                tenant: stage.tenant.clone(),
                camera: window.camera.clone(),
                hour: window.hour.parse::<Hour>().unwrap(),
                window: window.window.clone(),
                threshold: window.threshold,
                shares: window.shares,
                commitment: unhex(&window.commitment).unwrap(),
            },
            index: window.index,
        };
        all.push(WindowShare::open(sealed, key, &context).unwrap());
    }
    let uid = list.request_uid.clone();
    let public = PublicKey::from_pem(&release_key_name(&uid), &list.release_key).unwrap();
    let digest = RequestDigest(Digest32::parse(&list.request_digest).unwrap());
    json!({
        "bundle": Bundle::seal(&all, &public, &uid, &digest).unwrap(),
        "keyFingerprint": format!("sha256:{}", hex(&public.fingerprint())),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_of_owners_releases_and_each_sees_only_their_own_shares() {
    let keys = [(); 2].map(|()| age::x25519::Identity::generate());
    let [a, b] = keys.each_ref().map(|key| key.to_public().to_string());
    let stage = Stage::new(json!({
        "owners": [
            {"name": "a", "user": "a@example.com", "ageRecipient": a},
            {"name": "b", "user": "b@example.com", "ageRecipient": b},
        ],
        "consentThreshold": 2, "custody": "Owners",
        "bases": {"consent": {"maxWindow": "12h", "maxCameras": 4}},
    }))
    .await;
    let cluster = &stage.cluster;
    let asked = stage.ask("r-1", "Consent", json!({}));
    let seen = stage.request("r-1", "AwaitingApproval").await;
    let request = RequestUid::parse(uid(&asked)).unwrap();
    run_prepare(&stage, &asked).await;
    let names = [0, 1].map(|number| format!("shares-{request}-{number}"));
    for (who, other) in [("a@example.com", 1), ("b@example.com", 0)] {
        let own = format!("configmap/{}", names[1 - other]);
        until("the owner to see their shares", async || stage.may(who, "get", &own).then_some(())).await;
        assert!(!stage.may(who, "get", &format!("configmap/{}", names[other])), "{who}");
    }
    let entries = stage.entries().await;
    let release_key = release_key_name(&request);
    let made = |entry: &Entry| matches!(entry, Entry::KeyCreated(made) if made.key == release_key);
    assert!(entries.iter().any(made), "{entries:?}");

    let maps = names.each_ref().map(|name| get(cluster, "configmap", name).unwrap());
    // One who agrees and releases nothing is not enough.
    stage.approve(&seen, "one", "a@example.com", json!({"release": bundle(&stage, &maps[0], &keys[0])}));
    stage.approve(&seen, "two", "b@example.com", json!({}));
    let waiting = stage.request("r-1", "AwaitingKeyRelease").await;
    let message = condition(&waiting, "Ready").unwrap()["message"].as_str().unwrap();
    assert!(message.contains("release the keys' shares"), "{message}");
    stage.approve(&seen, "three", "b@example.com", json!({"release": bundle(&stage, &maps[1], &keys[1])}));
    stage.request("r-1", "Packaging").await;
    let summary = run_job(&stage, &asked).await;
    assert_eq!(summary.outcome, Ending::Delivered, "{summary:?}");
    stage.request("r-1", "Delivered").await;
    until("the shares to go", async || get(cluster, "configmap", &names[0]).is_none().then_some(())).await;
    for owner in ["a@example.com", "b@example.com"] {
        assert!(stage.may(owner, "get", "disclosurerequest/r-1"), "{owner}");
    }
    // The request's key goes: the operator says so and allows it; the retention job does it.
    cluster.kubectl(&["-n", NAMESPACE, "annotate", "retentionpolicy", "standard", "wake=1"]);
    until("the key to be allowed to go", async || {
        let key = cluster.bao.must("GET", &format!("{MOUNT}/keys/{release_key}"), Value::Null).await;
        (key["data"]["deletion_allowed"] == true).then_some(())
    })
    .await;
    let intended = stage.entries().await;
    let meant = |entry: &Entry| matches!(entry, Entry::DestroyIntent(meant) if meant.key == release_key);
    assert!(intended.iter().any(meant), "{intended:?}");
    assert_eq!(
        reason(&get(cluster, "disclosurerequest", "r-1").unwrap(), "Packaged").as_deref(),
        Some("Packaged")
    );
}
