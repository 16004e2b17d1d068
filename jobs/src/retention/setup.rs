//! The pod's files.

use std::{fs, io, path::Path, sync::Arc};

use camerafleet_footage::{
    retention::{JobConfig, RunSummary, VaultAccess},
    shard::StoreConfig,
    store::{self, StoreCredential},
    vault::{Vault, VaultConfig},
};
use object_store::aws::AmazonS3;
use url::Url;
use zeroize::Zeroizing;

use super::{CALL_TIMEOUT, JobError, Versions};

fn text(path: &Path) -> Result<Zeroizing<String>, JobError> {
    let bad = |e: io::Error| JobError::Setup { what: path.display().to_string(), why: e.to_string() };
    fs::read_to_string(path).map(Zeroizing::new).map_err(bad)
}

/// What the operator says.
///
/// # Errors
/// [`JobError::Setup`].
pub fn read_config(path: &Path) -> Result<JobConfig, JobError> {
    serde_json::from_str(&text(path)?)
        .map_err(|e| JobError::Setup { what: path.display().to_string(), why: e.to_string() })
}

/// The tenant's bucket, with the credential in a folder's `accessKeyId` and `secretAccessKey`.
///
/// # Errors
/// [`JobError::Setup`].
pub fn read_store(config: &StoreConfig, folder: &Path) -> Result<Arc<AmazonS3>, JobError> {
    read(config, folder, "")
}

/// Requests about versions, with the same credential.
///
/// # Errors
/// [`JobError::Setup`].
pub fn read_versions(config: &StoreConfig, folder: &Path) -> Result<Versions, JobError> {
    Versions::new(config, &credential(folder, "")?)
}

/// The log's bucket, with the credential in the same folder's `log.accessKeyId` and `log.secretAccessKey`.
///
/// # Errors
/// [`JobError::Setup`].
pub fn read_log_store(config: &StoreConfig, folder: &Path) -> Result<Arc<AmazonS3>, JobError> {
    read(config, folder, "log.")
}

fn credential(folder: &Path, whose: &str) -> Result<StoreCredential, JobError> {
    let field = |name: &str| {
        text(&folder.join(format!("{whose}{name}"))).map(|t| Zeroizing::new(t.trim().to_owned()))
    };
    Ok(StoreCredential { access_key_id: field("accessKeyId")?, secret_access_key: field("secretAccessKey")? })
}

fn read(config: &StoreConfig, folder: &Path, whose: &str) -> Result<Arc<AmazonS3>, JobError> {
    let credential = credential(folder, whose)?;
    let store = store::s3(config, &credential, CALL_TIMEOUT)
        .map_err(|e| JobError::Setup { what: "The store's configuration".to_owned(), why: e.to_string() })?;
    Ok(Arc::new(store))
}

/// A session with Vault under the job's own role.
pub(super) async fn login(access: &VaultAccess, token_file: &Path) -> Result<Vault, JobError> {
    let address = Url::parse(&access.address)
        .map_err(|e| JobError::Setup { what: "Vault's address".to_owned(), why: e.to_string() })?;
    let config = VaultConfig {
        address,
        namespace: access.namespace.clone(),
        ca_pem: access.ca_pem.clone(),
        timeout: CALL_TIMEOUT,
    };
    // Read now and not at start: the kubelet renews it.
    let token = text(token_file)?;
    Ok(Vault::login_kubernetes(&config, &access.auth_mount, &access.role, &token).await?)
}

/// Leaves the run in short for the operator.
///
/// # Errors
/// The file cannot be written; the run is done all the same.
pub fn report_termination(path: &Path, summary: &RunSummary) -> io::Result<()> {
    fs::write(path, serde_json::to_vec(summary)?)
}
