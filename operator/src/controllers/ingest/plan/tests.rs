//! Tables of what is recorded and with which keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use camerafleet_crds::{Camera, ID_ANNOTATION, RetentionPolicy, SharingPolicy, Tenant};
use camerafleet_footage::{
    ids::{CameraId, PolicyId, TenantId},
    shard::{CameraConfig, OwnersConfig, ShardConfig, WindowConfig},
    vault::VaultError,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Time};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{Planned, Recorder, Wanted, shard, wanted};
use crate::{
    context::{EpochKeys, Placement},
    controllers::ingest::{gather::Observed, keys::Keys, revisions::Revisions},
};

fn tenant(spec: Value) -> Tenant {
    let mut base = json!({
        "namespace": "elm-street",
        "storage": {"s3": {"endpoint": "https://s3.example.com", "bucket": "footage", "credentials": {
            "ingest": {"name": "i"}, "retention": {"name": "r"}, "disclosure": {"name": "d"}}}},
        "cameraNetworks": ["198.51.100.0/24"],
    });
    base.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    Tenant::new("elm-street", serde_json::from_value(base).unwrap())
}

fn with_id<K: kube::Resource>(mut object: K, id: &str) -> Arc<K> {
    object.meta_mut().annotations.get_or_insert_default().insert(ID_ANNOTATION.into(), id.into());
    Arc::new(object)
}

fn camera(name: &str, spec: Value) -> Arc<Camera> {
    let mut base = json!({"source": {"url": "rtsp://198.51.100.7/stream"}});
    base.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    with_id(Camera::new(name, serde_json::from_value(base).unwrap()), &format!("c-{name}"))
}

fn retention(name: &str, epoch: &str) -> Arc<RetentionPolicy> {
    let spec = serde_json::from_value(json!({"keepFor": "30d", "keyEpoch": epoch})).unwrap();
    with_id(RetentionPolicy::new(name, spec), &format!("p-{name}"))
}

fn sharing(name: &str) -> Arc<SharingPolicy> {
    let spec = json!({"owners": [{"name": "a", "user": "a@example.com"}]});
    with_id(SharingPolicy::new(name, serde_json::from_value(spec).unwrap()), &format!("s-{name}"))
}

fn observed(cameras: Vec<Arc<Camera>>) -> Observed {
    Observed {
        tenant: TenantId::parse("t-1").unwrap(),
        cameras,
        duplicates: BTreeSet::new(),
        retention_policies: vec![retention("standard", "24h")],
        sharing_policies: vec![sharing("building")],
        camera_secrets: BTreeMap::new(),
        store: Some(Secret::default()),
        store_ca: Ok(None),
        current: None,
    }
}

fn now() -> Timestamp {
    "2026-11-25T13:30:00Z".parse().unwrap()
}

/// Keys as Vault would give them.
fn made(wanted: &Wanted) -> Keys {
    let pems = wanted.key_names().into_iter().map(|name| (name.clone(), format!("PEM of {name}"))).collect();
    Keys { pems, failure: None }
}

/// Every revision is in the log.
fn logged(wanted: &Wanted) -> Revisions {
    Revisions {
        logged: wanted.revisions.iter().map(|revision| revision.digest.clone()).collect(),
        assigned: wanted.cameras.keys().cloned().collect(),
    }
}

fn why<'a>(planned: &'a Planned, camera: &str) -> Option<&'a str> {
    match &planned.tenant_plan.cameras[camera] {
        Placement::Not { why, .. } => Some(why.reason),
        Placement::Shard { .. } => None,
    }
}

