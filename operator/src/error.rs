//! What can go wrong in a reconciliation. A message says what was being done and to what; it never holds a
//! credential.

use camerafleet_footage::vault::VaultError;

/// Why a reconciliation did not finish. It is tried again with a growing pause.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("{doing}: {source}")]
    Kube {
        /// What was being done, to which object.
        doing: String,
        /// Why it failed.
        source: Box<kube::Error>,
    },
    /// The API server did not answer in time.
    #[error("{doing}: no answer within {seconds} s")]
    Timeout {
        /// What was being done, to which object.
        doing: String,
        /// The limit.
        seconds: u64,
    },
    /// Vault refused or did not answer.
    #[error("{doing}: {source}")]
    Vault {
        /// What was being done, to which key.
        doing: String,
        /// Why it failed.
        source: VaultError,
    },
    /// A value of our own making could not be built: a fault of the operator.
    #[error("{doing}: {source}")]
    Build {
        /// What was being built.
        doing: String,
        /// Why it failed.
        source: serde_json::Error,
    },
}

impl Error {
    /// A word for the metric's label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Kube { .. } => "kube",
            Self::Timeout { .. } => "timeout",
            Self::Vault { .. } => "vault",
            Self::Build { .. } => "build",
        }
    }

    /// Whether the API server said that someone else changed the object meanwhile.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Kube { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 409))
    }
}
