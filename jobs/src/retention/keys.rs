//! Destroys the keys that the operator named, if the job finds them due by itself.

use camerafleet_crds::DestroyIntent;
use camerafleet_footage::{
    hold::Holds,
    ids::{CameraId, HoldId},
    layout::{Epoch, parse_camera_key_name, parse_epoch_key_name, parse_hold_key_name},
    retention::{
        key_due_at,
        listing::{Place, has_footage},
    },
    vault::{TransitKeys as _, VaultError},
};

use super::{
    Job, JobError, PolicySource, Report, copy, holds,
    policy::{Checked, Declared},
    session::Session,
};

/// Destroys what is named and due. One key that fails does not keep the others.
pub(super) async fn destroy<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    begun: &Holds,
    session: &mut Session,
    report: &mut Report,
) -> Result<(), JobError> {
    let intents = Checked::read(job).await?.intents;
    for intent in intents {
        let name = &intent.key;
        match destroy_one(job, place, &intent, begun, session).await {
            Ok(Destroyed::Yes) => {
                tracing::info!(key = name, "destroyed");
                report.destroyed(name);
            }
            Ok(Destroyed::NotDue) => tracing::info!(key = name, "named for destruction, but not due: kept"),
            Ok(Destroyed::Held) => {
                tracing::info!(key = name, "a hold needs it: kept");
                report.summary.uncopied_epochs += u64::from(parse_epoch_key_name(name).is_ok());
            }
            // The operator has written its intent and is about to allow it.
            Err(JobError::Vault(VaultError::DeletionNotAllowed { .. })) => {
                tracing::info!(key = name, "not yet allowed to be destroyed");
                report.not_allowed(name);
            }
            // Without its policy, the holds or Vault the rest fails alike.
            Err(
                error @ (JobError::Policy { .. }
                | JobError::NotOurPolicy
                | JobError::Holds { .. }
                | JobError::Setup { .. }
                | JobError::NoLog
                | JobError::Log(_)),
            ) => return Err(error),
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

/// What became of a key that was named.
enum Destroyed {
    Yes,
    NotDue,
    Held,
}

async fn destroy_one<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    intent: &DestroyIntent,
    begun: &Holds,
    session: &mut Session,
) -> Result<Destroyed, JobError> {
    let name = intent.key.as_str();
    let verdict = match Named::parse(name, place) {
        Some(Named::Epoch(epoch)) => epoch_may_go(job, place, &epoch, name, begun, session).await?,
        Some(Named::Camera(camera)) => camera_may_go(job, place, &camera, intent, begun).await?,
        Some(Named::Hold(hold)) => hold_may_go(job, &hold, name, begun, session).await?,
        None => Destroyed::NotDue,
    };
    if !matches!(verdict, Destroyed::Yes) {
        return Ok(verdict);
    }
    let vault = session.vault(job).await?;
    session.log(job).await?.prove(intent).await?;
    vault.destroy(&job.config.vault.mount, name).await?;
    Ok(Destroyed::Yes)
}

/// What this job may destroy; whatever else an intent names is not its to.
enum Named {
    /// An epoch of its own policy.
    Epoch(Epoch),
    /// A camera of its tenant.
    Camera(CameraId),
    /// A hold of its tenant.
    Hold(HoldId),
}

impl Named {
    fn parse(name: &str, place: &Place) -> Option<Self> {
        match parse_epoch_key_name(name) {
            Ok((policy, epoch)) => (policy == place.policy).then_some(Self::Epoch(epoch)),
            Err(_) => parse_camera_key_name(name)
                .map(Self::Camera)
                .or_else(|_| parse_hold_key_name(name).map(Self::Hold))
                .ok(),
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
    begun: &Holds,
    session: &mut Session,
) -> Result<Destroyed, JobError> {
    let before = holds::fresh(job, begun).await?;
    let survey = place
        .survey(&*job.store, epoch, &before.holds)
        .await
        .map_err(|source| JobError::Store { doing: "list what is left of an epoch".to_owned(), source })?;
    if !before.policy.names(name) || (job.now)() < key_due_at(epoch, survey.newest, before.policy.terms) {
        return Ok(Destroyed::NotDue);
    }
    // Every copy once more, from the store: after this there is no other way to read what is held.
    for (hold, held) in before.holds.iter().zip(&survey.held).filter(|(_, held)| held.segments > 0) {
        let Some(id) = &hold.id else { return Ok(Destroyed::Held) };
        let vault = session.vault(job).await?;
        let Some(key) = copy::hold_key(job, &vault, id).await? else { return Ok(Destroyed::Held) };
        let copied = copy::copy_epoch(job, place, epoch, (&key, &hold.terms), &vault).await?;
        if !copied.is_same(held) {
            return Ok(Destroyed::Held);
        }
    }
    // Read again for each key: an intent may have been taken back, the time to keep been made longer, a hold have come.
    let after = holds::fresh(job, begun).await?;
    if after.holds.iter().any(|hold| !before.holds.iter().any(|known| known == hold)) {
        return Ok(Destroyed::Held);
    }
    let due = after.policy.names(name) && (job.now)() >= key_due_at(epoch, survey.newest, after.policy.terms);
    Ok(if due { Destroyed::Yes } else { Destroyed::NotDue })
}

/// A camera's key opens with any epoch's: it stays while a segment is left anywhere, while the camera is declared, and
/// while a hold names it. To shred it, what is left is no reason, nor is a Camera that is deleted to be shredded.
async fn camera_may_go<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    camera: &CameraId,
    intent: &DestroyIntent,
    begun: &Holds,
) -> Result<Destroyed, JobError> {
    let left = !intent.shred
        && has_footage(&*job.store, &place.prefix, &place.tenant, camera)
            .await
            .map_err(|source| JobError::Store { doing: "look for footage of a camera".to_owned(), source })?;
    let needed = match job.policy.declares(camera).await? {
        Declared::Yes => true,
        Declared::ToShred => !intent.shred,
        Declared::No => false,
    };
    let fresh = holds::fresh(job, begun).await?;
    if left || needed || !fresh.policy.names(&intent.key) {
        return Ok(Destroyed::NotDue);
    }
    Ok(if fresh.holds.name(camera) { Destroyed::Held } else { Destroyed::Yes })
}

/// A hold's key opens its copies: it goes when the hold is over by the log, too.
async fn hold_may_go<P: PolicySource>(
    job: &Job<P>,
    hold: &HoldId,
    name: &str,
    begun: &Holds,
    session: &mut Session,
) -> Result<Destroyed, JobError> {
    let over = session.log(job).await?.is_over(hold, (job.now)());
    let fresh = holds::fresh(job, begun).await?;
    if fresh.holds.has(hold) {
        return Ok(Destroyed::Held);
    }
    Ok(if over && fresh.policy.names(name) { Destroyed::Yes } else { Destroyed::NotDue })
}
