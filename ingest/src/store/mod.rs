//! The object store: conditional creates, and what a failure means.

mod failure;

use std::time::Duration;

use camerafleet_footage::shard::StoreConfig;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore, PutMode, PutOptions, PutPayload, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};

pub use failure::{Failure, NO_CREDENTIAL, classify};

use crate::config::StoreCredential;

/// A connection is there within this or not at all.
const CONNECT: Duration = Duration::from_secs(10);
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
        let mut client = ClientOptions::new()
            .with_connect_timeout(CONNECT)
            .with_timeout(UPLOAD)
            .with_allow_http(config.endpoint.starts_with("http://"));
        if let Some(bundle) = &config.ca_bundle {
            let certificates =
                Certificate::from_pem_bundle(bundle.as_bytes()).map_err(|_| failure::BAD_BUNDLE)?;
            for certificate in certificates {
                client = client.with_root_certificate(certificate);
            }
        }
        // The spool retries, for hours if it must; here only what a second attempt heals at once.
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                base: 2.0,
            },
            max_retries: 2,
            retry_timeout: Duration::from_secs(30),
        };
        let s3 = AmazonS3Builder::new()
            .with_endpoint(config.endpoint.trim_end_matches('/'))
            .with_region(&config.region)
            .with_bucket_name(&config.bucket)
            .with_virtual_hosted_style_request(!config.path_style)
            .with_access_key_id(credential.access_key_id.as_str())
            .with_secret_access_key(credential.secret_access_key.as_str())
            .with_client_options(client)
            .with_retry(retry)
            .build()
            .map_err(|_| failure::BAD_SETTINGS)?;
        Ok(Self { s3 })
    }

    /// Adds an object; never replaces one.
    pub async fn create(&self, key: &str, data: bytes::Bytes) -> Result<Put, Failure> {
        let path = Path::parse(key).map_err(|_| failure::BAD_KEY)?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = self.s3.put_opts(&path, PutPayload::from(data), options);
        // object_store's own limits are per request; this one bounds the whole.
        match tokio::time::timeout(UPLOAD + CONNECT, put).await {
            Ok(Ok(_)) => Ok(Put::Created),
            Ok(Err(error)) if failure::exists(&error) => Ok(Put::Existed),
            Ok(Err(error)) => Err(classify(&error)),
            Err(_) => Err(failure::TIMEOUT),
        }
    }
}