#[test]
fn a_camera_that_cannot_be_recorded_says_why() {
    let standard = json!({"retentionPolicyRef": {"name": "standard"}});
    let with = |extra: Value| {
        let mut spec = standard.clone();
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        spec
    };
    let source =
        json!({"source": {"url": "rtsp://198.51.100.7/s", "credentialsSecretRef": {"name": "front"}}});
    let cases = [
        ("no policy", json!({}), json!({}), Some("NoRetentionPolicy")),
        ("the tenant's default", json!({}), json!({"defaults": {"retentionPolicy": "standard"}}), None),
        (
            "an unknown policy",
            json!({"retentionPolicyRef": {"name": "x"}}),
            json!({}),
            Some("NoRetentionPolicy"),
        ),
        (
            "an unknown sharing policy",
            with(json!({"sharingPolicyRef": {"name": "x"}})),
            json!({}),
            Some("NoSharingPolicy"),
        ),
        ("a missing Secret", with(source), json!({}), Some("CredentialsMissing")),
        ("a suspended tenant", standard.clone(), json!({"suspend": true}), Some("Suspended")),
        ("a policy of its own", standard.clone(), json!({}), None),
    ];
    for (case, spec, tenant_spec, expected) in cases {
        let observed = observed(vec![camera("front", spec)]);
        let wanted = wanted(&tenant(tenant_spec), &observed, now());
        let planned = shard(&wanted, &observed, &made(&wanted), &logged(&wanted), now());
        assert_eq!(why(&planned, "front"), expected, "{case}");
    }
}

#[test]
fn audio_is_off_unless_the_camera_or_the_tenant_says_otherwise() {
    let on = json!({"defaults": {"retentionPolicy": "standard", "audio": "Enabled"}});
    let off = json!({"defaults": {"retentionPolicy": "standard"}});
    let cases = [
        (json!({}), &off, false),
        (json!({}), &on, true),
        (json!({"audio": "Disabled"}), &on, false),
        (json!({"audio": "Enabled"}), &off, true),
    ];
    for (spec, tenant_spec, expected) in cases {
        let wanted = wanted(&tenant(tenant_spec.clone()), &observed(vec![camera("a", spec)]), now());
        let config = &wanted.cameras[&CameraId::parse("c-a").unwrap()].config;
        assert_eq!(config.audio, expected);
    }
}

#[test]
fn keys_are_made_for_the_longer_of_two_epochs_and_26_hours() {
    let defaults = json!({"defaults": {"retentionPolicy": "standard"}});
    for (epoch, count) in [("24h", 3), ("12h", 4), ("1h", 27), ("1m", 11), ("59m", 11)] {
        let mut observed = observed(vec![camera("a", json!({}))]);
        observed.retention_policies = vec![retention("standard", epoch)];
        let wanted = wanted(&tenant(defaults.clone()), &observed, now());
        let epochs = &wanted.epochs[&PolicyId::parse("p-standard").unwrap()];
        assert_eq!(epochs.len(), count, "{epoch}");
        let (first, last) = (&epochs[0].0, &epochs[count - 1].0);
        assert!(first.start() <= now() && now() < first.end(), "{epoch}");
        let ahead = last.end().duration_since(now());
        assert!(epoch.ends_with('m') || ahead.as_hours() >= 26, "{epoch}: {ahead}");
        assert_eq!(wanted.next_epoch, Some(first.end()), "{epoch}");
    }
}

#[test]
fn how_far_keys_reach_is_told_by_the_policy_that_runs_out_first() {
    let mut observed =
        observed(vec![camera("a", json!({})), camera("b", json!({"retentionPolicyRef": {"name": "short"}}))]);
    observed.retention_policies = vec![retention("standard", "24h"), retention("short", "1h")];
    let wanted = wanted(&tenant(json!({"defaults": {"retentionPolicy": "standard"}})), &observed, now());
    let ahead = |keys: &Keys| shard(&wanted, &observed, keys, &logged(&wanted), now()).tenant_plan.epoch_keys;
    let short = &wanted.epochs[&PolicyId::parse("p-short").unwrap()];
    let mut keys = made(&wanted);
    assert_eq!(ahead(&keys), EpochKeys { missing: 0, end: Some(short[26].0.end()) });
    // One that comes after a missing one does not help.
    keys.pems.remove(&short[3].1);
    assert_eq!(ahead(&keys), EpochKeys { missing: 1, end: Some(short[2].0.end()) });
    keys.pems.clear();
    let all = wanted.epochs.values().map(Vec::len).sum();
    assert_eq!(ahead(&keys), EpochKeys { missing: all, end: Some("2026-11-25T00:00:00Z".parse().unwrap()) });
}

