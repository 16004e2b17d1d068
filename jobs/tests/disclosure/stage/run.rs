//! The job, and what it is given.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use camerafleet_footage::{
    disclosure::job::{JobConfig, RunSummary},
    ids::RequestUid,
    retention::{LogAccess, VaultAccess},
    shard::StoreConfig,
    store::{self, StoreCredential},
    vault::Vault,
};
use camerafleet_testkit::S3;
use jobs::disclosure::{Job, JobError, Keys, Live, Objects, run};
use object_store::ObjectStore;

use super::*;

/// The disclosure role's own policy, for a token that stands for its ServiceAccount in this namespace.
const HCL: &str = include_str!("../../../../operator/src/vault_setup/policies/disclosure.hcl");
const TEMPLATE: &str = "{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}";

/// What the API server answers.
#[derive(Clone, Default)]
pub struct Fake(pub Arc<Mutex<Live>>);

impl Objects for Fake {
    async fn read(&self) -> Result<Live, JobError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

impl Stage {
    pub fn config(&self, bucket: &str) -> StoreConfig {
        StoreConfig {
            endpoint: self.s3.endpoint(),
            region: S3::REGION.into(),
            bucket: bucket.into(),
            prefix: if bucket == "log" { String::new() } else { PREFIX.into() },
            path_style: true,
            ca_bundle: None,
        }
    }

    pub fn bucket(&self, name: &str) -> Arc<dyn ObjectStore> {
        let credential = StoreCredential {
            access_key_id: "root".to_owned().into(),
            secret_access_key: "rootsecret".to_owned().into(),
        };
        Arc::new(store::s3(&self.config(name), &credential, Duration::from_secs(30)).unwrap())
    }

    /// The role's token: it may do what the shipped policy says.
    pub async fn role(&self) -> Vault {
        let hcl = HCL.replace(TEMPLATE, NAMESPACE).replace("@MOUNT_PREFIX@", "camerafleet");
        self.bao.with_token(&self.bao.token_with_policy("disclosure", &hcl).await)
    }

    pub async fn job(&self, store: Arc<dyn ObjectStore>) -> Job<Fake> {
        Job {
            config: JobConfig {
                tenant: tenant(),
                tenant_name: "elm-street".into(),
                request: "r-1".into(),
                request_uid: RequestUid::parse(REQUEST).unwrap(),
                intent: self.intent,
                store: self.config("footage"),
                vault: VaultAccess {
                    address: "http://127.0.0.1:1".into(),
                    namespace: None,
                    ca_pem: None,
                    auth_mount: "kubernetes".into(),
                    role: "camerafleet-disclosure".into(),
                    mount: MOUNT.into(),
                },
                log: LogAccess { store: self.config("log"), origin: ORIGIN.into() },
            },
            store,
            log_store: self.bucket("log"),
            objects: self.api.clone(),
            keys: Keys::Session(self.role().await),
            now,
        }
    }

    pub async fn run(&self) -> RunSummary {
        run(&self.job(self.bucket("footage")).await).await
    }

    /// What lies in packages/.
    pub fn packages(&self) -> Vec<String> {
        self.s3.keys("footage", "elm/t-1/packages")
    }
}
