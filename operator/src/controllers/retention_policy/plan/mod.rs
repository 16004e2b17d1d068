//! What is to be done for a policy: a pure function of what was seen.

mod others;
mod shred;
#[cfg(test)]
mod tests;

use std::time::Duration;

use camerafleet_crds::RetentionPolicy;
use camerafleet_footage::retention::{Terms, due_at};
use jiff::Timestamp;

pub use others::{OtherKeys, is_other};
pub use shred::{Shredding, shredding};

use super::{
    gather::Observed,
    resources::{self, Resources},
};
use crate::{conditions::Verdict, config::RunArgs, error::Error, vault};

/// At the latest after this everything is compared again, should an event have been lost.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// What does not work, or waits for a recorder, is looked at again after this.
const LOOK_AGAIN_SOON: Duration = Duration::from_secs(10);

/// What is to be done.
pub struct Plan {
    /// The CronJob and what it needs; or why it cannot be made. What runs is then left as it is.
    pub resources: Result<Resources, Verdict>,
    /// What is to be done with keys.
    pub shredding: Shredding,
    /// Nothing depends on the deleted policy any more.
    pub release: bool,
    /// The tenant is deleted, and its last footage is gone or to be shredded: its Cameras go, and their keys after them.
    pub forget_cameras: bool,
    /// When to look again.
    pub look_again: Duration,
}

/// Decides.
pub fn plan(
    policy: &RetentionPolicy,
    observed: &Observed,
    args: &RunArgs,
    now: Timestamp,
) -> Result<Plan, Error> {
    let resources = match (&observed.store, &observed.vault) {
        (Err(why), _) => Err(why.clone()),
        (_, Err(error)) => Err(vault::verdict(error)),
        (Ok(store), Ok(target)) => Ok(resources::resources(policy, observed, store, target, args)?),
    };
    let terms = Terms::of(policy);
    let shredding = match &observed.keys {
        Ok(keys) => {
            let newest = observed.newest.as_ref().ok();
            let (others, epochs): (Vec<_>, Vec<_>) = observed.standing.iter().cloned().partition(is_other);
            let used = &observed.used;
            let mut plan = shredding(&observed.policy_id, terms, &epochs, keys, newest, used, now);
            observed.others.shred(&others, used, now, &mut plan);
            plan
        }
        Err(_) => Shredding::unknown(&observed.standing),
    };
    let works = resources.is_ok() && observed.keys.is_ok() && observed.newest.is_ok();
    let next = match &observed.keys {
        Ok(keys) => {
            keys.keys().map(|epoch| due_at(epoch.end(), terms.keep_for)).filter(|due| *due > now).min()
        }
        Err(_) => None,
    };
    let next = next.into_iter().chain(shredding.next).min();
    let empty = terms.retired
        && observed.keys.as_ref().is_ok_and(|keys| keys.is_empty())
        && observed.segments_left == Some(Ok(false))
        && !lists_our_keys(observed);
    // The last policy of a tenant that goes: without its job nobody could destroy the cameras' keys.
    let last = observed.last && observed.tenant.metadata.deletion_timestamp.is_some();
    let shredded = terms.retired && observed.tenant.is_shredded();
    let forget_cameras = shredded || (empty && last);
    let release = empty && (!last || observed.others.all.is_empty());
    let look_again = if works && !shredding.waits_for_recorders && !forget_cameras {
        let until = next.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        // A little later: the moment itself is then past.
        until.map_or(LOOK_AGAIN, |until| LOOK_AGAIN.min(until + Duration::from_secs(1)))
    } else {
        LOOK_AGAIN_SOON
    };
    Ok(Plan { resources, shredding, release, forget_cameras, look_again })
}

/// A recorder still works under this policy: keys of it are about to be made.
fn lists_our_keys(observed: &Observed) -> bool {
    let prefix = format!("epoch-{}-", observed.policy_id);
    observed.used.listed.iter().any(|name| name.starts_with(&prefix))
}
