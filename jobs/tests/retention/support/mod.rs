//! A real S3 server over a folder, into which objects of any age are put; a policy that answers what a test says; a store
//! that fails on purpose; and a job that works with them.

mod faulty;
mod log;
mod policy;
mod s3;
mod segments;

use std::{sync::Arc, time::Duration};

use camerafleet_footage::{
    ids::TenantId,
    retention::{JobConfig, LogAccess, VaultAccess},
    shard::StoreConfig,
};
use jiff::Timestamp;
use jobs::retention::{Job, Keys, StoreClock};
use object_store::ObjectStore;

pub use faulty::{Fault, Faulty};
pub use log::{log, log_intents, log_intents_by};
pub use policy::{Policy, legal_hold};
pub use s3::S3;
pub use segments::{ago, epoch, policy_id, seal, segment};

pub const BUCKET: &str = "footage";
pub const LOG_BUCKET: &str = "log";
pub const ORIGIN: &str = "camerafleet.io/c-1/t-1";
pub const PREFIX: &str = "elm";
pub const TENANT: &str = "t-1";
pub const POLICY: &str = "p-1";
pub const MOUNT: &str = "camerafleet/elm-street";

/// A run with the real clock. Without `keys` nobody may ask for Vault, and no log is configured.
pub fn job(s3: &S3, store: Arc<dyn ObjectStore>, policy: &Policy, keys: Option<Keys>) -> Job<Policy> {
    let config = JobConfig {
        tenant: TenantId::parse(TENANT).unwrap(),
        policy: policy_id(),
        policy_uid: "uid-1".into(),
        store: s3.config(),
        vault: VaultAccess {
            address: "http://127.0.0.1:1".into(),
            namespace: None,
            ca_pem: None,
            auth_mount: "kubernetes".into(),
            role: "camerafleet-retention".into(),
            mount: MOUNT.into(),
        },
        log: keys.is_some().then(|| LogAccess {
            store: StoreConfig { bucket: LOG_BUCKET.into(), prefix: String::new(), ..s3.config() },
            origin: ORIGIN.into(),
        }),
        log_required: false,
    };
    Job {
        log_store: Some(s3.bucket(LOG_BUCKET)),
        pages: s3.client(BUCKET),
        versions: None,
        store_clock: StoreClock::new(&config.store).unwrap(),
        config,
        store,
        policy: policy.clone(),
        keys: keys.unwrap_or(Keys::Login { token_file: "/nonexistent".into() }),
        now: Timestamp::now,
        run: "retention-p-1-1".into(),
        time_limit: Duration::from_secs(60),
    }
}
