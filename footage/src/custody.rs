//! Custody `Vault`: the two secrets of a segment come from two Transit keys of the tenant's mount. Under which
//! grant that may happen is the caller's to prove; Vault holds the caller to its tenant.

use crate::{
    seal::{SealedHeader, Secret32},
    vault::{Secret, Vault, VaultError},
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
}

/// The window key W and the epoch share E of a segment.
pub async fn unwrap(
    vault: &Vault,
    mount: &str,
    header: &SealedHeader,
) -> Result<(Secret32, Secret32), CustodyError> {
    let window = unwrap_one(vault, mount, header.wrapped_window_key()).await?;
    let epoch = unwrap_one(vault, mount, header.wrapped_epoch_share()).await?;
    Ok((window, epoch))
}

async fn unwrap_one(vault: &Vault, mount: &str, wrapped: (&str, &[u8])) -> Result<Secret32, CustodyError> {
    let (key, ciphertext) = wrapped;
    let not_a_secret = || CustodyError::NotASecret { key: key.to_owned() };
    let mut answers = vault.decrypt(mount, key, &[ciphertext.to_vec()]).await?;
    let secret: Secret = answers.pop().ok_or_else(not_a_secret)??;
    let bytes: &[u8; 32] = secret.expose().try_into().map_err(|_| not_a_secret())?;
    Ok(Secret32::from_bytes(bytes))
}