/// A shard that was told `cameras` with all keys, at `now`.
fn told(cameras: Vec<Arc<Camera>>) -> ShardConfig {
    let observed = observed(cameras);
    let wanted = wanted(&tenant(json!({"defaults": {"retentionPolicy": "standard"}})), &observed, now());
    config(shard(&wanted, &observed, &made(&wanted), &logged(&wanted), now()))
}

fn config(planned: Planned) -> ShardConfig {
    match planned.recorder {
        Recorder::Told(config) => *config,
        other => panic!("no recorder was told: {other:?}"),
    }
}

#[test]
fn while_vault_is_away_what_was_told_stays_and_what_is_new_waits() {
    let defaults = tenant(json!({"defaults": {"retentionPolicy": "standard"}}));
    let mut observed = observed(vec![camera("old", json!({})), camera("new", json!({}))]);
    observed.current = Some(told(vec![camera("old", json!({}))]));
    // A week later: every epoch that the shard has a key for is over.
    let later = now() + jiff::SignedDuration::from_hours(24 * 7);
    let wanted = wanted(&defaults, &observed, later);
    let current = observed.current.as_ref().unwrap();
    let pems = current
        .cameras
        .values()
        .filter_map(CameraConfig::camera_key)
        .map(|k| (k.name.clone(), k.pem.clone()));
    let keys = Keys { pems: pems.collect(), failure: Some(VaultError::Sealed.into()) };
    let planned = shard(&wanted, &observed, &keys, &logged(&wanted), later);
    assert_eq!(why(&planned, "old"), None);
    assert_eq!(why(&planned, "new"), Some("KeysNotReady"));
    let config = config(planned);
    assert_eq!(config.cameras.keys().map(CameraId::as_str).collect::<Vec<_>>(), ["c-old"]);
    let last = current.epoch_keys.values().flatten().next_back();
    assert_eq!(
        config.epoch_keys.values().flatten().collect::<Vec<_>>(),
        last.into_iter().collect::<Vec<_>>()
    );
}

#[test]
fn a_past_epochs_key_leaves_the_shard_after_its_epoch() {
    let mut observed = observed(vec![camera("a", json!({}))]);
    observed.current = Some(told(vec![camera("a", json!({}))]));
    let tomorrow = now() + jiff::SignedDuration::from_hours(24);
    let wanted = wanted(&tenant(json!({"defaults": {"retentionPolicy": "standard"}})), &observed, tomorrow);
    let config = config(shard(&wanted, &observed, &made(&wanted), &logged(&wanted), tomorrow));
    let starts: Vec<i64> = config.epoch_keys.values().flatten().map(|k| k.start).collect();
    assert_eq!(starts.len(), 3);
    assert!(starts.iter().all(|start| start + 86_400 > tomorrow.as_second()));
}

#[test]
fn without_a_store_nothing_changes_and_everything_says_so() {
    let mut observed = observed(vec![camera("a", json!({}))]);
    observed.store = None;
    let wanted = wanted(&tenant(json!({"defaults": {"retentionPolicy": "standard"}})), &observed, now());
    let planned = shard(&wanted, &observed, &made(&wanted), &logged(&wanted), now());
    assert_eq!(planned.recorder, Recorder::LeftAlone);
    assert_eq!(why(&planned, "a"), Some("StoreUnavailable"));
}

