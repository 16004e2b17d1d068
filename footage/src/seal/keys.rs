//! Public keys of the tenant's Transit mount.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::encode::{hex, sha256};
use super::error::SealError;
use super::secret::Secret32;

/// The smallest RSA modulus, in bits.
pub const MIN_RSA_BITS: usize = 3072;

/// A text is no usable public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the public key {name:?} cannot be used: {why}")]
pub struct PublicKeyError {
    name: String,
    why: &'static str,
}

/// A Transit key's public half, RSA of at least [`MIN_RSA_BITS`] bits, with its name. Cheap to clone.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    name: String,
    fingerprint: [u8; 32],
    key: OaepPublicEncryptingKey,
}

impl PublicKey {
    /// From PEM, a `PUBLIC KEY` (SubjectPublicKeyInfo, RFC 7468), as Transit shows it.
    pub fn from_pem(name: &str, pem: &str) -> Result<Self, PublicKeyError> {
        let fail = |why| PublicKeyError { name: name.chars().take(200).collect(), why };
        // The name goes into a header line.
        if name.is_empty()
            || name.len() > 128
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            return Err(fail("its name must be 1 to 128 letters, digits and '-'"));
        }
        let body = pem
            .trim()
            .strip_prefix("-----BEGIN PUBLIC KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"))
            .ok_or_else(|| fail("it is not one PEM block of type PUBLIC KEY"))?;
        let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let der = BASE64_STANDARD.decode(body).map_err(|_| fail("its base64 is malformed"))?;
        let key =
            PublicEncryptingKey::from_der(&der).map_err(|_| fail("it is no RSA key of up to 8192 bits"))?;
        if key.key_size_bits() < MIN_RSA_BITS {
            return Err(fail("RSA keys must have at least 3072 bits"));
        }
        // One key has one fingerprint: refuse other ways of writing it.
        let canonical: PublicKeyX509Der<'_> = key.as_der().map_err(|_| fail("it cannot be written back"))?;
        if canonical.as_ref() != der {
            return Err(fail("it is not DER"));
        }
        let key = OaepPublicEncryptingKey::new(key).map_err(|_| fail("it cannot be used for OAEP"))?;
        Ok(Self(Arc::new(Inner { name: name.to_owned(), fingerprint: sha256(&der), key })))
    }

    /// The key's name in the tenant's Transit mount.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// SHA-256 of the SubjectPublicKeyInfo's DER.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.0.fingerprint
    }

    /// RSA-OAEP with SHA-256 for hash and MGF1 and no label: what Transit's `decrypt` takes (base64 after
    /// `vault:v1:`).
    pub(crate) fn wrap(&self, secret: &Secret32) -> Result<Vec<u8>, SealError> {
        let mut out = vec![0; self.0.key.ciphertext_size()];
        let length = self
            .0
            .key
            .encrypt(&OAEP_SHA256_MGF1SHA256, secret.expose(), &mut out, None)
            .map_err(|_| SealError::Crypto { doing: "wrapping a secret to a public key" })?
            .len();
        out.truncate(length);
        Ok(out)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("name", &self.0.name)
            .field("fingerprint", &hex(&self.0.fingerprint))
            .finish()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name && self.0.fingerprint == other.0.fingerprint
    }
}

impl Eq for PublicKey {}
