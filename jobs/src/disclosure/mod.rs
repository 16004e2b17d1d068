//! Carries out one Intent: finds what was granted, opens it, and writes the package.
//!
//! It believes the log, under the key that Vault has, and objects that it reads itself as far as the log saw them in the
//! same form; on these it decides again (`footage::disclosure`). It opens nothing that it does not authorise by itself.
//! A run that was killed anywhere leaves nothing that anybody uses, and the next one completes; of two at once, the first
//! to finish has made the package.

mod case;
mod error;
mod footage;
mod keys;
mod log;
mod objects;
mod package;
pub mod prepare;
mod setup;

use std::{collections::HashMap, sync::Arc};

use camerafleet_footage::disclosure::job::{Ending, JobConfig, Receipt, RunSummary};
use jiff::Timestamp;
use object_store::ObjectStore;

pub use error::JobError;
pub use objects::{KubeObjects, Live, Objects};
pub use setup::{Keys, read_config, read_store, report_termination};

use case::Decided;

/// What a run works with.
pub struct Job<O> {
    /// What the operator says.
    pub config: JobConfig,
    /// The tenant's bucket, with the disclosure role's credential.
    pub store: Arc<dyn ObjectStore>,
    /// The bucket of the tenant's log, with a credential that only reads.
    pub log_store: Arc<dyn ObjectStore>,
    /// The objects.
    pub objects: O,
    /// How to get at the keys.
    pub keys: Keys,
    /// The clock.
    pub now: fn() -> Timestamp,
}

/// Runs once. Only inside a runtime of several threads.
pub async fn run<O: Objects>(job: &Job<O>) -> RunSummary {
    match work(job).await {
        Ok(receipt) => RunSummary {
            outcome: Ending::Delivered,
            reason: "Delivered".to_owned(),
            message: "The package is made.".to_owned(),
            package: Some(receipt),
        },
        Err(error) => failed(&error),
    }
}

/// What is said of a run that made nothing.
pub fn failed(error: &JobError) -> RunSummary {
    let message = error.to_string();
    tracing::error!(reason = error.reason(), message, "no package was made");
    RunSummary { outcome: error.ending(), reason: error.reason().to_owned(), message, package: None }
}

async fn work<O: Objects>(job: &Job<O>) -> Result<Receipt, JobError> {
    let config = &job.config;
    let vault = job.keys.session(&config.vault).await?;
    let told = log::read(job, &vault).await?;
    if told.history.facts().outcomes.contains(&config.request_uid) {
        return Err(JobError::OutcomeExists);
    }
    let live = job.objects.read().await?;
    let decided = case::decide_again(&config.tenant, &live, &told, config.intent, (job.now)())?;
    if let Some(receipt) = package::existing(job).await? {
        return Ok(receipt);
    }
    let request = (&config.request_uid, &decided.authorized.digest);
    let bundles = keys::open_bundles(&vault, &config.vault.mount, request, &decided.bundles).await?;
    let mut keys = keys::KeyRing {
        vault,
        mount: config.vault.mount.clone(),
        prefix: config.store.prefix.clone(),
        store: Arc::clone(&job.store),
        holds: decided.holds.clone(),
        bundles,
        windows: HashMap::new(),
    };
    let found = footage::find(job, &decided, &told, &mut keys).await?;
    // The window keys are in the segments now; the shares are of no further use.
    drop(keys);
    package::make(job, &decided, &told, found).await
}

/// The program's exit code: 0 the package is there, 1 something failed and another run goes on, 3 it refused. (2 is
/// clap's, for arguments that make no sense, and also what a missing file gives.)
pub fn exit_code(ending: Ending) -> u8 {
    match ending {
        Ending::Delivered => 0,
        Ending::Failed => 1,
        Ending::Refused => 3,
    }
}
