//! The operator's sessions with Vault: one for each Vault in use, made with the pod's own ServiceAccount token
//! and made anew before it ends.

use std::{collections::HashMap, time::Duration};

use camerafleet_footage::vault::{Vault, VaultConfig, VaultError};
use prometheus::IntCounterVec;
use tokio::sync::Mutex;
use url::Url;

use crate::{conditions::Verdict, config::VaultArgs};

/// Making an RSA-3072 key takes up to half a second of a core, and many may be asked for at once.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Which Vault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// `https://vault.example.com:8200`.
    pub address: String,
    /// Vault's namespace.
    pub namespace: Option<String>,
    /// PEM certificates to trust.
    pub ca_pem: Option<String>,
}

/// Logged-in clients, by Vault.
pub struct Sessions {
    args: VaultArgs,
    logins: IntCounterVec,
    open: Mutex<HashMap<Target, Vault>>,
}

impl Sessions {
    /// None yet. Logins are counted by their result.
    pub fn new(args: VaultArgs, logins: IntCounterVec) -> Self {
        Self { args, logins, open: Mutex::new(HashMap::new()) }
    }

    /// The Vault that tenants use who name no other.
    pub fn default_target(&self) -> Result<Target, VaultError> {
        let ca_pem = match &self.args.ca_file {
            Some(file) => Some(std::fs::read_to_string(file).map_err(|e| VaultError::Config {
                why: format!("the CA file {} cannot be read: {e}", file.display()),
            })?),
            None => None,
        };
        let namespace = self.args.namespace.clone().filter(|n| !n.is_empty());
        Ok(Target { address: self.args.address.clone(), namespace, ca_pem })
    }

    /// The tenant's Transit mount.
    pub fn mount(&self, tenant_namespace: &str) -> String {
        format!("{}/{tenant_namespace}", self.args.mount_prefix)
    }

    /// A client that is logged in for a while yet.
    pub async fn get(&self, target: &Target) -> Result<Vault, VaultError> {
        // Held during a login, so that a hundred reconciliations that find the session ended make one.
        let mut open = self.open.lock().await;
        if let Some(vault) = open.get(target).filter(|v| !v.expires_soon()) {
            return Ok(vault.clone());
        }
        let login = self.login(target).await;
        let result = login.as_ref().err().map_or("ok", |error| verdict(error).reason);
        self.logins.with_label_values(&[result]).inc();
        let vault = login?;
        open.insert(target.clone(), vault.clone());
        Ok(vault)
    }

    /// Drops a session that Vault no longer accepts, as after a restore of its storage.
    pub async fn forget(&self, target: &Target) {
        self.open.lock().await.remove(target);
    }

    async fn login(&self, target: &Target) -> Result<Vault, VaultError> {
        let config = VaultConfig {
            address: Url::parse(&target.address)
                .map_err(|e| VaultError::Config { why: format!("the address is no URL: {e}") })?,
            namespace: target.namespace.clone(),
            ca_pem: target.ca_pem.clone(),
            timeout: TIMEOUT,
        };
        let file = &self.args.token_file;
        let jwt = tokio::fs::read_to_string(file).await.map_err(|e| VaultError::Config {
            why: format!("the projected ServiceAccount token {} cannot be read: {e}", file.display()),
        })?;
        Vault::login_kubernetes(&config, &self.args.auth_mount, &self.args.role, jwt.trim()).await
    }
}

/// What a condition says of a failure: deterministic, with the next step that the error itself gives.
pub fn verdict(error: &VaultError) -> Verdict {
    let reason = match error {
        VaultError::Sealed => "VaultSealed",
        VaultError::Denied { .. } => "VaultDenied",
        VaultError::Unreachable { .. } | VaultError::Timeout { .. } => "VaultUnreachable",
        VaultError::NoSuchMount { .. } | VaultError::WrongKind { .. } => "VaultMountMissing",
        VaultError::NoSuchKey { .. } => "KeyLost",
        VaultError::Config { .. } => "VaultMisconfigured",
        _ => "VaultFailed",
    };
    Verdict::no(reason, error.to_string())
}

#[cfg(test)]
mod tests {
    use prometheus::Opts;

    use super::*;

    #[tokio::test]
    async fn a_login_that_fails_is_counted_by_its_reason() {
        let args = VaultArgs {
            address: "http://127.0.0.1:1".into(),
            namespace: None,
            ca_file: None,
            auth_mount: "kubernetes".into(),
            role: "camerafleet-operator".into(),
            retention_role: "camerafleet-retention".into(),
            disclosure_role: "camerafleet-disclosure".into(),
            audience: "vault".into(),
            mount_prefix: "camerafleet".into(),
            token_file: "Cargo.toml".into(),
        };
        let logins = IntCounterVec::new(Opts::new("logins", "-"), &["result"]).unwrap();
        let sessions = Sessions::new(args.clone(), logins.clone());
        sessions.get(&sessions.default_target().unwrap()).await.map(drop).unwrap_err();
        assert_eq!(logins.with_label_values(&["VaultUnreachable"]).get(), 1);
        let sessions = Sessions::new(VaultArgs { token_file: "not-there".into(), ..args }, logins.clone());
        sessions.get(&sessions.default_target().unwrap()).await.map(drop).unwrap_err();
        assert_eq!(logins.with_label_values(&["VaultMisconfigured"]).get(), 1);
    }
}
