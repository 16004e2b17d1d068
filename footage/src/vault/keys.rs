//! Making, reading, listing and destroying keys.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::Deserialize;
use vaultrs::api::transit::KeyType;
use vaultrs::api::transit::requests::{CreateKeyRequest, UpdateKeyConfigurationRequest};
use vaultrs::transit::key;

use super::error::Act;
use super::{Vault, VaultError, names};

/// SubjectPublicKeyInfo, PEM.
pub type PublicKeyPem = String;

/// For wrapping: what every camera, epoch, hold and release has.
const RSA: &str = "rsa-3072";
/// For signing: the mount's `log` and `manifest`.
const ED25519: &str = "ed25519";

#[derive(Deserialize)]
struct Answer {
    data: Key,
}

/// What of a key is looked at. Kept lenient: an unknown type must be told, not fail to parse.
#[derive(Deserialize)]
struct Key {
    #[serde(rename = "type")]
    kind: String,
    exportable: bool,
    allow_plaintext_backup: bool,
    keys: BTreeMap<String, serde_json::Value>,
}

impl Vault {
    /// Makes an RSA-3072 key that can be neither exported nor backed up. An existing key is returned, not
    /// changed. Whether a name may be made again is the caller's to know: a destroyed key's must not.
    ///
    /// # Errors
    /// [`VaultError::WrongKind`] if the existing key has another type or can be exported or backed up.
    pub async fn create_key(&self, mount: &str, name: &str) -> Result<PublicKeyPem, VaultError> {
        self.ensure_key(mount, name, KeyType::Rsa3072, RSA).await?.pem(mount, name)
    }

    /// The public half (version 1) of a key that [`Vault::create_key`] made.
    ///
    /// # Errors
    /// [`VaultError::NoSuchKey`]; [`VaultError::WrongKind`] as there.
    pub async fn public_key(&self, mount: &str, name: &str) -> Result<PublicKeyPem, VaultError> {
        self.read_key(mount, name, RSA).await?.pem(mount, name)
    }

    /// Makes an Ed25519 key for signing, or finds it; as [`Vault::create_key`]. Returns the public half.
    ///
    /// # Errors
    /// As [`Vault::create_key`].
    pub async fn create_signing_key(&self, mount: &str, name: &str) -> Result<[u8; 32], VaultError> {
        self.ensure_key(mount, name, KeyType::Ed25519, ED25519).await?.raw(mount, name)
    }

    /// The public half of a key that [`Vault::create_signing_key`] made.
    ///
    /// # Errors
    /// As [`Vault::public_key`].
    pub async fn signing_public_key(&self, mount: &str, name: &str) -> Result<[u8; 32], VaultError> {
        self.read_key(mount, name, ED25519).await?.raw(mount, name)
    }

