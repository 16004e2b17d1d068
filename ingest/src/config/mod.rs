//! What the pod is to do: the shard's ConfigMap and Secret, watched by name ([`watch`]) or read from files
//! ([`file`]), checked ([`parse`], [`secrets`]), and what a change means for a camera ([`diff`]).

pub mod diff;
pub mod file;
pub mod parse;
pub mod secrets;
pub mod watch;

use std::sync::Arc;

use camerafleet_footage::shard::ShardConfig;

pub use secrets::{Credentials, Secrets};

/// A checked configuration.
#[derive(Debug)]
pub struct Shard {
    /// The content.
    pub config: ShardConfig,
    /// SHA-256 (hex) of the text.
    pub digest: String,
}

/// What is known of ConfigMap and Secret. A bad one leaves the last good one in force.
#[derive(Clone, Default)]
pub struct Current {
    /// The last good configuration.
    pub shard: Option<Arc<Shard>>,
    /// The secrets; none until it is known whether there are any.
    pub secrets: Option<Arc<Secrets>>,
    /// Why the present ConfigMap is not in force, if it is not.
    pub error: Option<String>,
}

/// Takes in what a source has read and hands it on.
#[derive(Clone)]
pub struct Intake {
    sender: Arc<tokio::sync::watch::Sender<Current>>,
}

impl Intake {
    /// With the end that others listen to.
    pub fn new() -> (Self, tokio::sync::watch::Receiver<Current>) {
        let (sender, receiver) = tokio::sync::watch::channel(Current::default());
        (Self { sender: Arc::new(sender) }, receiver)
    }

    /// The text of `shard.json`, or none where ConfigMap or key is missing. False if it was not taken.
    pub fn config(&self, text: Option<&str>) -> bool {
        let parsed = text.ok_or(parse::Rejected::Missing).and_then(parse::shard);
        let ok = parsed.is_ok();
        self.sender.send_if_modified(|current| match parsed {
            Ok(shard) => {
                let same = current.shard.as_ref().is_some_and(|old| old.digest == shard.digest);
                let cleared = current.error.take().is_some();
                if !same {
                    tracing::info!(digest = %shard.digest, cameras = shard.config.cameras.len(), "configuration taken");
                    current.shard = Some(Arc::new(shard));
                }
                !same || cleared
            }
            Err(error) => {
                let message = error.to_string();
                let new = current.error.as_deref() != Some(&message);
                if new {
                    tracing::error!(error = %message, "configuration not taken, the last good one stays in force");
                    current.error = Some(message);
                }
                new
            }
        });
        ok
    }

    /// The Secret's content; empty where there is none.
    pub fn secrets(&self, secrets: Secrets) {
        self.sender.send_if_modified(|current| {
            let same = current.secrets.as_ref().is_some_and(|old| **old == secrets);
            if !same {
                current.secrets = Some(Arc::new(secrets));
            }
            !same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_configuration_leaves_the_last_good_one_in_force() {
        let (intake, receiver) = Intake::new();
        assert!(intake.config(Some(parse::tests::EXAMPLE)));
        let good = receiver.borrow().shard.clone().unwrap();
        for bad in [Some("{"), Some("{}"), None] {
            assert!(!intake.config(bad));
            let now = receiver.borrow().clone();
            assert_eq!(now.shard.unwrap().digest, good.digest);
            assert!(now.error.is_some(), "{bad:?}");
        }
        assert!(intake.config(Some(parse::tests::EXAMPLE)));
        assert!(receiver.borrow().error.is_none());
    }
}
