//! Which keys are destroyed, and what that means.

use std::{
    io::Read as _,
    sync::{Arc, atomic::AtomicUsize},
};

use camerafleet_footage::{
    custody::{self, CustodyError},
    ids::{CameraId, TenantId},
    layout::{Epoch, epoch_key_name},
    log::LOG_KEY,
    retention::Outcome,
    seal::{SealedHeader, SegmentExpectation, open},
    vault::{Vault, VaultError},
};
use jiff::Timestamp;
use jobs::retention::{Keys, run};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    bao::Bao,
    support::{Fault, Faulty, MOUNT, PREFIX, Policy, S3, TENANT, ago, epoch, job, policy_id, seal, segment},
};

/// The retention role's own policy, for a token that stands for its ServiceAccount in this namespace.
const HCL: &str = include_str!("../../../operator/src/vault_setup/policies/retention.hcl");
const NAMESPACE: &str = "{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}";

pub async fn retention_role(bao: &Bao) -> Vault {
    let hcl = HCL.replace(NAMESPACE, "elm-street").replace("@MOUNT_PREFIX@", "camerafleet");
    bao.with_token(&bao.token_with_policy("retention", &hcl).await)
}

/// All keys but the log's.
pub async fn keys_left(vault: &Vault) -> Vec<String> {
    let keys = vault.list_keys(MOUNT).await.unwrap();
    keys.into_iter().filter(|name| name != LOG_KEY).collect()
}

pub fn key(epoch: &Epoch) -> String {
    epoch_key_name(&policy_id(), epoch)
}

#[tokio::test]
async fn only_keys_that_are_named_and_due_are_destroyed() {
    let (s3, bao) = (S3::start(), Bao::start().await);
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let [due, unnamed, late, forbidden, present, emptied] = [9, 8, 7, 6, 0, 10].map(epoch);
    let names = [&due, &unnamed, &late, &forbidden, &present, &emptied].map(key);
    let [due_key, unnamed_key, late_key, forbidden_key, present_key, emptied_key] = names.each_ref();
    let others = ["camera-c-1".to_owned(), "epoch-p-2-20200101T000000Z-60".to_owned()];
    for name in names.iter().chain(&others) {
        root.create_key(MOUNT, name).await.unwrap();
        if name != forbidden_key {
            root.allow_deletion(MOUNT, name).await.unwrap();
        }
    }
    for epoch in [due, unnamed, forbidden] {
        s3.put(&segment("p-1", epoch, "c-1", 0).key(PREFIX), b"sealed", ago(300));
    }
    s3.put(&segment("p-1", late, "c-1", 0).key(PREFIX), b"sealed", ago(10));

    let policy = Policy::new("1h");
    let named = [due_key, late_key, forbidden_key, present_key, emptied_key, &others[0], &others[1]];
    policy.intend(&s3, &root, &named.map(String::as_str)).await;
    let session = Keys::Session(retention_role(&bao).await);
    let report = run(&job(&s3, s3.store(), &policy, Some(session))).await;

    let mut left = keys_left(&root).await;
    left.sort();
    let mut expected =
        [unnamed_key, late_key, forbidden_key, present_key, &others[0], &others[1]].map(Clone::clone);
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!((report.summary.outcome, report.summary.destroyed_keys), (Outcome::Done, 2), "{report:?}");
    assert_eq!(
        report.not_allowed.as_slice(),
        std::slice::from_ref(forbidden_key),
        "the operator's word is still to come"
    );

    // A key that is gone already is done, and the next run does the rest.
    root.allow_deletion(MOUNT, forbidden_key).await.unwrap();
    policy.intend(&s3, &root, &[due_key, forbidden_key]).await;
    let session = Keys::Session(retention_role(&bao).await);
    let report = run(&job(&s3, s3.store(), &policy, Some(session))).await;
    assert_eq!(report.summary.outcome, Outcome::Done, "{report:?}");
    assert!(!keys_left(&root).await.contains(forbidden_key));
}

#[tokio::test]
async fn a_cameras_key_goes_when_nothing_of_it_is_left_under_any_policy() {
    let (s3, bao) = (S3::start(), Bao::start().await);
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    // Nothing is left of the first; of the others something is, here or under another policy, or they are declared.
    let keys = ["c-1", "c-2", "c-3", "c-4"].map(|camera| format!("camera-{camera}"));
    for key in &keys {
        root.create_key(MOUNT, key).await.unwrap();
        root.allow_deletion(MOUNT, key).await.unwrap();
    }
    s3.put(&segment("p-1", epoch(0), "c-2", 0).key(PREFIX), b"sealed", ago(1));
    s3.put(&segment("p-2", epoch(9), "c-3", 0).key(PREFIX), b"sealed", ago(500));
    let mut policy = Policy::new("1h");
    policy.cameras = vec!["c-4".to_owned()];
    policy.intend(&s3, &root, &keys.each_ref().map(String::as_str)).await;
    let session = Keys::Session(retention_role(&bao).await);
    let report = run(&job(&s3, s3.store(), &policy, Some(session))).await;
    let mut left = keys_left(&root).await;
    left.sort();
    assert_eq!(left, keys[1..], "{report:?}");
    assert_eq!((report.summary.outcome, report.summary.destroyed_keys), (Outcome::Done, 1));
}