    /// The names of a mount's keys, in no order; none in an empty mount.
    ///
    /// # Errors
    /// [`VaultError::NoSuchMount`].
    pub async fn list_keys(&self, mount: &str) -> Result<Vec<String>, VaultError> {
        names::path("mount", mount)?;
        let act = Act::on_mount("list the keys in", mount);
        match self.transport.run(&act, key::list(self.transport.vaultrs(), mount)).await {
            Ok(answer) => Ok(answer.keys),
            // How Vault lists nothing. Another server's 404 has a message.
            Err(VaultError::Other { status: 404, message, .. }) if message.is_empty() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Lets the retention role delete a key.
    ///
    /// # Errors
    /// [`VaultError::NoSuchKey`].
    pub async fn allow_deletion(&self, mount: &str, name: &str) -> Result<(), VaultError> {
        self.set_deletion(&key_act("allow deletion of the key", mount, name)?, mount, name, true).await
    }

    /// Takes [`Vault::allow_deletion`] back, for a hold that came in time.
    ///
    /// # Errors
    /// [`VaultError::NoSuchKey`]: it came too late.
    pub async fn forbid_deletion(&self, mount: &str, name: &str) -> Result<(), VaultError> {
        self.set_deletion(&key_act("forbid deletion of the key", mount, name)?, mount, name, false).await
    }

    async fn set_deletion(
        &self,
        act: &Act<'_>,
        mount: &str,
        name: &str,
        allowed: bool,
    ) -> Result<(), VaultError> {
        let mut update = UpdateKeyConfigurationRequest::builder();
        update.deletion_allowed(allowed);
        self.transport.run(act, key::update(self.transport.vaultrs(), mount, name, Some(&mut update))).await
    }

    /// Destroys a key, once and for all. One that is already gone is no error.
    ///
    /// # Errors
    /// [`VaultError::DeletionNotAllowed`] before [`Vault::allow_deletion`].
    pub async fn delete_key(&self, mount: &str, name: &str) -> Result<(), VaultError> {
        let act = key_act("destroy the key", mount, name)?;
        match self.transport.run(&act, key::delete(self.transport.vaultrs(), mount, name)).await {
            Ok(()) | Err(VaultError::NoSuchKey { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn ensure_key(
        &self,
        mount: &str,
        name: &str,
        kind: KeyType,
        word: &str,
    ) -> Result<Key, VaultError> {
        match self.read_key(mount, name, word).await {
            Err(VaultError::NoSuchKey { .. }) => {}
            found => return found,
        }
        let act = key_act("make the key", mount, name)?;
        let mut request = CreateKeyRequest::builder();
        // Said although they are the defaults: the policy pins them.
        request.key_type(kind).exportable(false).allow_plaintext_backup(false);
        self.transport
            .run(&act, key::create(self.transport.vaultrs(), mount, name, Some(&mut request)))
            .await?;
        self.read_key(mount, name, word).await
    }

    /// Reads by hand: vaultrs's answer knows a fixed list of types.
    async fn read_key(&self, mount: &str, name: &str, word: &str) -> Result<Key, VaultError> {
        let act = key_act("read the key", mount, name)?;
        let answer = self.transport.send(&act, Method::GET, &format!("{mount}/keys/{name}"), None).await?;
        let key = answer.read::<Answer>(&act)?.data;
        let wrong = |found: String| VaultError::WrongKind {
            what: format!("the key {mount}/{name}"),
            expected: format!("an {word} key that cannot be exported or backed up"),
            found,
        };
        if key.kind != word {
            Err(wrong(format!("of type {}", key.kind)))
        } else if key.exportable {
            Err(wrong("exportable".into()))
        } else if key.allow_plaintext_backup {
            Err(wrong("one that can be backed up in plaintext".into()))
        } else {
            Ok(key)
        }
    }
}

impl Key {
    /// Version 1: keys are never rotated, and ciphertexts are sent as `vault:v1:`.
    fn public(&self, mount: &str, name: &str) -> Result<&str, VaultError> {
        self.keys
            .get("1")
            .and_then(|version| version.get("public_key")?.as_str())
            .ok_or_else(|| self.damaged(mount, name))
    }

    fn pem(&self, mount: &str, name: &str) -> Result<PublicKeyPem, VaultError> {
        self.public(mount, name).map(str::to_owned)
    }

    fn raw(&self, mount: &str, name: &str) -> Result<[u8; 32], VaultError> {
        let bytes = STANDARD.decode(self.public(mount, name)?).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| self.damaged(mount, name))
    }

    fn damaged(&self, mount: &str, name: &str) -> VaultError {
        VaultError::WrongKind {
            what: format!("the key {mount}/{name}"),
            expected: "a key whose first version is in use".into(),
            found: "one without a readable version 1 (rotated and trimmed)".into(),
        }
    }
}

pub(super) fn key_act<'a>(what: &str, mount: &'a str, name: &'a str) -> Result<Act<'a>, VaultError> {
    Ok(Act::on_key(what, names::path("mount", mount)?, names::segment("key", name)?))
}
