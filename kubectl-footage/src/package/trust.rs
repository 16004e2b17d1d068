//! What the reader knows from elsewhere: keys whose owners they asked, and checkpoints that they kept.

use std::path::PathBuf;

use camerafleet_footage::log::{InclusionProof, LogKey};
use ssh_key::{HashAlg, PublicKey};

use crate::failure::{Failure, Kind};

/// A file of keys or checkpoints is short.
const MAX_BYTES: u64 = 1 << 20;

/// What is trusted whatever a package says.
#[derive(Default)]
pub struct Trust {
    /// Fingerprints of keys that sign manifests, as `ssh-keygen -l` shows them.
    pub signers: Vec<String>,
    /// Logs' keys.
    pub logs: Vec<LogKey>,
    /// Checkpoints, as notes, each with the file that it is from.
    pub checkpoints: Vec<(String, String)>,
}

impl Trust {
    /// Of files given on the command line.
    pub fn read(keys: &[PathBuf], checkpoints: &[PathBuf]) -> Result<Self, Failure> {
        let mut trust = Self::default();
        for path in keys {
            let text = text(path)?;
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                trust.key(line).ok_or_else(|| {
                    Failure::new(
                        Kind::Input,
                        format!("{} has a line that is no key: {line:?}.", path.display()),
                        "Give SSH public keys, lines of allowed_signers, fingerprints (SHA256:…) or a log's verifier key, one a line.",
                    )
                })?;
            }
        }
        for path in checkpoints {
            trust.checkpoints.push((path.display().to_string(), checkpoint(text(path)?)));
        }
        Ok(trust)
    }

    fn key(&mut self, line: &str) -> Option<()> {
        let is_fingerprint = |text: &str| {
            text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        };
        if line.strip_prefix("SHA256:").is_some_and(is_fingerprint) {
            self.signers.push(line.to_owned());
        } else if let Some(at) = line.find("ssh-ed25519 ") {
            let key = PublicKey::from_openssh(&line[at..]).ok()?;
            self.signers.push(key.fingerprint(HashAlg::Sha256).to_string());
        } else {
            self.logs.push(LogKey::from_vkey(line).ok()?);
        }
        Some(())
    }
}

/// A checkpoint's note: of a note itself, or of a proof with one, as packages and notices have.
fn checkpoint(text: String) -> String {
    match InclusionProof::try_from(text.clone()) {
        Ok(proof) => proof.checkpoint().to_owned(),
        Err(_) => text,
    }
}

fn text(path: &std::path::Path) -> Result<String, Failure> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Failure::new(Kind::Input, format!("{} cannot be read: {why}.", path.display()), "Check the path.")
    };
    if std::fs::metadata(path).map_err(|e| unreadable(&e))?.len() > MAX_BYTES {
        return Err(unreadable(&"it is too long for a key or a checkpoint"));
    }
    std::fs::read_to_string(path).map_err(|e| unreadable(&e))
}
