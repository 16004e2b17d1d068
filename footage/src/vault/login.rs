//! Logging in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Act;
use super::transport::Transport;
use super::{Lease, Vault, VaultConfig, VaultError, names};

impl Vault {
    /// Logs in with a ServiceAccount's token, which must carry the role's audience.
    ///
    /// # Errors
    /// [`VaultError::Denied`], with Vault's reason, if the account, its namespace or the audience is not bound to the
    /// role, and also if the auth method is not enabled: without a token Vault does not say what is mounted.
    pub async fn login_kubernetes(
        config: &VaultConfig,
        auth_mount: &str,
        role: &str,
        jwt: &str,
    ) -> Result<Self, VaultError> {
        names::path("auth mount", auth_mount)?;
        names::segment("role", role)?;
        let jwt = jwt.trim();
        let path = format!("auth/{auth_mount}");
        let act = Act { hide: vec![jwt], ..Act::on_mount(&format!("log in as {role} at"), &path) };
        let transport = Transport::new(config)?;
        let asked = Instant::now();
        let auth = transport
            .run(&act, vaultrs::auth::kubernetes::login(transport.vaultrs(), auth_mount, role, jwt))
            .await?;
        // Zero is a token without an end.
        let length = Duration::from_secs(auth.lease_duration);
        let lease = (!length.is_zero()).then(|| Lease { ends: asked + length, length });
        Ok(Self { transport: Arc::new(transport.authenticated(auth.client_token)?), lease })
    }
}
