//! Sees to it that a SharingPolicy's revision, and that a camera has that policy, are in the log before a segment says so: what
//! somebody would have to answer to must not come up only when footage is asked for.

use std::{collections::BTreeSet, time::Duration};

use camerafleet_crds::Tenant;
use camerafleet_footage::{
    ids::CameraId,
    log::{Entry, entry::CameraPolicy},
    shard::CameraConfig,
};

use super::{gather::Observed, plan::Wanted};
use crate::{
    conditions::Verdict,
    context::Context,
    log::{LogProblem, revision_line},
};

/// A log that does not answer holds up the rest of the recorders' configuration for so long at most.
const LIMIT: Duration = Duration::from_secs(15);

/// What is logged.
#[derive(Default)]
pub struct Revisions {
    /// The digests of revisions, hex.
    pub logged: BTreeSet<String>,
    /// The cameras of which it is logged which policy they have.
    pub assigned: BTreeSet<CameraId>,
}

/// Logs what is not logged yet. What a recorder was told is: it was logged before.
pub async fn ensure(wanted: &Wanted, observed: &Observed, tenant: &Tenant, context: &Context) -> Revisions {
    let told = observed.current.iter().flat_map(|current| current.cameras.values());
    let logged = told.filter_map(|camera| camera.sharing_policy_digest.clone()).collect();
    let mut revisions = Revisions { logged, assigned: BTreeSet::new() };
    let entries = entries(wanted);
    if entries.is_empty() {
        return revisions;
    }
    let logging = tokio::time::timeout(LIMIT, context.logs.succeed(tenant, &entries, context));
    match logging.await.unwrap_or(Err(LogProblem::Timeout)) {
        Ok(()) => {
            revisions.logged.extend(wanted.revisions.iter().map(|revision| revision.digest.clone()));
            revisions.assigned.extend(wanted.cameras.keys().cloned());
        }
        // The Tenant's LogReady says it to people.
        Err(problem) => tracing::debug!(%problem, "which SharingPolicies there are is not logged yet"),
    }
    revisions
}

/// Revisions before the cameras that have them: what a camera names is there.
fn entries(wanted: &Wanted) -> Vec<(String, Entry)> {
    let revision = |revision: &camerafleet_footage::log::entry::PolicyRevision| {
        (revision_line(&revision.policy), revision.clone().into())
    };
    let revisions = wanted.revisions.iter().map(revision);
    let cameras = wanted.cameras.iter().filter_map(|(camera, wanted)| {
        let policy = match (&wanted.sharing_policy, &wanted.sharing_policy_id) {
            // Its identity is on the way.
            (Some(_), None) => return None,
            (_, id) => id.clone(),
        };
        let entry = CameraPolicy { camera: camera.clone(), policy };
        Some((format!("camera-policy/{camera}"), entry.into()))
    });
    revisions.chain(cameras).collect()
}

impl Revisions {
    /// Whether all that are wanted are.
    pub fn have_all_of(&self, wanted: &Wanted) -> bool {
        wanted.cameras.keys().all(|camera| self.assigned.contains(camera))
            && wanted.revisions.iter().all(|revision| self.logged.contains(&revision.digest))
    }

    /// What a camera is recorded under: what is wanted, or while that is not logged, what was before.
    pub fn in_force(
        &self,
        camera: &CameraId,
        wanted: &CameraConfig,
        told: Option<&CameraConfig>,
    ) -> Option<CameraConfig> {
        let Some(digest) = &wanted.sharing_policy_digest else { return Some(wanted.clone()) };
        let same = told.is_some_and(|told| told.sharing_policy_digest.as_ref() == Some(digest));
        if self.logged.contains(digest) && (same || self.assigned.contains(camera)) {
            return Some(wanted.clone());
        }
        told.map(|told| CameraConfig {
            sharing_policy_digest: told.sharing_policy_digest.clone(),
            window: told.window.clone(),
            ..wanted.clone()
        })
    }

    /// What a camera is told that has no revision before.
    pub fn verdict(&self) -> Verdict {
        Verdict::no(
            "RevisionNotLogged",
            "The SharingPolicy is not in the disclosure log yet, and no segment names a policy before it is: see the Tenant's condition LogReady.",
        )
    }
}