#[test]
fn a_plan_names_every_camera_that_has_an_identity() {
    let mut fresh = (*camera("fresh", json!({}))).clone();
    fresh.annotations_mut().clear();
    let observed = observed(vec![camera("a", json!({})), Arc::new(fresh)]);
    let wanted = wanted(&tenant(json!({"defaults": {"retentionPolicy": "standard"}})), &observed, now());
    let planned = shard(&wanted, &observed, &made(&wanted), &logged(&wanted), now());
    assert_eq!(planned.tenant_plan.cameras.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_copy_with_anothers_id_is_never_recorded() {
    let mut copy = (*camera("copy", json!({}))).clone();
    copy.metadata.uid = Some("u-2".into());
    copy.annotations_mut().insert(ID_ANNOTATION.into(), "c-a".into());
    let mut observed = observed(vec![camera("a", json!({})), Arc::new(copy)]);
    observed.duplicates = BTreeSet::from(["u-2".to_owned()]);
    let wanted = wanted(&tenant(json!({"defaults": {"retentionPolicy": "standard"}})), &observed, now());
    let planned = shard(&wanted, &observed, &made(&wanted), &logged(&wanted), now());
    assert_eq!((why(&planned, "a"), why(&planned, "copy")), (None, Some("DuplicateId")));
}

/// The store's Secret may go with the tenant that it was made for.
#[test]
fn a_deleted_or_suspended_tenant_is_recorded_no_more_whatever_else_is_missing() {
    let mut observed = observed(vec![camera("a", json!({}))]);
    observed.current = Some(told(vec![camera("a", json!({}))]));
    observed.store = None;
    let defaults = json!({"retentionPolicy": "standard"});
    let suspended = tenant(json!({"defaults": defaults.clone(), "suspend": true}));
    let mut deleted = tenant(json!({"defaults": defaults}));
    deleted.metadata.deletion_timestamp = Some(Time(now()));
    for (tenant, reason) in [(suspended, "Suspended"), (deleted, "TenantDraining")] {
        let wanted = wanted(&tenant, &observed, now());
        let planned = shard(&wanted, &observed, &made(&wanted), &logged(&wanted), now());
        assert_eq!((why(&planned, "a"), &planned.recorder), (Some(reason), &Recorder::Gone));
    }
}

#[test]
fn a_quota_refuses_the_camera_that_came_last_and_never_one_that_is_recorded() {
    let declared = |name: &str, second: i64| {
        let mut camera = (*camera(name, json!({}))).clone();
        camera.metadata.creation_timestamp = Some(Time(now() + SignedDuration::from_secs(second)));
        Arc::new(camera)
    };
    // By name the newest comes first.
    let mut observed = observed(vec![declared("a", 3), declared("b", 1), declared("c", 2)]);
    let refused = |observed: &Observed, most: u32| {
        let tenant = tenant(json!({"defaults": {"retentionPolicy": "standard"}, "quota": {"cameras": most}}));
        let wanted = wanted(&tenant, observed, now());
        let planned = shard(&wanted, observed, &made(&wanted), &logged(&wanted), now());
        ["a", "b", "c"]
            .into_iter()
            .filter(|name| why(&planned, name) == Some("QuotaExceeded"))
            .collect::<Vec<_>>()
    };
    assert_eq!(refused(&observed, 3), [""; 0]);
    assert_eq!(refused(&observed, 2), ["a"]);
    assert_eq!(refused(&observed, 1), ["a", "c"]);
    // Recorded already: a smaller quota, or an older camera declared anew, takes nothing away.
    observed.current = Some(told(vec![declared("a", 3), declared("c", 2)]));
    assert_eq!(refused(&observed, 2), ["b"]);
    assert_eq!(refused(&observed, 1), ["b"]);
}

#[test]
fn under_a_deleted_policy_goes_on_what_was_recorded_and_nothing_new_begins() {
    let mut observed = observed(vec![camera("old", json!({})), camera("new", json!({}))]);
    observed.current = Some(told(vec![camera("old", json!({}))]));
    let mut policy = (*retention("standard", "24h")).clone();
    policy.metadata.deletion_timestamp = Some(Time(now()));
    observed.retention_policies = vec![Arc::new(policy)];
    let wanted = wanted(&tenant(json!({"defaults": {"retentionPolicy": "standard"}})), &observed, now());
    let planned = shard(&wanted, &observed, &made(&wanted), &logged(&wanted), now());
    assert_eq!((why(&planned, "old"), why(&planned, "new")), (None, Some("NoRetentionPolicy")));
}

const RECIPIENTS: [&str; 2] = [
    "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
    "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
];

fn owned(owners: &[Option<&str>], threshold: Value) -> Arc<SharingPolicy> {
    let owner = |(i, recipient): (usize, &Option<&str>)| json!({"name": format!("o-{i}"), "user": format!("{i}@example.com"), "ageRecipient": recipient});
    let owners: Vec<Value> = owners.iter().enumerate().map(owner).collect();
    let spec = json!({"owners": owners, "consentThreshold": threshold, "custody": "Owners"});
    with_id(SharingPolicy::new("building", serde_json::from_value(spec).unwrap()), "s-building")
}

#[test]
fn under_custody_owners_the_recorder_is_told_the_owners_and_no_camera_key_is_made() {
    let shared = json!({"defaults": {"retentionPolicy": "standard", "sharingPolicy": "building"}});
    let both = RECIPIENTS.map(Some);
    for (policy, expected) in [
        (owned(&both, Value::Null), Ok(2)),
        (owned(&both, json!(1)), Ok(1)),
        (owned(&both[..1], Value::Null), Ok(1)),
        (owned(&[both[0], None], json!(1)), Err("OwnersKeysUnusable")),
        (owned(&[both[0], both[0]], json!(1)), Err("OwnersKeysUnusable")),
        (owned(&[Some("age1x")], json!(1)), Err("OwnersKeysUnusable")),
    ] {
        let mut observed = observed(vec![camera("a", json!({}))]);
        observed.sharing_policies = vec![policy];
        let wanted = wanted(&tenant(shared.clone()), &observed, now());
        let planned = shard(&wanted, &observed, &made(&wanted), &logged(&wanted), now());
        let found = match why(&planned, "a") {
            Some(why) => Err(why),
            None => match &config(planned).cameras[&CameraId::parse("c-a").unwrap()].window {
                WindowConfig::Owners(OwnersConfig { threshold, recipients }) => {
                    assert!(
                        RECIPIENTS.starts_with(&recipients.iter().map(String::as_str).collect::<Vec<_>>())
                    );
                    Ok(*threshold)
                }
                WindowConfig::Vault { .. } => panic!("Vault would keep the window keys"),
            },
        };
        assert_eq!(found, expected);
        assert!(wanted.key_names().iter().all(|name| !name.starts_with("camera-")));
    }
}

#[test]
fn a_revision_is_recorded_under_only_once_it_is_logged() {
    let shared = tenant(json!({"defaults": {"retentionPolicy": "standard", "sharingPolicy": "building"}}));
    let mut observed = observed(vec![camera("old", json!({}))]);
    let plan = |observed: &Observed, revisions: Option<Revisions>| {
        let wanted = wanted(&shared, observed, now());
        let revisions = revisions.unwrap_or_else(|| logged(&wanted));
        shard(&wanted, observed, &made(&wanted), &revisions, now())
    };
    observed.current = Some(config(plan(&observed, None)));
    let before = observed.current.clone().unwrap();
    // The policy becomes another one, and the log cannot be reached.
    observed.sharing_policies = vec![owned(&RECIPIENTS.map(Some), Value::Null)];
    observed.cameras.push(camera("new", json!({})));
    let old = CameraId::parse("c-old").unwrap();
    let nothing = plan(&observed, Some(Revisions::default()));
    assert_eq!((why(&nothing, "old"), why(&nothing, "new")), (None, Some("RevisionNotLogged")));
    assert_eq!(config(nothing).cameras[&old], before.cameras[&old]);
    // It is logged: both are recorded under it.
    let after = config(plan(&observed, None));
    assert_eq!(after.cameras.len(), 2);
    assert_ne!(after.cameras[&old].sharing_policy_digest, before.cameras[&old].sharing_policy_digest);
    assert!(matches!(after.cameras[&old].window, WindowConfig::Owners(OwnersConfig { threshold: 2, .. })));
}
