//! The pod's files.

use std::{fs, io, path::Path, path::PathBuf, sync::Arc, time::Duration};

use camerafleet_footage::{
    disclosure::job::RunSummary,
    retention::VaultAccess,
    shard::StoreConfig,
    store::{self, StoreCredential},
    vault::{Vault, VaultConfig},
};
use object_store::ObjectStore;
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::JobError;

/// One call to Vault takes at most this long.
const VAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// One request to the store, body included: a segment of an hour, or a part of a package.
const STORE_TIMEOUT: Duration = Duration::from_secs(900);
/// The operator cuts a longer termination message, and Kubernetes one of 4,096 bytes.
const MAX_MESSAGE: usize = 2_000;

fn text(path: &Path) -> Result<Zeroizing<String>, JobError> {
    let bad = |e: io::Error| JobError::Setup { what: path.display().to_string(), why: e.to_string() };
    fs::read_to_string(path).map(Zeroizing::new).map_err(bad)
}

/// What the operator says.
///
/// # Errors
/// [`JobError::Setup`].
pub fn read_config<T: DeserializeOwned>(path: &Path) -> Result<T, JobError> {
    serde_json::from_str(&text(path)?)
        .map_err(|e| JobError::Setup { what: path.display().to_string(), why: e.to_string() })
}

/// A bucket, with the credential in a folder's `<whose>accessKeyId` and `<whose>secretAccessKey`; `log.` is the log's.
///
/// # Errors
/// [`JobError::Setup`].
pub fn read_store(
    config: &StoreConfig,
    folder: &Path,
    whose: &str,
) -> Result<Arc<dyn ObjectStore>, JobError> {
    let field = |name: &str| {
        text(&folder.join(format!("{whose}{name}"))).map(|t| Zeroizing::new(t.trim().to_owned()))
    };
    let credential = StoreCredential {
        access_key_id: field("accessKeyId")?,
        secret_access_key: field("secretAccessKey")?,
    };
    let store = store::s3(config, &credential, STORE_TIMEOUT)
        .map_err(|e| JobError::Setup { what: "The store's configuration".to_owned(), why: e.to_string() })?;
    Ok(Arc::new(store))
}

/// How to get at the keys.
pub enum Keys {
    /// A login with the pod's projected token, each time it is needed: a session lives for minutes.
    Login {
        /// Where the token is.
        token_file: PathBuf,
    },
    /// A session that is there.
    Session(Vault),
}

impl Keys {
    /// A session with Vault under the job's own role.
    pub(super) async fn session(&self, access: &VaultAccess) -> Result<Vault, JobError> {
        let token_file = match self {
            Self::Session(vault) => return Ok(vault.clone()),
            Self::Login { token_file } => token_file,
        };
        let address = Url::parse(&access.address)
            .map_err(|e| JobError::Setup { what: "Vault's address".to_owned(), why: e.to_string() })?;
        let config = VaultConfig {
            address,
            namespace: access.namespace.clone(),
            ca_pem: access.ca_pem.clone(),
            timeout: VAULT_TIMEOUT,
        };
        // Read now and not at start: the kubelet renews it.
        let token = text(token_file)?;
        Ok(Vault::login_kubernetes(&config, &access.auth_mount, &access.role, &token).await?)
    }
}

/// Leaves the run in short for the operator.
///
/// # Errors
/// The file cannot be written; the run is done all the same.
pub fn report_termination(path: &Path, summary: &RunSummary) -> io::Result<()> {
    let message = summary.message.chars().take(MAX_MESSAGE).collect();
    fs::write(path, serde_json::to_vec(&RunSummary { message, ..summary.clone() })?)
}
