//! What is held, read when it counts: a hold takes effect on what is due and not yet deleted.

use camerafleet_footage::hold::Holds;

use super::{Job, JobError, PolicySource, policy::Checked, session::Session};

/// What counts right before something is deleted.
pub(super) struct Fresh {
    /// The policy.
    pub policy: Checked,
    /// The holds, and those of the run's beginning.
    pub holds: Holds,
}

/// The holds that are there now.
pub(super) async fn read<P: PolicySource>(job: &Job<P>) -> Result<Holds, JobError> {
    Ok(Holds::of(&job.policy.holds().await?, (job.now)()))
}

/// Reads the policy and the holds again. One that was there when the run began holds to its end.
pub(super) async fn fresh<P: PolicySource>(job: &Job<P>, begun: &Holds) -> Result<Fresh, JobError> {
    let policy = Checked::read(job).await?;
    let mut holds = read(job).await?;
    holds.join(begun);
    Ok(Fresh { policy, holds })
}

/// Nothing is deleted while the log has an open hold that the API server has not: the cluster was restored to a state
/// of before it. Where no log is configured, no hold is logged either.
pub(super) async fn none_is_lost<P: PolicySource>(
    job: &Job<P>,
    begun: &Holds,
    session: &mut Session,
) -> Result<(), JobError> {
    if job.config.log.is_none() && !job.config.log_required {
        return Ok(());
    }
    let log = session.log(job).await.map_err(|error| JobError::HoldsUnknown(Box::new(error)))?;
    match log.open_holds((job.now)()).find(|id| !begun.has(id)) {
        Some(id) => Err(JobError::HoldLost { id: id.to_string() }),
        None => Ok(()),
    }
}
