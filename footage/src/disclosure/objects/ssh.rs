//! SSH keys and SSHSIG signatures, as `ssh-keygen -Y sign` makes them.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaParameters};
use ssh_key::public::{KeyData, RsaPublicKey};
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, PublicKey, SshSig};

/// A public key: the bytes of its wire form, so that a comment or spaces make no difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SshKey(Vec<u8>);

impl SshKey {
    /// The line of a `.pub` file. None where it is no key of a kind that can be verified.
    pub fn parse(line: &str) -> Option<Self> {
        let key = PublicKey::from_openssh(line).ok()?;
        is_supported(&key.algorithm()).then(|| Self::of(key.key_data())).flatten()
    }

    fn of(key: &KeyData) -> Option<Self> {
        PublicKey::from(key.clone()).to_bytes().ok().map(Self)
    }
}

/// Why a signature is none.
#[derive(Debug, thiserror::Error)]
pub enum SshSignatureError {
    /// It cannot be read.
    #[error("it is no SSH signature as ssh-keygen -Y sign writes: {0}")]
    Unreadable(ssh_key::Error),
    /// It is for something else.
    #[error("it was made in the namespace {found}; sign with ssh-keygen -Y sign -n {expected}")]
    Namespace {
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// Of a kind that is not verified here.
    #[error(
        "keys of kind {0} are not verified: use Ed25519, ECDSA on P-256 or P-384, or RSA of 2048 bits or more"
    )]
    Unsupported(String),
    /// It does not verify.
    #[error(
        "it does not fit what was submitted: sign RFC 8785's form of the spec as the API server stores it, defaults included"
    )]
    Wrong,
}

/// Hardware keys (`sk-`) are left out: their flags would have to be judged too, and DSA is broken.
fn is_supported(algorithm: &Algorithm) -> bool {
    match algorithm {
        Algorithm::Ed25519 | Algorithm::Rsa { .. } => true,
        Algorithm::Ecdsa { curve } => matches!(curve, EcdsaCurve::NistP256 | EcdsaCurve::NistP384),
        _ => false,
    }
}

/// Who signed `message`: the key in the signature, after the signature has been found to be that key's.
pub(super) fn signer(
    signature: &str,
    namespace: &'static str,
    message: &[u8],
) -> Result<SshKey, SshSignatureError> {
    let signature = SshSig::from_pem(signature).map_err(SshSignatureError::Unreadable)?;
    if signature.namespace() != namespace {
        let found = signature.namespace().to_owned();
        return Err(SshSignatureError::Namespace { expected: namespace, found });
    }
    let key = signature.public_key();
    if !is_supported(&key.algorithm()) {
        return Err(SshSignatureError::Unsupported(key.algorithm().to_string()));
    }
    let valid = match key {
        KeyData::Rsa(key) => verify_rsa(key, &signature, message),
        key => PublicKey::from(key.clone()).verify(namespace, message, &signature).is_ok(),
    };
    if !valid {
        return Err(SshSignatureError::Wrong);
    }
    SshKey::of(key).ok_or(SshSignatureError::Wrong)
}

/// With aws-lc-rs: the crate that ssh-key would use has an open advisory (RUSTSEC-2023-0071).
fn verify_rsa(key: &RsaPublicKey, signature: &SshSig, message: &[u8]) -> bool {
    let parameters: &RsaParameters = match signature.algorithm() {
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) } => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) } => &RSA_PKCS1_2048_8192_SHA512,
        _ => return false,
    };
    let (Some(n), Some(e)) = (key.n.as_positive_bytes(), key.e.as_positive_bytes()) else { return false };
    let signed = SshSig::signed_data(signature.namespace(), signature.hash_alg(), message);
    signed.is_ok_and(|signed| {
        PublicKeyComponents { n, e }.verify(parameters, &signed, signature.signature_bytes()).is_ok()
    })
}
