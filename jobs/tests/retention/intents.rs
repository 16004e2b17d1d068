//! No key is destroyed whose intent is not proven by the log.

use camerafleet_footage::{
    ids::TenantId,
    log::{
        LOG_KEY, LogKey, NewEntry, VaultSigner, Writer,
        entry::{self, DestroyWithdrawn, KeyCreated},
    },
    retention::Outcome,
    vault::Vault,
};
use jiff::Timestamp;
use jobs::retention::{Keys, Report, run};

use crate::{
    bao::Bao,
    keys::{key, keys_left, retention_role},
    support::{
        LOG_BUCKET, MOUNT, ORIGIN, PREFIX, Policy, S3, TENANT, ago, epoch, job, log, log_intents, segment,
    },
};

struct Stage {
    s3: S3,
    bao: Bao,
    root: Vault,
    policy: Policy,
    names: [String; 2],
}

/// Two keys that are due and may be deleted in Vault.
async fn stage() -> Stage {
    let (s3, bao) = (S3::start(), Bao::start().await);
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let names = [9, 8].map(|hours| key(&epoch(hours)));
    for name in &names {
        root.create_key(MOUNT, name).await.unwrap();
        root.allow_deletion(MOUNT, name).await.unwrap();
    }
    s3.put(&segment("p-1", epoch(9), "c-1", 0).key(PREFIX), b"sealed", ago(600));
    Stage { s3, bao, root, policy: Policy::new("1h"), names }
}

impl Stage {
    async fn run(&self) -> Report {
        let session = Keys::Session(retention_role(&self.bao).await);
        run(&job(&self.s3, self.s3.store(), &self.policy, Some(session))).await
    }

    /// Keys stay, and the run says why. Footage goes on its date all the same, where the log says what is held.
    async fn refuses(&self, case: &str, reason: &str) {
        let report = self.run().await;
        assert_eq!(keys_left(&self.root).await.len(), 2, "{case}: {report:?}");
        assert_eq!(report.summary.outcome, Outcome::Incomplete, "{case}");
        assert_eq!(report.summary.reason, reason, "{case}: {report:?}");
        assert_eq!(self.s3.keys("elm/t-1/footage").is_empty(), reason == "LogUnproven", "{case}");
    }
}

#[tokio::test]
async fn a_status_alone_destroys_nothing() {
    let stage = stage().await;
    let [one, two] = stage.names.each_ref().map(String::as_str);
    stage.policy.name(&[(one, Some(0))]);
    stage.root.create_signing_key(MOUNT, LOG_KEY).await.unwrap();
    stage.refuses("there is no log", "HoldsUnreadable").await;

    let indices = log_intents(&stage.s3, &stage.root, &[one]).await;
    stage.policy.name(&[(two, None)]);
    stage.refuses("no index", "LogUnproven").await;
    stage.policy.name(&[(two, Some(indices[0]))]);
    stage.refuses("another key's intent", "LogUnproven").await;
    stage.policy.name(&[(two, Some(99))]);
    stage.refuses("no such entry", "LogUnproven").await;

    stage.policy.name(&[(two, Some(indices[0])), (one, Some(indices[0]))]);
    let report = stage.run().await;
    assert_eq!(keys_left(&stage.root).await, [two], "{report:?}");
}

#[tokio::test]
async fn an_entry_that_is_no_intent_destroys_nothing() {
    let stage = stage().await;
    let name = stage.names[0].as_str();
    let (vault, mount) = (&stage.root, MOUNT);
    let signer = VaultSigner { vault, mount };
    let public = vault.create_signing_key(mount, LOG_KEY).await.unwrap();
    let (tenant, log_key) = (TenantId::parse(TENANT).unwrap(), LogKey::new(ORIGIN, public).unwrap());
    let store = stage.s3.bucket(LOG_BUCKET);
    let mut writer = Writer::open(store, "", &tenant, log_key, &signer, None).await.unwrap();
    let entry = KeyCreated { key: name.to_owned(), fingerprint: String::new() }.into();
    let new = NewEntry { id: "key-created".to_owned(), at: Timestamp::now(), entry };
    writer.append(&signer, &[new]).await.unwrap();
    stage.policy.name(&[(name, Some(0))]);
    stage.refuses("a KeyCreated", "LogUnproven").await;
}

#[tokio::test]
async fn a_withdrawn_intent_destroys_nothing_and_another_one_does() {
    let stage = stage().await;
    let name = stage.names[0].as_str();
    let index = log_intents(&stage.s3, &stage.root, &[name]).await[0];
    let withdrawn = DestroyWithdrawn { key: name.to_owned(), intent: index };
    log(&stage.s3, &stage.root, &[("withdrawn".to_owned(), withdrawn.into())]).await;
    stage.policy.name(&[(name, Some(index))]);
    stage.refuses("it was withdrawn", "LogUnproven").await;
    let again = entry::DestroyIntent {
        key: name.to_owned(),
        cause: entry::DestroyCause::PastKeepFor,
        policy: None,
        epoch_end: None,
    };
    let index = log(&stage.s3, &stage.root, &[("again".to_owned(), again.into())]).await[0];
    stage.policy.name(&[(name, Some(index))]);
    let report = stage.run().await;
    assert_eq!(keys_left(&stage.root).await, [stage.names[1].as_str()], "{report:?}");
}

#[tokio::test]
async fn a_log_that_vaults_key_did_not_sign_destroys_nothing() {
    let stage = stage().await;
    let name = stage.names[0].as_str();
    let index = log_intents(&stage.s3, &stage.root, &[name]).await[0];
    stage.policy.name(&[(name, Some(index))]);
    let config = serde_json::json!({"deletion_allowed": true});
    stage.bao.must("POST", &format!("{MOUNT}/keys/{LOG_KEY}/config"), config).await;
    stage.root.delete_key(MOUNT, LOG_KEY).await.unwrap();
    stage.root.create_signing_key(MOUNT, LOG_KEY).await.unwrap();
    stage.refuses("another key signed", "HoldsUnreadable").await;
}

#[tokio::test]
async fn a_job_without_a_log_destroys_nothing() {
    let stage = stage().await;
    let name = stage.names[0].as_str();
    stage.policy.intend(&stage.s3, &stage.root, &[name]).await;
    let session = Keys::Session(retention_role(&stage.bao).await);
    let mut job = job(&stage.s3, stage.s3.store(), &stage.policy, Some(session));
    job.config.log = None;
    for (required, reason) in [(true, "HoldsUnreadable"), (false, "LogUnproven")] {
        job.config.log_required = required;
        let report = run(&job).await;
        assert_eq!(keys_left(&stage.root).await.len(), 2);
        assert_eq!(report.summary.reason, reason, "{report:?}");
        assert_eq!(stage.s3.keys("elm/t-1/footage").is_empty(), !required);
    }
}
