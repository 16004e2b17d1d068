//! The two secrets of a segment, from whoever keeps their keys. Under which grant that may happen is the caller's to
//! prove; Vault holds the caller to its tenant.
//!
//! Once the epoch's key is destroyed, no party opens a saved copy, Vault's root included. A backup of Vault from before
//! does bring the key back: footage is gone for good only when the last such backup is, which is what a policy's
//! `ShredEffectiveAt` says.

use crate::{
    seal::{SealedHeader, Secret32},
    vault::{TransitKeys, VaultError},
};

/// Why a segment's secrets could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// Vault did not decrypt. [`VaultError::NoSuchKey`] for the epoch's key says that the footage is shredded.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What Vault decrypted is no secret of ours: the header was not made by a recorder.
    #[error(
        "the key {key} decrypts to something that is no 32-byte secret: the segment was not sealed by a recorder"
    )]
    NotASecret {
        /// The Transit key.
        key: String,
    },
    /// Under custody `Owners` no key in Vault gives the window key.
    #[error(
        "the window key is in the owners' keeping: a threshold of them must release their shares, and nothing in Vault replaces them"
    )]
    OwnersKeepIt,
}

/// The window key W and the epoch share E of a segment under custody `Vault`.
pub async fn unwrap(
    keys: &impl TransitKeys,
    mount: &str,
    header: &SealedHeader,
) -> Result<(Secret32, Secret32), CustodyError> {
    let window = window_key(keys, mount, header).await?;
    let epoch = epoch_share(keys, mount, header).await?;
    Ok((window, epoch))
}

/// The window key W, under custody `Vault`.
///
/// # Errors
/// [`CustodyError::OwnersKeepIt`] under custody `Owners`: see [`crate::seal::combine`].
pub async fn window_key(
    keys: &impl TransitKeys,
    mount: &str,
    header: &SealedHeader,
) -> Result<Secret32, CustodyError> {
    let (key, wrapped) = header.wrapped_window_key().ok_or(CustodyError::OwnersKeepIt)?;
    unwrap_one(keys, mount, key, wrapped).await
}

/// The epoch share E, from the epoch's key. Through a hold: [`crate::hold::epoch_share`].
pub async fn epoch_share(
    keys: &impl TransitKeys,
    mount: &str,
    header: &SealedHeader,
) -> Result<Secret32, CustodyError> {
    let (key, wrapped) = header.wrapped_epoch_share();
    unwrap_one(keys, mount, key, wrapped).await
}

async fn unwrap_one(
    keys: &impl TransitKeys,
    mount: &str,
    key: &str,
    wrapped: &[u8],
) -> Result<Secret32, CustodyError> {
    let not_a_secret = || CustodyError::NotASecret { key: key.to_owned() };
    let mut answers = keys.unwrap(mount, key, &[wrapped.to_vec()]).await?;
    let secret = answers.pop().ok_or_else(not_a_secret)??;
    Secret32::try_from(secret.expose()).map_err(|_| not_a_secret())
}
