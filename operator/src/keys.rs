//! Making a tenant's keys, each once under its name.

use std::time::Duration;

use camerafleet_crds::Tenant;
use camerafleet_footage::vault::{Vault, VaultError};

use crate::{
    conditions::Verdict,
    context::Context,
    log::{LogProblem, key_created_id},
    vault,
};

/// A log that does not answer holds the caller up for so long at most.
const LOG_LIMIT: Duration = Duration::from_secs(15);

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyProblem {
    /// Vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Whether the key was made before is not known.
    #[error(transparent)]
    Log(#[from] LogProblem),
}

impl KeyProblem {
    /// What a condition about keys says.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Vault(error) => vault::verdict(error),
            Self::Log(problem) => Verdict::no(
                "KeysNotReady",
                format!(
                    "Whether a key was made before cannot be looked up, and none is made twice: {problem}"
                ),
            ),
        }
    }
}

/// The public half of a key, which is made if Vault does not have it. One that the log knows was lost, as with an old
/// snapshot of Vault, or destroyed: another one under its name would pass for it.
///
/// # Errors
/// [`VaultError::NoSuchKey`]: it is lost.
pub async fn make_once(
    vault: &Vault,
    mount: &str,
    name: &str,
    tenant: &Tenant,
    context: &Context,
) -> Result<String, KeyProblem> {
    match vault.public_key(mount, name).await {
        Err(lost @ VaultError::NoSuchKey { .. }) => {
            let id = key_created_id(name);
            let was_made = context.logs.has(tenant, &id, context);
            match tokio::time::timeout(LOG_LIMIT, was_made).await {
                Ok(Ok(false)) => Ok(vault.create_key(mount, name).await?),
                Ok(Ok(true)) => Err(lost.into()),
                Ok(Err(problem)) => Err(problem.into()),
                Err(_) => Err(LogProblem::Timeout.into()),
            }
        }
        found => Ok(found?),
    }
}
