//! The signature over the manifest: an SSHSIG around a raw Ed25519 signature of Vault's Transit, so that
//! `ssh-keygen -Y verify` checks it.

use ssh_key::public::{Ed25519PublicKey, KeyData};
use ssh_key::{Algorithm, HashAlg, LineEnding, PublicKey, Signature, SshSig};

use super::PackageError;

/// The Transit key that signs manifests, and nothing else.
pub const MANIFEST_KEY: &str = "manifest";
/// The SSHSIG namespace of manifests.
pub const MANIFEST_NAMESPACE: &str = "package.camerafleet.io";

/// The public half of a tenant's [`MANIFEST_KEY`].
#[derive(Clone, Debug)]
pub struct ManifestKey(PublicKey);

impl ManifestKey {
    /// From Ed25519's 32 bytes.
    pub fn new(public: [u8; 32]) -> Self {
        Self(PublicKey::from(KeyData::Ed25519(Ed25519PublicKey(public))))
    }

    /// What Transit signs for this manifest.
    ///
    /// # Errors
    /// [`PackageError::Manifest`].
    pub fn message(&self, manifest: &[u8]) -> Result<Vec<u8>, PackageError> {
        SshSig::signed_data(MANIFEST_NAMESPACE, HashAlg::Sha512, manifest).map_err(failed)
    }

    /// The signature as `ssh-keygen` reads it, from Transit's over [`ManifestKey::message`]; checked.
    ///
    /// # Errors
    /// [`PackageError::Manifest`].
    pub fn signature(&self, manifest: &[u8], raw: [u8; 64]) -> Result<String, PackageError> {
        let raw = Signature::new(Algorithm::Ed25519, raw.to_vec()).map_err(failed)?;
        let signature = SshSig::new(self.0.key_data().clone(), MANIFEST_NAMESPACE, HashAlg::Sha512, raw)
            .map_err(failed)?;
        self.0.verify(MANIFEST_NAMESPACE, manifest, &signature).map_err(failed)?;
        signature.to_pem(LineEnding::LF).map_err(failed)
    }

    /// The line for `ssh-keygen`'s allowed signers.
    ///
    /// # Errors
    /// [`PackageError::Manifest`].
    pub fn signers(&self, who: &str) -> Result<String, PackageError> {
        let key = self.0.to_openssh().map_err(failed)?;
        Ok(format!("{who} namespaces=\"{MANIFEST_NAMESPACE}\" {key}\n"))
    }

    /// As `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }
}

/// Checks a package's signature as its `VERIFY.md` has `ssh-keygen` do it, and says who signed: the name and the key in
/// `signers`, which has one line. Whose key that is, no package can say of itself.
///
/// # Errors
/// [`PackageError::Manifest`].
pub fn check_manifest(
    manifest: &[u8],
    signature: &str,
    signers: &str,
) -> Result<(String, ManifestKey), PackageError> {
    let malformed =
        || PackageError::Manifest("allowed_signers is not the one line that a package has".into());
    let line = signers.strip_suffix('\n').filter(|line| !line.contains('\n')).ok_or_else(malformed)?;
    let (who, rest) = line.split_once(' ').ok_or_else(malformed)?;
    let key = rest.strip_prefix(&format!("namespaces=\"{MANIFEST_NAMESPACE}\" ")).ok_or_else(malformed)?;
    let key = PublicKey::from_openssh(key).map_err(failed)?;
    let signature = SshSig::from_pem(signature).map_err(failed)?;
    // ssh-key looks whether the key is the signature's own, too.
    key.verify(MANIFEST_NAMESPACE, manifest, &signature).map_err(failed)?;
    Ok((who.to_owned(), ManifestKey(key)))
}

fn failed(error: ssh_key::Error) -> PackageError {
    PackageError::Manifest(error.to_string().into())
}
