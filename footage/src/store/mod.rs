//! The object store, reached in one way by recorders, jobs and the operator.

mod fault;

use std::time::Duration;

use object_store::{
    BackoffConfig, Certificate, ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
};
use zeroize::Zeroizing;

pub use fault::{StoreFault, fault};

use crate::shard::StoreConfig;

/// A connection is there within this or not at all.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// An access key. It has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreCredential {
    /// Public.
    pub access_key_id: Zeroizing<String>,
    /// Secret.
    pub secret_access_key: Zeroizing<String>,
}

/// Why there is no client: a setting, never the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreConfigError {
    /// The bundle.
    #[error("the store's CA bundle is not PEM")]
    CaBundle,
    /// Endpoint, region or bucket.
    #[error("the store's endpoint, region or bucket cannot be used")]
    Settings,
}

/// A client for a bucket. Makes no request. `timeout` bounds one request, body included; what a second attempt
/// heals at once is retried here, the rest is the caller's.
pub fn s3(
    config: &StoreConfig,
    credential: &StoreCredential,
    timeout: Duration,
) -> Result<AmazonS3, StoreConfigError> {
    builder(config, credential, timeout)?.build().map_err(|_| StoreConfigError::Settings)
}

fn builder(
    config: &StoreConfig,
    credential: &StoreCredential,
    timeout: Duration,
) -> Result<AmazonS3Builder, StoreConfigError> {
    let mut client = ClientOptions::new()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout(timeout)
        .with_allow_http(config.endpoint.starts_with("http://"));
    if let Some(bundle) = &config.ca_bundle {
        let certificates =
            Certificate::from_pem_bundle(bundle.as_bytes()).map_err(|_| StoreConfigError::CaBundle)?;
        for certificate in certificates {
            client = client.with_root_certificate(certificate);
        }
    }
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    };
    let retry = RetryConfig { backoff, max_retries: 2, retry_timeout: Duration::from_secs(30) };
    // TLS lets nobody change a body on its way, so that a hash of it in the signature (over https, a choice of S3's) would
    // say nothing more, and recorders would hash all footage twice. What a store damages itself is seen by whoever opens it:
    // segments and the log are authenticated by themselves. Over http the signature is all that protects a body.
    let is_tls = config.endpoint.starts_with("https://");
    Ok(AmazonS3Builder::new()
        .with_endpoint(config.endpoint.trim_end_matches('/'))
        .with_region(&config.region)
        .with_bucket_name(&config.bucket)
        .with_virtual_hosted_style_request(!config.path_style)
        .with_access_key_id(credential.access_key_id.as_str())
        .with_secret_access_key(credential.secret_access_key.as_str())
        .with_client_options(client)
        .with_unsigned_payload(is_tls)
        .with_retry(retry))
}

#[cfg(test)]
mod tests {
    use object_store::aws::AmazonS3ConfigKey;

    use super::*;

    #[test]
    fn bodies_are_signed_where_nothing_else_protects_them() {
        for (endpoint, unsigned) in [("https://s3.example.com", "true"), ("http://s3.example.com", "false")] {
            let config = StoreConfig {
                endpoint: endpoint.into(),
                region: "eu-1".into(),
                bucket: "footage".into(),
                prefix: "elm".into(),
                path_style: true,
                ca_bundle: None,
            };
            let secret = || Zeroizing::new("x".to_owned());
            let credential = StoreCredential { access_key_id: secret(), secret_access_key: secret() };
            let builder = builder(&config, &credential, CONNECT_TIMEOUT).unwrap();
            let set = builder.get_config_value(&AmazonS3ConfigKey::UnsignedPayload);
            assert_eq!(set.as_deref(), Some(unsigned), "{endpoint}");
        }
    }
}
