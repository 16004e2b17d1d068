//! What custody and holds ask of Vault: so little that a test can answer in Vault's place and fail on purpose.

use std::future::Future;

use super::{PublicKeyPem, Secret, Vault, VaultError};

/// A tenant's Transit keys. Wrapping is not here: it takes a public key only, and is done locally. Nor is Transit's rewrap,
/// which moves a ciphertext to a newer version of its own key: what a hold copies goes to another key, by unwrapping here and
/// wrapping locally.
///
/// Every call is bounded in time by whoever implements it. [`VaultError`] tells a destroyed key
/// ([`VaultError::NoSuchKey`]) from a refusal ([`VaultError::Denied`]) and from a Vault that cannot be reached.
pub trait TransitKeys: Sync {
    /// Decrypts what was wrapped to a key's public half, [`super::MAX_BATCH`] in a request; results in order.
    fn unwrap(
        &self,
        mount: &str,
        name: &str,
        ciphertexts: &[Vec<u8>],
    ) -> impl Future<Output = Result<Vec<Result<Secret, VaultError>>, VaultError>> + Send;

    /// Signs with an Ed25519 key.
    fn sign(
        &self,
        mount: &str,
        name: &str,
        message: &[u8],
    ) -> impl Future<Output = Result<[u8; 64], VaultError>> + Send;

    /// Makes a key for wrapping, or finds it.
    fn create(
        &self,
        mount: &str,
        name: &str,
    ) -> impl Future<Output = Result<PublicKeyPem, VaultError>> + Send;

    /// Destroys a key, once and for all. One that is already gone is no error.
    fn destroy(&self, mount: &str, name: &str) -> impl Future<Output = Result<(), VaultError>> + Send;
}

impl TransitKeys for Vault {
    async fn unwrap(
        &self,
        mount: &str,
        name: &str,
        ciphertexts: &[Vec<u8>],
    ) -> Result<Vec<Result<Secret, VaultError>>, VaultError> {
        self.decrypt(mount, name, ciphertexts).await
    }

    async fn sign(&self, mount: &str, name: &str, message: &[u8]) -> Result<[u8; 64], VaultError> {
        Self::sign(self, mount, name, message).await
    }

    async fn create(&self, mount: &str, name: &str) -> Result<PublicKeyPem, VaultError> {
        self.create_key(mount, name).await
    }

    async fn destroy(&self, mount: &str, name: &str) -> Result<(), VaultError> {
        self.delete_key(mount, name).await
    }
}
