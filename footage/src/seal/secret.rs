//! Secrets of 32 bytes.

use zeroize::Zeroizing;

/// 32 secret bytes: a window key or an epoch share. Wiped when dropped; no `Debug`, no `Display`, and on the
/// heap, so that moving it leaves no copy behind.
#[derive(Clone)]
pub struct Secret32(Box<Zeroizing<[u8; 32]>>);

/// What was unwrapped is no secret of this format; another key or label was used to wrap it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the unwrapped secret has {0} bytes, not 32: this was not wrapped by a recorder")]
pub struct WrongSecretLength(pub usize);

impl Secret32 {
    /// From bytes that the caller wipes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut secret = Self(Box::new(Zeroizing::new([0; 32])));
        secret.0.copy_from_slice(bytes);
        secret
    }

    /// The bytes, for the moment of use.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Fresh random bytes.
    pub(crate) fn random() -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut secret = Self(Box::new(Zeroizing::new([0; 32])));
        aws_lc_rs::rand::fill(secret.0.as_mut_slice())?;
        Ok(secret)
    }
}

impl TryFrom<&[u8]> for Secret32 {
    type Error = WrongSecretLength;

    fn try_from(bytes: &[u8]) -> Result<Self, WrongSecretLength> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| WrongSecretLength(bytes.len()))?;
        Ok(Self::from_bytes(bytes))
    }
}
