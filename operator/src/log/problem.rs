//! What stands between the operator and a log, and how the Tenant says it.

use camerafleet_footage::{
    log::LogError,
    store::{StoreConfigError, StoreFault},
    vault::VaultError,
};

use crate::{conditions::Verdict, error::Error, vault};

/// Why nothing can be logged. Recording goes on, destruction and disclosure wait.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the sentences say what they are")]
pub enum LogProblem {
    #[error("No log is configured: give the chart's values log.s3. No key is destroyed until then.")]
    NotConfigured,
    #[error("The Secret {secret} that log.s3 names does not exist in the operator's namespace: create it.")]
    SecretMissing { secret: String },
    #[error("The Secret {secret} in the operator's namespace has no field {field}: add it.")]
    FieldMissing { secret: String, field: &'static str },
    #[error("{0}: check the chart's values log.s3.")]
    Settings(#[from] StoreConfigError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("The API server was not of help: {0}")]
    Kube(#[from] Error),
    #[error("The namespace kube-system has no uid, so the logs have no name: look at the API server.")]
    NoCluster,
    #[error("The log is not open yet.")]
    NotOpen,
    #[error("The log's bucket did not answer in time: look at its load and the network to it.")]
    Timeout,
    #[error(transparent)]
    Log(#[from] LogError),
}

impl LogProblem {
    /// Whether Vault refused, which a new login may heal.
    pub fn is_denied(&self) -> bool {
        matches!(
            self,
            Self::Vault(VaultError::Denied { .. }) | Self::Log(LogError::Sign(VaultError::Denied { .. }))
        )
    }

    /// What LogReady says.
    pub fn verdict(&self) -> Verdict {
        let say = |verdict: fn(String) -> Verdict| verdict(self.to_string());
        match self {
            Self::Vault(error) | Self::Log(LogError::Sign(error)) => vault::verdict(error),
            Self::NotConfigured => say(|why| Verdict::no("LogNotConfigured", why)),
            Self::SecretMissing { .. } | Self::FieldMissing { .. } => {
                say(|why| Verdict::no("LogCredentialsMissing", why))
            }
            Self::Settings(_) => say(|why| Verdict::no("LogMisconfigured", why)),
            Self::Kube(_) | Self::NoCluster | Self::NotOpen => say(|why| Verdict::unknown("LogNotOpen", why)),
            Self::Timeout => say(|why| Verdict::no("LogUnreachable", why)),
            Self::Log(error) => match error {
                LogError::Store { fault, .. } => match fault {
                    StoreFault::BucketMissing
                    | StoreFault::UnknownAccessKey
                    | StoreFault::WrongSecretKey
                    | StoreFault::Denied => say(|why| Verdict::no("LogRefused", why)),
                    _ => say(|why| Verdict::no("LogUnreachable", why)),
                },
                LogError::Timeout { .. } => say(|why| Verdict::no("LogUnreachable", why)),
                LogError::Conflict | LogError::Overtaken => say(|why| Verdict::no("LogConflict", why)),
                LogError::Stale { .. } | LogError::Lost(_) | LogError::Absent(_) => {
                    say(|why| Verdict::no("LogRolledBack", why))
                }
                LogError::Forked { .. } => say(|why| Verdict::no("LogForked", why)),
                LogError::NotSigned(_)
                | LogError::TileMissing(_)
                | LogError::TileAltered(_)
                | LogError::LeafAltered(_)
                | LogError::HeadAltered
                | LogError::PayloadMissing { .. }
                | LogError::PayloadAltered { .. }
                | LogError::Oversized(_) => say(|why| Verdict::no("LogAltered", why)),
                _ => say(|why| Verdict::no("LogFailed", why)),
            },
        }
    }
}
