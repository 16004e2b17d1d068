//! What is opened once it is needed: Vault, and the tenant's log.

use camerafleet_footage::vault::Vault;

use super::{Job, JobError, log::Log};

/// Open for one run.
#[derive(Default)]
pub(super) struct Session {
    vault: Option<Vault>,
    log: Option<Log>,
}

impl Session {
    /// A session with Vault whose token is good for a while.
    pub async fn vault<P>(&mut self, job: &Job<P>) -> Result<Vault, JobError> {
        match &self.vault {
            Some(vault) if !vault.expires_soon() => Ok(vault.clone()),
            _ => Ok(self.vault.insert(job.keys.session(&job.config.vault).await?).clone()),
        }
    }

    /// The log, as it was when it was first asked for.
    pub async fn log<P>(&mut self, job: &Job<P>) -> Result<&Log, JobError> {
        if self.log.is_none() {
            let vault = self.vault(job).await?;
            self.log = Some(Log::read(job, &vault).await?);
        }
        self.log.as_ref().ok_or(JobError::NoLog)
    }
}
