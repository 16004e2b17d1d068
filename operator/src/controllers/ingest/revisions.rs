//! Sees to it that a SharingPolicy's revision is in the log before a segment names it: what somebody would have to
//! answer to must not come up only when footage is asked for.

use std::{collections::BTreeSet, time::Duration};

use camerafleet_crds::Tenant;
use camerafleet_footage::shard::CameraConfig;

use super::{gather::Observed, plan::Wanted};
use crate::{
    conditions::Verdict,
    context::Context,
    log::{LogProblem, new_revision},
};

/// A log that does not answer holds up the rest of the recorders' configuration for so long at most.
const LIMIT: Duration = Duration::from_secs(15);

/// Which revisions are logged.
#[derive(Default)]
pub struct Revisions {
    /// Their digests, hex.
    pub logged: BTreeSet<String>,
}

/// Logs what is not logged yet. What a recorder was told is: it was logged before.
pub async fn ensure(wanted: &Wanted, observed: &Observed, tenant: &Tenant, context: &Context) -> Revisions {
    let told = observed.current.iter().flat_map(|current| current.cameras.values());
    let mut logged: BTreeSet<String> =
        told.filter_map(|camera| camera.sharing_policy_digest.clone()).collect();
    let missing = wanted.revisions.iter().filter(|revision| !logged.contains(&revision.digest));
    let entries: Vec<_> = missing.map(|revision| new_revision(revision, context.now())).collect();
    if entries.is_empty() {
        return Revisions { logged };
    }
    let append = tokio::time::timeout(LIMIT, context.logs.append(tenant, &entries, context));
    match append.await.unwrap_or(Err(LogProblem::Timeout)) {
        Ok(_) => logged.extend(wanted.revisions.iter().map(|revision| revision.digest.clone())),
        // The Tenant's LogReady says it to people.
        Err(problem) => tracing::debug!(%problem, "a SharingPolicy is not logged yet"),
    }
    Revisions { logged }
}

impl Revisions {
    /// Whether all that are wanted are.
    pub fn have_all_of(&self, wanted: &Wanted) -> bool {
        wanted.revisions.iter().all(|revision| self.logged.contains(&revision.digest))
    }

    /// What a camera is recorded under: what is wanted, or while that revision is not logged, the one before.
    pub fn in_force(&self, wanted: &CameraConfig, told: Option<&CameraConfig>) -> Option<CameraConfig> {
        match &wanted.sharing_policy_digest {
            Some(digest) if !self.logged.contains(digest) => told.map(|told| CameraConfig {
                sharing_policy_digest: told.sharing_policy_digest.clone(),
                window: told.window.clone(),
                ..wanted.clone()
            }),
            _ => Some(wanted.clone()),
        }
    }

    /// What a camera is told that has no revision before.
    pub fn verdict(&self) -> Verdict {
        Verdict::no(
            "RevisionNotLogged",
            "The SharingPolicy is not in the disclosure log yet, and no segment names a policy before it is: see the Tenant's condition LogReady.",
        )
    }
}
