//! What a hold keeps, copies and delays, and what it does not.

use std::{
    io::Read as _,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use camerafleet_crds::LegalHold;
use camerafleet_footage::{
    custody,
    hold::{HoldReport, Sidecar, epoch_share},
    ids::{CameraId, HoldId, TenantId},
    layout::{Epoch, SegmentName, epoch_key_name},
    log::{
        Entry,
        entry::{HoldClosed, HoldOpened, HoldRenewed},
    },
    retention::Outcome,
    seal::{AuthenticatedHeader, SealedHeader, SegmentExpectation, open},
    vault::Vault,
};
use jiff::{SignedDuration, Timestamp};
use jobs::retention::{Keys, Report, run};

use crate::{
    bao::Bao,
    keys::{key, keys_left, retention_role},
    support::{
        Fault, Faulty, MOUNT, PREFIX, Policy, S3, TENANT, ago, epoch, job, legal_hold, log, policy_id, seal,
        segment,
    },
};

struct Stage {
    s3: S3,
    bao: Bao,
    root: Vault,
    policy: Policy,
}

impl Stage {
    async fn new() -> Self {
        let (s3, bao) = (S3::start(), Bao::start().await);
        let root = bao.root();
        root.ensure_transit_mount(MOUNT).await.unwrap();
        log(&s3, &root, &[("key-created".to_owned(), opened("h-0", ago(60)))]).await;
        log(&s3, &root, &[("hold-closed/h-0".to_owned(), closed("h-0"))]).await;
        Self { s3, bao, root, policy: Policy::new("1h") }
    }

    async fn run(&self) -> Report {
        let session = Keys::Session(retention_role(&self.bao).await);
        run(&job(&self.s3, self.s3.store(), &self.policy, Some(session))).await
    }

    /// A sealed minute that came into the store at its end.
    async fn record(&self, of: Epoch, camera: &str) -> (SegmentName, Vec<u8>) {
        let (name, file) = seal(&self.root, of, camera).await;
        let stored = Timestamp::from_millisecond(name.end_ms()).unwrap();
        self.s3.put(&name.key(PREFIX), &file, stored);
        (name, file)
    }

    /// What the operator does for a hold.
    async fn open_hold(&self, hold: &LegalHold) {
        let id = hold.metadata.name.as_deref().unwrap();
        self.root.create_key(MOUNT, &format!("hold-{id}")).await.unwrap();
        let expires_at = Timestamp::now() + SignedDuration::from_hours(20);
        log(&self.s3, &self.root, &[(format!("hold-opened/{id}"), opened(id, expires_at))]).await;
    }

    async fn close_hold(&self, id: &str) {
        log(&self.s3, &self.root, &[(format!("hold-closed/{id}"), closed(id))]).await;
    }

    /// The operator names keys, and Vault lets them go.
    async fn intend(&self, keys: &[&str]) {
        for key in keys {
            self.root.allow_deletion(MOUNT, key).await.unwrap();
        }
        self.policy.intend(&self.s3, &self.root, keys).await;
    }
}

/// The copies, without the reports of them.
fn sidecars(s3: &S3) -> Vec<String> {
    s3.keys("elm/t-1/holds").into_iter().filter(|key| !key.ends_with(".json")).collect()
}

fn opened(id: &str, expires_at: Timestamp) -> Entry {
    HoldOpened {
        hold: id.to_owned(),
        cameras: Vec::new(),
        all_cameras: true,
        from: ago(1_000),
        to: ago(1),
        expires_at,
        reference: "Matter/7".to_owned(),
    }
    .into()
}

fn closed(id: &str) -> Entry {
    HoldClosed { hold: id.to_owned() }.into()
}

fn header(file: &[u8], camera: &str) -> AuthenticatedHeader {
    SealedHeader::parse(file).unwrap().authenticate(&expected(camera)).unwrap()
}

fn expected(camera: &str) -> SegmentExpectation {
    let (tenant, camera) = (TenantId::parse(TENANT).unwrap(), CameraId::parse(camera).unwrap());
    SegmentExpectation { tenant, camera, stream_key: None }
}

#[tokio::test]
async fn a_hold_on_one_camera_keeps_it_readable_and_delays_nothing_else() {
    let stage = Stage::new().await;
    let of = epoch(5);
    let (held, held_file) = stage.record(of, "c-1").await;
    let (_, free_file) = stage.record(of, "c-2").await;
    let (_, before) = (stage.record(epoch(9), "c-1").await, stage.s3.keys("").len());
    let hold = legal_hold("h-1", of, &["c-1"]);
    stage.policy.hold(std::slice::from_ref(&hold));
    stage.open_hold(&hold).await;
    let names = [of, epoch(9)].map(|epoch| epoch_key_name(&policy_id(), &epoch));
    stage.intend(&names.each_ref().map(String::as_str)).await;

    let report = stage.run().await;
    assert_eq!((report.summary.outcome, report.summary.deleted_objects), (Outcome::Done, 2), "{report:?}");
    assert_eq!(stage.s3.keys("elm/t-1/footage"), [held.key(PREFIX)]);
    assert_eq!(stage.s3.read(&held.key(PREFIX)), held_file, "stored segments never change");
    assert_eq!(report.summary.held_bytes, held_file.len() as u64);
    // One sidecar, one report of the hold, one of the run, the day's census, and nothing else.
    let digest = header(&held_file, "c-1").header().digest();
    let sidecars = sidecars(&stage.s3);
    assert_eq!(sidecars, [format!("elm/t-1/holds/h-1/{}", camerafleet_footage::digest::hex(&digest))]);
    assert_eq!(stage.s3.keys("").len(), before - 2 + 4);
    let told: HoldReport = serde_json::from_slice(&stage.s3.read("elm/t-1/holds/h-1/p-1.json")).unwrap();
    assert_eq!(
        (told.total().segments, told.total().copied, told.total().bytes),
        (1, 1, held_file.len() as u64)
    );

    // Both epochs' keys are gone: the other camera's saved copy opens no more, what is held still does.
    assert_eq!(report.summary.destroyed_keys, 2, "{report:?}");
    assert!(!keys_left(&stage.root).await.iter().any(|name| names.contains(name)));
    let gone = custody::unwrap(&stage.root, MOUNT, &SealedHeader::parse(&free_file).unwrap()).await;
    assert!(gone.is_err(), "a saved copy of what is not held");
    let sealed = header(&held_file, "c-1");
    let window = custody::window_key(&stage.root, MOUNT, sealed.header()).await.unwrap();
    let sidecar = Sidecar::from_json(&stage.s3.read(&sidecars[0])).unwrap();
    let id = HoldId::parse("h-1").unwrap();
    let share = epoch_share(&stage.root, MOUNT, &id, &sealed, &sidecar).await.unwrap();
    let mut media = Vec::new();
    open(held_file.as_slice(), &expected("c-1"), window, share).unwrap().read_to_end(&mut media).unwrap();
    assert_eq!(media, b"a frame");

    // At rest nothing is written: no report of a run, either.
    let objects = stage.s3.keys("");
    stage.policy.name(&[]);
    std::fs::remove_file(stage.s3.file("elm/t-1/reports/retention/p-1/retention-p-1-1.json")).unwrap();
    let again = stage.run().await;
    assert_eq!(again.summary.outcome, Outcome::Done, "{again:?}");
    assert_eq!(stage.s3.keys("").len(), objects.len() - 1);

    // It ends: its copies, its key and what it held go.
    stage.policy.hold(&[]);
    stage.close_hold("h-1").await;
    stage.intend(&["hold-h-1"]).await;
    let over = stage.run().await;
    assert_eq!((over.summary.deleted_objects, over.summary.destroyed_keys), (1, 1), "{over:?}");
    assert_eq!(stage.s3.keys("elm/t-1/footage"), [""; 0]);
    assert_eq!(stage.s3.keys("elm/t-1/holds"), ["elm/t-1/holds/census-p-1.json"]);
}

#[tokio::test]
async fn a_hold_that_comes_during_a_run_takes_effect_before_the_next_batch_and_key() {
    let stage = Stage::new().await;
    let of = epoch(5);
    let (held, _) = stage.record(of, "c-1").await;
    let hold = legal_hold("h-1", of, &["c-1"]);
    // The run begins without it; before the first batch it is there, without a key yet.
    stage.policy.answer([Some(Vec::new()), Some(vec![hold.clone()])]);
    let name = key(&of);
    stage.intend(&[&name]).await;
    let report = stage.run().await;
    assert_eq!(stage.s3.keys("elm/t-1/footage"), [held.key(PREFIX)], "{report:?}");
    assert!(keys_left(&stage.root).await.contains(&name));
    assert_eq!((report.summary.destroyed_keys, report.summary.uncopied_epochs), (0, 1), "{report:?}");
    assert!(report.summary.held_bytes > 0);
    // It comes even after the copies for others were checked: the last look is right before the key goes.
    let other = legal_hold("h-2", of, &[]);
    stage.open_hold(&hold).await;
    let answers = std::iter::repeat_n(vec![hold.clone()], 2).chain([vec![hold, other]]).map(Some);
    stage.policy.answer(answers);
    let report = stage.run().await;
    assert!(keys_left(&stage.root).await.contains(&name), "{report:?}");
    assert_eq!(report.summary.uncopied_epochs, 1, "{report:?}");
}

#[tokio::test]
async fn copying_that_was_killed_is_finished_by_the_next_run() {
    let stage = Stage::new().await;
    let of = epoch(1);
    for camera in ["c-1", "c-2", "c-3", "c-4"] {
        stage.record(of, camera).await;
    }
    let hold = legal_hold("h-1", of, &[]);
    stage.policy.hold(std::slice::from_ref(&hold));
    stage.open_hold(&hold).await;
    let takes = Faulty { store: stage.s3.store(), fault: Fault::TakesOnly(2), requests: AtomicUsize::new(0) };
    let session = Keys::Session(retention_role(&stage.bao).await);
    let hanging = job(&stage.s3, Arc::new(takes), &stage.policy, Some(session));
    let killed = tokio::time::timeout(Duration::from_secs(15), run(&hanging)).await;
    assert!(killed.is_err(), "it hangs");
    let first = sidecars(&stage.s3);
    assert_eq!(first.len(), 2);
    // One of them is damaged meanwhile.
    std::fs::write(stage.s3.file(&first[0]), b"{}").unwrap();

    let report = stage.run().await;
    assert_eq!(report.summary.outcome, Outcome::Done, "{report:?}");
    assert_eq!(sidecars(&stage.s3).len(), 4);
    Sidecar::from_json(&stage.s3.read(&first[0])).unwrap();
    let told: HoldReport = serde_json::from_slice(&stage.s3.read("elm/t-1/holds/h-1/p-1.json")).unwrap();
    assert_eq!((told.total().segments, told.total().copied), (4, 4));
    // Something nobody can open is kept, and keeps nothing else from being copied.
    let forged = segment("p-1", of, "c-5", 0).key(PREFIX);
    stage.s3.put(&forged, b"no segment", ago(1));
    stage.run().await;
    let told: HoldReport = serde_json::from_slice(&stage.s3.read("elm/t-1/holds/h-1/p-1.json")).unwrap();
    assert_eq!((told.total().segments, told.total().copied), (5, 4));
}

#[tokio::test]
async fn holds_that_cannot_be_told_stop_all_deletion() {
    let stage = Stage::new().await;
    let of = epoch(5);
    let (name, _) = stage.record(of, "c-1").await;
    let epoch_key = key(&of);
    stage.intend(&[&epoch_key]).await;
    let untouched = async |case: &str, reason: &str| {
        let report = stage.run().await;
        assert_eq!(report.summary.reason, reason, "{case}: {report:?}");
        assert!(!report.summary.looked, "{case}: what is overdue is not known");
        assert_eq!(stage.s3.keys("elm/t-1/footage"), [name.key(PREFIX)], "{case}");
        assert!(keys_left(&stage.root).await.contains(&epoch_key), "{case}");
    };
    stage.policy.answer([None]);
    untouched("they cannot be read", "HoldsUnreadable").await;
    stage.policy.answer([Some(Vec::new()), None]);
    untouched("they cannot be read again", "HoldsUnreadable").await;

    // The log has one that a restore of the cluster has lost. Where it is, what it holds does not matter.
    stage.policy.hold(&[]);
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    log(&stage.s3, &stage.root, &[("hold-opened/h-9".to_owned(), opened("h-9", ago(5)))]).await;
    let renewed = HoldRenewed { hold: "h-9".to_owned(), expires_at: later, reference: "Matter/7".to_owned() };
    log(&stage.s3, &stage.root, &[("hold-renewed/h-9/1".to_owned(), renewed.into())]).await;
    untouched("it is lost", "HoldLost").await;
    // Put back, it holds what it says; when it is closed, all goes on.
    stage.policy.hold(&[legal_hold("h-9", epoch(40), &["c-9"])]);
    let report = stage.run().await;
    assert_eq!((report.summary.deleted_objects, report.summary.destroyed_keys), (1, 1), "{report:?}");
    stage.record(epoch(4), "c-1").await;
    stage.policy.hold(&[]);
    assert_eq!(stage.run().await.summary.reason, "HoldLost");
    stage.close_hold("h-9").await;
    assert_eq!(stage.run().await.summary.deleted_objects, 1);
}

#[tokio::test]
async fn a_held_cameras_key_and_an_open_holds_key_stay() {
    let stage = Stage::new().await;
    let keys = ["camera-c-1", "camera-c-2", "hold-h-1"];
    for key in &keys[..2] {
        stage.root.create_key(MOUNT, key).await.unwrap();
    }
    let hold = legal_hold("h-1", epoch(3), &["c-1"]);
    stage.policy.hold(std::slice::from_ref(&hold));
    stage.open_hold(&hold).await;
    stage.intend(&keys).await;
    let report = stage.run().await;
    let mut left = keys_left(&stage.root).await;
    left.sort();
    assert_eq!(left, ["camera-c-1", "hold-h-1"], "{report:?}");
    // It is over by the object, and not by the log: its key stays.
    stage.policy.hold(&[]);
    assert_eq!(stage.run().await.summary.reason, "HoldLost");
    assert_eq!(keys_left(&stage.root).await.len(), 2);
    stage.close_hold("h-1").await;
    stage.run().await;
    assert_eq!(keys_left(&stage.root).await, [""; 0]);
}
