//! Destroys the keys that the operator named, if the job finds them due by itself.

use camerafleet_crds::DestroyIntent;
use camerafleet_footage::{
    ids::CameraId,
    layout::{Epoch, parse_camera_key_name, parse_epoch_key_name},
    retention::{
        key_due_at,
        listing::{Place, has_footage},
    },
    vault::{Vault, VaultError},
};

use super::{Job, JobError, PolicySource, Report, log::Intents, policy::Checked};

/// Destroys what is named and due. One key that fails does not keep the others.
pub(super) async fn destroy<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    report: &mut Report,
) -> Result<(), JobError> {
    let intents = Checked::read(job).await?.intents;
    let mut session = Session::default();
    for intent in intents {
        let name = &intent.key;
        match destroy_one(job, place, &intent, &mut session).await {
            Ok(true) => {
                tracing::info!(key = name, "destroyed");
                report.destroyed(name);
            }
            Ok(false) => tracing::info!(key = name, "named for destruction, but not due: kept"),
            // The operator has written its intent and is about to allow it.
            Err(JobError::Vault(VaultError::DeletionNotAllowed { .. })) => {
                tracing::info!(key = name, "not yet allowed to be destroyed");
                report.not_allowed(name);
            }
            // Without its policy or Vault the rest fails alike.
            Err(error @ (JobError::Policy { .. } | JobError::NotOurPolicy)) => return Err(error),
            Err(error @ (JobError::Setup { .. } | JobError::NoLog | JobError::Log(_))) => return Err(error),
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
    intent: &DestroyIntent,
    session: &mut Session,
) -> Result<bool, JobError> {
    let name = intent.key.as_str();
    let may_go = match Named::parse(name, place) {
        Some(Named::Epoch(epoch)) => epoch_may_go(job, place, &epoch, name).await?,
        Some(Named::Camera(camera)) => camera_may_go(job, place, &camera, name).await?,
        None => false,
    };
    if !may_go {
        return Ok(false);
    }
    let vault = match &mut session.vault {
        Some(vault) if !vault.expires_soon() => vault,
        other => other.insert(job.keys.session(&job.config.vault).await?),
    };
    let log = match &session.log {
        Some(log) => log,
        None => session.log.insert(Intents::read(job, vault).await?),
    };
    log.prove(intent).await?;
    vault.delete_key(&job.config.vault.mount, name).await?;
    Ok(true)
}

/// What is opened once a key is due.
#[derive(Default)]
struct Session {
    vault: Option<Vault>,
    log: Option<Intents>,
}

/// What this job may destroy; whatever else an intent names is not its to.
enum Named {
    /// An epoch of its own policy.
    Epoch(Epoch),
    /// A camera of its tenant.
    Camera(CameraId),
}

impl Named {
    fn parse(name: &str, place: &Place) -> Option<Self> {
        match parse_epoch_key_name(name) {
            Ok((policy, epoch)) => (policy == place.policy).then_some(Self::Epoch(epoch)),
            Err(_) => parse_camera_key_name(name).ok().map(Self::Camera),
        }
    }
}

/// That the epoch is over follows, as the time to keep is never nothing; a retired policy's that opens nothing need not
/// be. Who may still write under the key is the operator's to know: it named it.
async fn epoch_may_go<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epoch: &Epoch,
    name: &str,
) -> Result<bool, JobError> {
    let newest = place
        .newest(&*job.store, epoch)
        .await
        .map_err(|source| JobError::Store { doing: "list what is left of an epoch".to_owned(), source })?;
    // Read again for each key: an intent may have been taken back, and the time to keep been made longer.
    let policy = Checked::read(job).await?;
    Ok(policy.names(name) && (job.now)() >= key_due_at(epoch, newest, policy.terms))
}

/// A camera's key opens with any epoch's: it stays while a segment is left anywhere, and while the camera is declared.
async fn camera_may_go<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    camera: &CameraId,
    name: &str,
) -> Result<bool, JobError> {
    let left = has_footage(&*job.store, &place.prefix, &place.tenant, camera)
        .await
        .map_err(|source| JobError::Store { doing: "look for footage of a camera".to_owned(), source })?;
    Ok(!left && !job.policy.declares(camera).await? && Checked::read(job).await?.names(name))
}
