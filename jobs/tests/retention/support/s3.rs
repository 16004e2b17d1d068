//! The store.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use camerafleet_footage::{
    shard::StoreConfig,
    store::{self, StoreCredential},
};
use jiff::Timestamp;
use object_store::{ObjectStore, aws::AmazonS3};

use super::{BUCKET, LOG_BUCKET, PREFIX};

/// A tenant's bucket and the log's on a real S3 server.
pub struct S3(camerafleet_testkit::S3);

impl S3 {
    pub fn start() -> Self {
        Self(camerafleet_testkit::S3::start(&[BUCKET, LOG_BUCKET], &[]))
    }

    pub fn config(&self) -> StoreConfig {
        StoreConfig {
            endpoint: self.0.endpoint(),
            region: camerafleet_testkit::S3::REGION.into(),
            bucket: BUCKET.into(),
            prefix: PREFIX.into(),
            path_style: true,
            ca_bundle: None,
        }
    }

    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.bucket(BUCKET)
    }

    pub fn bucket(&self, name: &str) -> Arc<dyn ObjectStore> {
        self.client(name)
    }

    pub fn client(&self, name: &str) -> Arc<AmazonS3> {
        let credential = StoreCredential {
            access_key_id: "root".to_owned().into(),
            secret_access_key: "rootsecret".to_owned().into(),
        };
        let config = StoreConfig { bucket: name.to_owned(), ..self.config() };
        Arc::new(store::s3(&config, &credential, Duration::from_secs(10)).unwrap())
    }

    /// An object that the store took at `stored`.
    pub fn put(&self, key: &str, body: &[u8], stored: Timestamp) {
        let path = self.0.folder(BUCKET).join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, body).unwrap();
        fs::File::options().write(true).open(path).unwrap().set_modified(stored.into()).unwrap();
    }

    /// All objects' keys below a folder.
    pub fn keys(&self, below: &str) -> Vec<String> {
        self.0.keys(BUCKET, below)
    }

    pub fn file(&self, key: &str) -> PathBuf {
        self.0.folder(BUCKET).join(key)
    }

    pub fn read(&self, key: &str) -> Vec<u8> {
        fs::read(self.file(key)).unwrap()
    }
}