/// Keys are made ahead: a policy that is deleted does not wait for those that were never used.
#[tokio::test]
async fn a_deleted_policys_unused_keys_go_before_their_epochs_are_over() {
    let (s3, bao) = (S3::start(), Bao::start().await);
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let [ahead, used] = [-3, 1].map(epoch);
    let keys = [&ahead, &used].map(key);
    for key in &keys {
        root.create_key(MOUNT, key).await.unwrap();
        root.allow_deletion(MOUNT, key).await.unwrap();
    }
    s3.put(&segment("p-1", used, "c-1", 0).key(PREFIX), b"sealed", ago(1));
    let policy = Policy::new("1h");
    policy.intend(&s3, &root, &keys.each_ref().map(String::as_str)).await;
    let deleted = Time(Timestamp::now());
    for (deletion, left) in [(None, &keys[..]), (Some(deleted), &keys[1..])] {
        policy.change(|policy| policy.metadata.deletion_timestamp = deletion);
        let session = Keys::Session(retention_role(&bao).await);
        let report = run(&job(&s3, s3.store(), &policy, Some(session))).await;
        let mut found = keys_left(&root).await;
        found.sort_by_key(|name| keys.iter().position(|key| key == name));
        assert_eq!(found, left, "{report:?}");
    }
}

#[tokio::test]
async fn objects_that_cannot_be_deleted_keep_no_key_alive() {
    let (s3, bao) = (S3::start(), Bao::start().await);
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let name = key(&epoch(5));
    root.create_key(MOUNT, &name).await.unwrap();
    root.allow_deletion(MOUNT, &name).await.unwrap();
    s3.put(&segment("p-1", epoch(5), "c-1", 0).key(PREFIX), b"sealed", ago(300));
    let policy = Policy::new("1h");
    policy.intend(&s3, &root, &[&name]).await;
    let refuses = Faulty { store: s3.store(), fault: Fault::Refuses, requests: AtomicUsize::new(0) };
    let session = Keys::Session(retention_role(&bao).await);
    let report = run(&job(&s3, Arc::new(refuses), &policy, Some(session))).await;
    assert_eq!(keys_left(&root).await, [""; 0], "{report:?}");
    assert_eq!(report.summary.outcome, Outcome::Incomplete);
    assert_eq!((report.summary.overdue_objects, report.summary.destroyed_keys), (1, 1));
}

/// While Vault is away nobody can read footage either; and what is held is told by a log that it signs.
#[tokio::test]
async fn a_vault_that_is_away_keeps_objects_only_where_a_log_knows_of_holds() {
    let s3 = S3::start();
    s3.put(&segment("p-1", epoch(5), "c-1", 0).key(PREFIX), b"sealed", ago(300));
    let policy = Policy::new("1h");
    policy.name(&[(&key(&epoch(5)), Some(0))]);
    let away = Keys::Login { token_file: "/nonexistent".into() };
    let report = run(&job(&s3, s3.store(), &policy, Some(away))).await;
    assert_eq!(s3.keys("elm/t-1/footage").len(), 1);
    assert_eq!(
        (report.summary.outcome, report.summary.reason.as_str()),
        (Outcome::Incomplete, "HoldsUnreadable")
    );
    let report = run(&job(&s3, s3.store(), &policy, None)).await;
    assert_eq!(s3.keys("elm/t-1/footage"), [""; 0]);
    assert_eq!(report.summary.outcome, Outcome::Incomplete, "{report:?}");
    assert_eq!(report.summary.deleted_objects, 1);
}

#[tokio::test]
async fn a_saved_copy_does_not_open_after_its_key_is_destroyed() {
    let (s3, bao) = (S3::start(), Bao::start().await);
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let (tenant, camera) = (TenantId::parse(TENANT).unwrap(), CameraId::parse("c-1").unwrap());
    let of = epoch(5);
    let (name, copy) = seal(&root, of, "c-1").await;
    s3.put(&name.key(PREFIX), &copy, ago(250));

    let header = SealedHeader::parse(&copy).unwrap();
    let (window, share) = custody::unwrap(&root, MOUNT, &header).await.unwrap();
    let expected = SegmentExpectation { tenant, camera, stream_key: None };
    let mut media = Vec::new();
    open(copy.as_slice(), &expected, window, share).unwrap().read_to_end(&mut media).unwrap();
    assert_eq!(media, b"a frame", "before, the copy opens");

    let policy = Policy::new("1h");
    policy.intend(&s3, &root, &[&key(&of)]).await;
    root.allow_deletion(MOUNT, &key(&of)).await.unwrap();
    let session = Keys::Session(retention_role(&bao).await);
    let report = run(&job(&s3, s3.store(), &policy, Some(session))).await;
    assert_eq!((report.summary.deleted_objects, report.summary.destroyed_keys), (1, 1), "{report:?}");
    assert_eq!(s3.keys("elm/t-1/footage"), [""; 0]);
    let gone = custody::unwrap(&root, MOUNT, &header).await;
    assert!(matches!(gone, Err(CustodyError::Vault(VaultError::NoSuchKey { name, .. })) if name == key(&of)));
}
