//! Which revisions decide on a camera: each that was in force when the window was recorded, and the present one.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{CameraHistory, PolicyHistory, Revision, policy::Step};
use crate::disclosure::objects::{PolicyDigest, SshKey, Window};
use crate::ids::{CameraId, SharingPolicyId};

/// For how long after a change recorders may still seal under the policy before it: the longest segment. What
/// carries an older digest still is for the Job to refuse, which compares each header's with those decided on.
pub const CARRY_OVER: SignedDuration = SignedDuration::from_secs(300);

/// A revision that must authorise by itself.
#[derive(Clone, Debug)]
pub(crate) struct Selected<'a> {
    pub revision: &'a Revision,
    /// In force in the window: footage is sealed under its custody.
    pub recorded: bool,
    steps: Vec<&'a Step>,
    at: usize,
}

impl Selected<'_> {
    /// Since when the authority is listed with the key, up to this revision.
    pub fn listed_since(&self, authority: &str, key: &SshKey) -> Option<Timestamp> {
        PolicyHistory::listed_since(&self.steps, self.at, authority, key)
    }
}

/// Why no revisions can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unselectable {
    /// Some of it was recorded under no policy, or there is none at present.
    NoPolicy,
    /// The log's facts do not say under which policy.
    Unknown,
}

type Found<'a> = BTreeMap<(PolicyDigest, Timestamp, &'a SharingPolicyId), Selected<'a>>;

/// The revisions that decide on this camera, each once.
pub(crate) fn select<'a>(
    cameras: &'a [CameraHistory],
    policies: &'a [PolicyHistory],
    camera: &CameraId,
    window: &Window,
    now: Timestamp,
) -> Result<Vec<Selected<'a>>, Unselectable> {
    let mut found = Found::new();
    // A timestamp that cannot be had is before all of them.
    let from = window.from().checked_sub(CARRY_OVER).unwrap_or(Timestamp::MIN);
    let assigned = assignments(cameras, camera);
    in_force(&assigned, policies, (from, window.to()), true, &mut found)?;
    if found.is_empty() {
        return Err(Unselectable::Unknown);
    }
    // A change that the log dates after now, as of a clock that runs ahead, is the present one too.
    in_force(&assigned, policies, (now, Timestamp::MAX), false, &mut found)?;
    Ok(found.into_values().collect())
}

type Interval = (Timestamp, Timestamp);

fn overlap(a: Interval, b: Interval) -> Option<Interval> {
    let both = (a.0.max(b.0), a.1.min(b.1));
    (both.0 < both.1).then_some(both)
}

/// From each time to the next later one; of two at one time both count.
fn intervals(times: &[Timestamp]) -> impl Iterator<Item = Interval> + '_ {
    times.iter().map(|&since| {
        let next = times.iter().copied().filter(|t| *t > since).min();
        (since, next.unwrap_or(Timestamp::MAX))
    })
}

fn assignments<'a>(
    cameras: &'a [CameraHistory],
    camera: &CameraId,
) -> Vec<(Interval, Option<&'a SharingPolicyId>)> {
    let all = || cameras.iter().filter(|c| c.camera == *camera).flat_map(|c| &c.assignments);
    let times: Vec<Timestamp> = all().map(|a| a.since).collect();
    intervals(&times).zip(all().map(|a| a.policy.as_ref())).collect()
}

fn in_force<'a>(
    assigned: &[(Interval, Option<&'a SharingPolicyId>)],
    policies: &'a [PolicyHistory],
    reach: Interval,
    recorded: bool,
    found: &mut Found<'a>,
) -> Result<(), Unselectable> {
    for (interval, policy) in assigned {
        let Some(part) = overlap(*interval, reach) else { continue };
        let policy = policy.ok_or(Unselectable::NoPolicy)?;
        let steps = PolicyHistory::steps_of(policies, policy).ok_or(Unselectable::Unknown)?;
        let times: Vec<Timestamp> = steps.iter().map(|s| s.since).collect();
        // The camera named it before it was there.
        if times.first().is_none_or(|first| *first > part.0) {
            return Err(Unselectable::NoPolicy);
        }
        for (at, lasted) in intervals(&times).enumerate() {
            if overlap(lasted, part).is_none() {
                continue;
            }
            let revision = steps[at].revision.as_ref().ok_or(Unselectable::NoPolicy)?;
            let key = (revision.digest, steps[at].since, policy);
            let selected = Selected { revision, recorded, steps: steps.clone(), at };
            found.entry(key).or_insert(selected);
        }
    }
    Ok(())
}
