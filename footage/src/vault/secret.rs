//! Plaintexts.

use zeroize::Zeroizing;

/// A plaintext that Vault decrypted: wiped when dropped, with no `Debug`, `Display` or `Clone`.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// From the bytes, which are wiped with it.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for as long as they are needed. A copy is the caller's to wipe.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        self.expose()
    }
}
