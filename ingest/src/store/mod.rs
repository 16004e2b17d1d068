//! The object store: conditional creates, and what a failure means.

mod failure;

use std::time::Duration;

use camerafleet_footage::{
    shard::StoreConfig,
    store::{self, StoreConfigError, StoreCredential, StoreFault},
};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, aws::AmazonS3, path::Path};

pub use failure::{Failure, NO_CREDENTIAL, classify};

/// Longest time for one upload: 30 MB at 1 Mbit/s.
const UPLOAD: Duration = Duration::from_secs(240);

/// A bucket, to which objects can be added.
pub struct Store {
    s3: AmazonS3,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    Created,
    /// There was one of this name already.
    Existed,
}

impl Store {
    /// For a configuration. Makes no request.
    pub fn new(config: &StoreConfig, credential: &StoreCredential) -> Result<Self, Failure> {
        // The spool retries, for hours if it must; the client only what a second attempt heals at once.
        let s3 = store::s3(config, credential, UPLOAD).map_err(|error| match error {
            StoreConfigError::CaBundle => failure::BAD_BUNDLE,
            StoreConfigError::Settings => failure::BAD_SETTINGS,
        })?;
        Ok(Self { s3 })
    }

    /// Adds an object; never replaces one.
    pub async fn create(&self, key: &str, data: bytes::Bytes) -> Result<Put, Failure> {
        let path = Path::parse(key).map_err(|_| failure::BAD_KEY)?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = self.s3.put_opts(&path, PutPayload::from(data), options);
        // object_store's own limits are per request; this one bounds the whole.
        match tokio::time::timeout(UPLOAD + store::CONNECT_TIMEOUT, put).await {
            Ok(Ok(_)) => Ok(Put::Created),
            Ok(Err(error)) if failure::exists(&error) => Ok(Put::Existed),
            Ok(Err(error)) => Err(self.diagnose(&path, classify(&error)).await),
            Err(_) => Err(failure::TIMEOUT),
        }
    }

    /// A store that refuses a large upload may hang up before it has said why; a question without a body, which the
    /// credential may not even have answered, brings the reason out.
    async fn diagnose(&self, path: &Path, failure: Failure) -> Failure {
        if failure.reason != failure::UNREACHABLE {
            return failure;
        }
        let Ok(Err(error)) = tokio::time::timeout(store::CONNECT_TIMEOUT, self.s3.get(path)).await else {
            return failure;
        };
        match store::fault(&error) {
            StoreFault::BucketMissing
            | StoreFault::UnknownAccessKey
            | StoreFault::WrongSecretKey
            | StoreFault::ClockSkewed => classify(&error),
            // It may not read: that says nothing of uploads.
            _ => failure,
        }
    }
}
