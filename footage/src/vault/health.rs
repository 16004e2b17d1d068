//! How the server is.

use reqwest::Method;
use serde::Deserialize;

use super::error::Act;
use super::transport::Transport;
use super::{Vault, VaultConfig, VaultError};

/// What a server says of itself. Anything but [`Health::Ok`] and [`Health::Standby`] serves no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Unsealed and active.
    Ok,
    /// Unsealed; forwards to the active server or redirects to it.
    Standby,
    /// Sealed.
    Sealed,
    /// Never initialised.
    Uninitialized,
}

/// Asks a server how it is; no token is needed.
///
/// # Errors
/// [`VaultError::Unreachable`], [`VaultError::Timeout`], [`VaultError::Other`] if it is no Vault.
pub async fn health(config: &VaultConfig) -> Result<Health, VaultError> {
    Transport::new(config)?.health().await
}

impl Vault {
    /// Asks the server how it is; also an expired token does.
    ///
    /// # Errors
    /// As [`health`].
    pub async fn health(&self) -> Result<Health, VaultError> {
        self.transport.health().await
    }
}

impl Transport {
    async fn health(&self) -> Result<Health, VaultError> {
        #[derive(Deserialize)]
        struct Answer {
            initialized: bool,
            sealed: bool,
            standby: bool,
        }
        let act = Act::new("tell its health");
        // Not vaultrs's `status`: it goes by the status code alone, and any server's 503 is then a sealed Vault.
        let answer = self.send(&act, Method::GET, "sys/health", None).await?;
        match serde_json::from_slice(&answer.body) {
            Ok(Answer { initialized: false, .. }) => Ok(Health::Uninitialized),
            Ok(Answer { sealed: true, .. }) => Ok(Health::Sealed),
            Ok(Answer { standby: true, .. }) => Ok(Health::Standby),
            Ok(_) => Ok(Health::Ok),
            Err(_) => Err(answer.failure(&act)),
        }
    }
}
