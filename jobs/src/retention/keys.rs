//! Destroys the keys that the operator named, if the job finds them due by itself.

use camerafleet_footage::{
    layout::parse_epoch_key_name,
    retention::{key_due_at, listing::Place},
    vault::{Vault, VaultError},
};

use super::{Job, JobError, PolicySource, Report, policy::Checked};

/// Destroys what is named and due. One key that fails does not keep the others.
pub(super) async fn destroy<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    report: &mut Report,
) -> Result<(), JobError> {
    let names: Vec<String> = Checked::read(job).await?.intents.into_iter().map(|intent| intent.key).collect();
    let mut session: Option<Vault> = None;
    for name in names {
        match destroy_one(job, place, &name, &mut session).await {
            Ok(true) => {
                tracing::info!(key = name, "destroyed");
                report.destroyed(&name);
            }
            Ok(false) => tracing::info!(key = name, "named for destruction, but not due: kept"),
            // The operator has written its intent and is about to allow it.
            Err(JobError::Vault(VaultError::DeletionNotAllowed { .. })) => {
                tracing::info!(key = name, "not yet allowed to be destroyed");
                report.not_allowed(&name);
            }
            // Without its policy or Vault the rest fails alike.
            Err(error @ (JobError::Policy { .. } | JobError::NotOurPolicy)) => return Err(error),
            Err(error @ JobError::Setup { .. }) => return Err(error),
            Err(JobError::Vault(error))
                if error.is_transient() || matches!(error, VaultError::Denied { .. }) =>
            {
                return Err(error.into());
            }
            Err(error) => report.failed(&error),
        }
    }
    Ok(())
}

/// Whether the key is gone now and was not kept.
async fn destroy_one<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    name: &str,
    session: &mut Option<Vault>,
) -> Result<bool, JobError> {
    // Only this policy's epochs; whatever else an intent says is not this job's to destroy.
    let Some((_, epoch)) = parse_epoch_key_name(name).ok().filter(|(policy, _)| *policy == place.policy)
    else {
        return Ok(false);
    };
    let newest = place
        .newest(&*job.store, &epoch)
        .await
        .map_err(|source| JobError::Store { doing: "list what is left of an epoch".to_owned(), source })?;
    // Read again for each key: an intent may have been taken back, and the time to keep been made longer.
    let policy = Checked::read(job).await?;
    let still_named = policy.intents.iter().any(|intent| intent.key == name);
    // That the epoch is over follows, as the time to keep is never nothing. Who may still write under the key is
    // the operator's to know: it named it.
    if !still_named || (job.now)() < key_due_at(&epoch, newest, policy.terms) {
        return Ok(false);
    }
    let vault = match session {
        Some(vault) if !vault.expires_soon() => vault,
        other => other.insert(job.keys.session(&job.config.vault).await?),
    };
    vault.delete_key(&job.config.vault.mount, name).await?;
    Ok(true)
}
