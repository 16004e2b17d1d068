//! Access to Vault: HashiCorp Vault or OpenBao, and nothing that only one of them has.
//!
//! Each tenant has its own Transit mount, and each camera, epoch, hold and release its own RSA-3072 key there,
//! which can neither be exported nor backed up. What a caller may do is decided by its policy in Vault
//! (`operator vault-setup`), not here: a method that the caller's role does not cover answers
//! [`VaultError::Denied`].
//!
//! Calls go through `vaultrs` where it serves. It knows no `batch_input`, and reads some answers more strictly
//! than both servers write them; those calls are our own, over the same HTTP client.
//!
//! Every call is under the configuration's timeout, proxies of the environment are not used, and no error,
//! `Debug` output or log line holds a token, a JWT or a plaintext.

mod admin;
mod crypto;
mod error;
mod health;
mod keys;
mod login;
mod mounts;
mod names;
mod secret;
mod transit;
mod transport;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

pub use crypto::MAX_BATCH;
pub use error::VaultError;
pub use health::{Health, health};
pub use keys::PublicKeyPem;
pub use secret::Secret;
pub use transit::TransitKeys;

use transport::Transport;

/// Where Vault is and how to reach it. It holds no credential.
#[derive(Clone, PartialEq, Eq)]
pub struct VaultConfig {
    /// `https://vault.example.com:8200`, without a path, a user name or a password.
    pub address: Url,
    /// The namespace (`X-Vault-Namespace`), if the server has them.
    pub namespace: Option<String>,
    /// PEM certificates. If given, they alone are trusted; if not, the system's are.
    pub ca_pem: Option<String>,
    /// The longest that one call may take. Making an RSA-3072 key takes up to half a second of a core.
    pub timeout: Duration,
}

impl fmt::Debug for VaultConfig {
    /// Without what a careless person may have put into the address: `with_token` refuses it, logs may come before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultConfig")
            .field("address", &names::printable_address(&self.address))
            .field("namespace", &self.namespace)
            .field("ca_pem", &self.ca_pem.as_ref().map(|pem| format!("{} bytes", pem.len())))
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// A client with a token. Clones share the connections.
#[derive(Clone)]
pub struct Vault {
    transport: Arc<Transport>,
    lease: Option<Lease>,
}

/// For how long a token lives.
#[derive(Clone, Copy, Debug)]
struct Lease {
    ends: Instant,
    length: Duration,
}

impl Vault {
    /// A client with a token that it knows nothing about; [`Vault::expires_soon`] is then always false.
    pub fn with_token(config: &VaultConfig, token: String) -> Result<Self, VaultError> {
        Ok(Self { transport: Arc::new(Transport::new(config)?.authenticated(token)?), lease: None })
    }

    /// Whether less than a third of the token's life is left: log in again, as a token is never renewed here.
    pub fn expires_soon(&self) -> bool {
        self.lease.is_some_and(|lease| lease.is_short(Instant::now()))
    }
}

impl Lease {
    fn is_short(&self, now: Instant) -> bool {
        self.ends.saturating_duration_since(now) < self.length / 3
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("address", &self.transport.address()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(address: &str) -> VaultConfig {
        VaultConfig {
            address: Url::parse(address).unwrap(),
            namespace: None,
            ca_pem: None,
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_token_is_short_in_its_last_third() {
        let start = Instant::now();
        let lease = Lease { ends: start + Duration::from_secs(900), length: Duration::from_secs(900) };
        for (after, short) in [(0, false), (599, false), (601, true), (900, true), (5000, true)] {
            assert_eq!(lease.is_short(start + Duration::from_secs(after)), short, "after {after} s");
        }
    }

    #[test]
    fn debug_output_holds_no_credential() {
        let config = config("https://someone:opensesame@vault.example.com:8200");
        assert!(!format!("{config:?}").contains("opensesame"), "{config:?}");
        let config = self::config("http://vault.example.com:8200");
        let vault = Vault::with_token(&config, "s.opensesame".into()).unwrap();
        assert!(!format!("{vault:?}").contains("opensesame"), "{vault:?}");
    }

    #[test]
    fn what_cannot_be_an_address_or_a_token_is_refused_without_repeating_it() {
        for bad in [
            "https://someone:opensesame@vault.example.com",
            "https://vault.example.com/opensesame",
            "https://vault.example.com/?x=opensesame",
            "ftp://vault.example.com/",
        ] {
            let error = Vault::with_token(&config(bad), "t".into()).unwrap_err();
            assert!(matches!(error, VaultError::Config { .. }), "{bad}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("opensesame"), "{error}");
        }
        for bad in ["", "opensesame\nX-Evil: 1", "opensesame\u{e9}"] {
            let error = Vault::with_token(&config("http://vault.example.com"), bad.into()).unwrap_err();
            assert!(matches!(error, VaultError::Config { .. }), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("opensesame"), "{error}");
        }
        let mut bad_ca = config("https://vault.example.com");
        bad_ca.ca_pem = Some("no certificate".into());
        assert!(matches!(Vault::with_token(&bad_ca, "t".into()), Err(VaultError::Config { .. })));
    }
}
