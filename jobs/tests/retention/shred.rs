//! `deletionPolicy: Shred`: what goes before its date, and what does not.

use camerafleet_crds::DestroyIntent;
use camerafleet_footage::{
    log::entry::{DestroyCause, KeyCreated},
    retention::Outcome,
    vault::Vault,
};
use jiff::Timestamp;
use jobs::retention::{Keys, Report, run};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    bao::Bao,
    keys::{keys_left, retention_role},
    support::{MOUNT, PREFIX, Policy, S3, ago, epoch, job, legal_hold, log, log_intents_by, segment},
};

struct Stage {
    s3: S3,
    bao: Bao,
    root: Vault,
    policy: Policy,
}

impl Stage {
    /// Cameras of each of which a segment is stored that is not due, and whose keys Vault lets go.
    async fn new(cameras: &[&str]) -> Self {
        let (s3, bao) = (S3::start(), Bao::start().await);
        let root = bao.root();
        root.ensure_transit_mount(MOUNT).await.unwrap();
        let created = KeyCreated { key: "camera".to_owned(), fingerprint: String::new() };
        log(&s3, &root, &[("key-created".to_owned(), created.into())]).await;
        for camera in cameras {
            s3.put(&segment("p-1", epoch(0), camera, 0).key(PREFIX), b"sealed", ago(1));
            let key = format!("camera-{camera}");
            root.create_key(MOUNT, &key).await.unwrap();
            root.allow_deletion(MOUNT, &key).await.unwrap();
        }
        Self { s3, bao, root, policy: Policy::new("1h") }
    }

    /// The status names keys to be shredded, which the log has by this cause.
    async fn intend(&self, cause: DestroyCause, keys: &[&str]) {
        let indices = log_intents_by(cause, &self.s3, &self.root, keys).await;
        let intents = keys.iter().zip(indices).map(|(key, index)| DestroyIntent {
            key: (*key).to_owned(),
            epoch_end: None,
            intended_at: Time(Timestamp::now()),
            log_index: Some(index),
            allowed: true,
            shred: true,
        });
        let intents = intents.collect();
        self.policy.change(|policy| policy.status.get_or_insert_default().destroy_intents = intents);
    }

    async fn run(&self) -> Report {
        let session = Keys::Session(retention_role(&self.bao).await);
        run(&job(&self.s3, self.s3.store(), &self.policy, Some(session))).await
    }

    async fn keys_left(&self) -> Vec<String> {
        let mut left = keys_left(&self.root).await;
        left.sort();
        left
    }
}

#[tokio::test]
async fn a_shredded_cameras_key_goes_before_its_footage_and_not_that_of_one_declared_or_held() {
    let mut stage = Stage::new(&["c-1", "c-2", "c-3", "c-4"]).await;
    stage.policy.to_shred = vec!["c-1".to_owned(), "c-2".to_owned()];
    stage.policy.cameras = vec!["c-3".to_owned()];
    stage.policy.hold(&[legal_hold("h-1", epoch(3), &["c-2"])]);
    stage.intend(DestroyCause::Shred, &["camera-c-1", "camera-c-2", "camera-c-3", "camera-c-4"]).await;
    let report = stage.run().await;
    assert_eq!(stage.keys_left().await, ["camera-c-2", "camera-c-3"], "{report:?}");
    assert_eq!(report.summary.deleted_objects, 0, "what nobody can open goes at its date");
}

#[tokio::test]
async fn a_key_that_the_log_does_not_give_up_to_be_shredded_stays() {
    let stage = Stage::new(&["c-1"]).await;
    stage.intend(DestroyCause::PastKeepFor, &["camera-c-1"]).await;
    let report = stage.run().await;
    assert_eq!(stage.keys_left().await, ["camera-c-1"], "{report:?}");
    assert_eq!(report.summary.destroyed_keys, 0);
}

#[tokio::test]
async fn of_a_tenant_that_is_shredded_everything_goes_but_what_is_held() {
    let stage = Stage::new(&["c-1", "c-2"]).await;
    let stored = || stage.s3.keys("").into_iter().filter(|key| key.ends_with(".age")).count();
    stage.policy.hold(&[legal_hold("h-1", epoch(0), &["c-2"])]);
    // The word of its status is none while the policy itself is not deleted.
    stage.policy.change(|policy| policy.status.get_or_insert_default().shred = true);
    assert_eq!(stage.run().await.summary.deleted_objects, 0);
    stage.policy.change(|policy| policy.metadata.deletion_timestamp = Some(Time(Timestamp::now())));
    let report = stage.run().await;
    assert_eq!((report.summary.outcome, report.summary.deleted_objects), (Outcome::Done, 1), "{report:?}");
    assert_eq!(stored(), 1);
}
