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

fn failed(error: ssh_key::Error) -> PackageError {
    PackageError::Manifest(error.to_string().into())
}
