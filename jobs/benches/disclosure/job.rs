//! The real job, and what it and its rivals reach.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use camerafleet_footage::{
    disclosure::job::Ending,
    store::{self, StoreCredential},
    vault::{Vault, VaultConfig},
};
use jobs::disclosure::{Job, Keys, Live, run};
use object_store::ObjectStore;

use super::{Task, now, stage::Fake};

pub fn bucket(config: &camerafleet_footage::shard::StoreConfig) -> Arc<dyn ObjectStore> {
    let credential = StoreCredential {
        access_key_id: "root".to_owned().into(),
        secret_access_key: "rootsecret".to_owned().into(),
    };
    Arc::new(store::s3(config, &credential, Duration::from_secs(900)).unwrap())
}

pub fn vault(task: &Task) -> Vault {
    let config = VaultConfig {
        address: task.vault.parse().unwrap(),
        namespace: None,
        ca_pem: None,
        timeout: Duration::from_secs(60),
    };
    Vault::with_token(&config, task.token.clone()).unwrap()
}

pub async fn disclose(task: Task) {
    let list = |name: &str| task.live[name].as_array().unwrap().clone();
    let live = Live {
        request: Some(task.live["request"].clone()),
        approvals: list("approvals"),
        policies: list("policies"),
        members: serde_json::from_value(task.live["members"].clone()).unwrap(),
        ..Live::default()
    };
    let keys = Keys::Session(vault(&task));
    let job = Job {
        store: bucket(&task.config.store),
        log_store: bucket(&task.config.log.store),
        config: task.config,
        objects: Fake(Arc::new(Mutex::new(live))),
        keys,
        now,
    };
    let summary = tokio::spawn(async move { run(&job).await }).await.unwrap();
    assert_eq!(summary.outcome, Ending::Delivered, "{summary:?}");
}
