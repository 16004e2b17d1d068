//! Custody Owners: prepared, released by each owner, and opened.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use camerafleet_footage::{
    digest::hex,
    disclosure::{
        Bundle, Request,
        job::{Ending, PrepareConfig, ShareList},
        release_key_name,
    },
    ids::RequestUid,
    layout::Hour,
    log::entry,
    seal::{OwnersCustody, PublicKey, ShareContext, WindowContext, WindowCustody, WindowShare},
};
use jobs::disclosure::{JobError, prepare};
use serde_json::{Value, json};

use crate::stage::*;

/// An owner's ConfigMap.
type Map = (ShareList, Vec<u8>);

#[derive(Clone, Default)]
struct Maps(Arc<Mutex<BTreeMap<String, Map>>>);

impl prepare::Lists for Maps {
    async fn write(&self, name: &str, list: &ShareList, shares: Vec<u8>) -> Result<(), JobError> {
        self.0.lock().unwrap().insert(name.to_owned(), (list.clone(), shares));
        Ok(())
    }
}

/// What `kubectl footage approve` does with an owner's list.
fn opened(list: &ShareList, shares: &[u8], key: &age::x25519::Identity) -> Vec<WindowShare> {
    let mut rest = shares;
    let mut all = Vec::new();
    for window in &list.windows {
        let (length, after) = rest.split_first_chunk::<2>().unwrap();
        let (sealed, after) = after.split_at(u16::from_be_bytes(*length).into());
        rest = after;
        let context = ShareContext {
            window: WindowContext {
                tenant: tenant(),
                camera: window.camera.clone(),
                hour: window.hour.parse::<Hour>().unwrap(),
                window: window.window.clone(),
                threshold: window.threshold,
                shares: window.shares,
                commitment: camerafleet_footage::digest::unhex(&window.commitment).unwrap(),
            },
            index: window.index,
        };
        all.push(WindowShare::open(sealed, key, &context).unwrap());
    }
    assert!(rest.is_empty());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_of_owners_opens_and_fewer_do_not() {
    let keys = [(); 2].map(|()| age::x25519::Identity::generate());
    let recipients = keys.each_ref().map(|key| key.to_public().to_string());
    let mut owned = policy();
    owned["custody"] = "Owners".into();
    owned["consentThreshold"] = 2.into();
    for (i, recipient) in recipients.iter().enumerate() {
        owned["owners"][i]["ageRecipient"] = recipient.as_str().into();
    }
    let custody = OwnersCustody::new(2, recipients.iter().map(String::as_str)).unwrap();
    let script = Script {
        policy: owned.clone(),
        window_custody: Some(WindowCustody::Owners(custody)),
        approved: false,
        ..Script::default()
    };
    let mut stage = Stage::new(&script).await;

    // The operator makes the request's key; the prepare Job lists the shares.
    let uid = RequestUid::parse(REQUEST).unwrap();
    let release_key = release_key_name(&uid);
    let pem = stage.root.create_key(MOUNT, &release_key).await.unwrap();
    let public = PublicKey::from_pem(&release_key, &pem).unwrap();
    let fingerprint = hex(&public.fingerprint());
    let made = entry::KeyCreated { key: release_key.clone(), fingerprint: fingerprint.clone() };
    stage.log(vec![(&format!("key-created/{release_key}"), after(3_700), made.into())]).await;
    let request = stage.live().request.unwrap();
    let digest = Request::read(&frozen("DisclosureRequest", &request)).unwrap().digest();
    let stream_key = {
        let file = std::fs::read(stage.s3.folder("footage").join(stage.segments[0].key(PREFIX))).unwrap();
        camerafleet_footage::seal::SealedHeader::parse(&file).unwrap().identity.stream_key
    };
    let mut config = PrepareConfig {
        tenant: tenant(),
        request_uid: uid.clone(),
        request_digest: digest.to_string(),
        cameras: vec![camera()],
        from: after(script.window.0),
        to: after(script.window.1),
        store: stage.config("footage"),
        streams: [(stage.segments[0].stream.clone(), hex(&stream_key))].into(),
        policies: vec![spec(&owned)],
        owners: [("a@example.com".into(), "shares-a".into()), ("b@example.com".into(), "shares-b".into())]
            .into(),
        release_key: pem,
    };
    let maps = Maps::default();
    assert_eq!(prepare::run(&config, &stage.bucket("footage"), &maps).await.unwrap(), 1, "one hour's key");
    let lists = maps.0.lock().unwrap().clone();
    assert_eq!(lists.keys().collect::<Vec<_>>(), ["shares-a", "shares-b"]);

    let bundles: Vec<String> = keys
        .iter()
        .zip(lists.values())
        .map(|(key, (list, shares))| {
            Bundle::seal(&opened(list, shares, key), &public, &uid, &digest).unwrap()
        })
        .collect();
    let release = |i: usize| -> Value {
        json!({"bundle": bundles[i], "keyFingerprint": format!("sha256:{fingerprint}")})
    };
    let answer = |uid, who, release| approval(&request, uid, who, Some(release));
    // The second owner's bundle is the first one's: they agree, and their share is not there.
    stage.change(|live| {
        live.approvals =
            vec![answer(600, "a@example.com", release(0)), answer(601, "b@example.com", release(0))];
    });
    stage.see_approvals().await;
    stage.decide_and_intend(&script).await;
    let summary = stage.run().await;
    assert_eq!(
        (summary.outcome, summary.reason.as_str()),
        (Ending::Refused, "SharesIncomplete"),
        "{summary:?}"
    );
    assert_eq!(stage.packages(), [""; 0]);

    // In a tenant of its own, with both.
    let fresh = Script { window_custody: script.window_custody.clone(), policy: owned, ..script };
    let mut other = Stage::new(&fresh).await;
    let pem = other.root.create_key(MOUNT, &release_key).await.unwrap();
    let public = PublicKey::from_pem(&release_key, &pem).unwrap();
    let fingerprint = hex(&public.fingerprint());
    let made = entry::KeyCreated { key: release_key.clone(), fingerprint: fingerprint.clone() };
    other.log(vec![(&format!("key-created/{release_key}"), after(3_700), made.into())]).await;
    let request = other.live().request.unwrap();
    let digest = Request::read(&frozen("DisclosureRequest", &request)).unwrap().digest();
    let file = std::fs::read(other.s3.folder("footage").join(other.segments[0].key(PREFIX))).unwrap();
    let stream_key = camerafleet_footage::seal::SealedHeader::parse(&file).unwrap().identity.stream_key;
    config.store = other.config("footage");
    config.streams = [(other.segments[0].stream.clone(), hex(&stream_key))].into();
    let maps = Maps::default();
    prepare::run(&config, &other.bucket("footage"), &maps).await.unwrap();
    let lists = maps.0.lock().unwrap().clone();
    for (i, (key, (list, shares))) in keys.iter().zip(lists.values()).enumerate() {
        let bundle = Bundle::seal(&opened(list, shares, key), &public, &uid, &digest).unwrap();
        let release = json!({"bundle": bundle, "keyFingerprint": format!("sha256:{fingerprint}")});
        let who = ["a@example.com", "b@example.com"][i];
        let answer = approval(&request, 600 + u32::try_from(i).unwrap(), who, Some(release));
        other.change(|live| live.approvals.push(answer));
    }
    other.see_approvals().await;
    other.decide_and_intend(&fresh).await;
    let summary = other.run().await;
    assert_eq!(summary.outcome, Ending::Delivered, "{summary:?}");
    let said = manifest(&other.open(&summary.package.unwrap().key));
    assert_eq!(said["cameras"][0]["segments"].as_array().unwrap().len(), 3);

    // Headers of a stream that the log does not know are passed over.
    config.streams.clear();
    let none = prepare::run(&config, &other.bucket("footage"), &Maps::default()).await;
    assert!(matches!(none, Err(JobError::NothingStored)));
}
