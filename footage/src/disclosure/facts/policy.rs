//! SharingPolicies with their history, and which camera had which.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::{Bases, Custody, SharingPolicySpec};
use jiff::Timestamp;

use crate::digest;
use crate::disclosure::objects::{Digest32, PolicyDigest, SshKey, UserName};
use crate::ids::{CameraId, SharingPolicyId};

/// One revision of a SharingPolicy.
#[derive(Clone, Debug)]
pub struct Revision {
    pub(crate) digest: PolicyDigest,
    pub(crate) owners: BTreeMap<UserName, OwnerKey>,
    pub(crate) threshold: usize,
    pub(crate) custody: Custody,
    pub(crate) bases: Bases,
    pub(crate) authorities: BTreeSet<(String, SshKey)>,
    spec: SharingPolicySpec,
}

/// What an owner's approvals must be signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnerKey {
    /// Nothing: the API server's word for who they are is enough.
    None,
    /// This key.
    Key(SshKey),
    /// A key that cannot be verified, so that no approval of theirs counts.
    Unusable,
}

impl Revision {
    /// From the spec. An authority whose key cannot be verified is as good as not listed.
    pub fn new(spec: &SharingPolicySpec) -> Self {
        let key = |line: &Option<String>| match line {
            None => OwnerKey::None,
            Some(line) => SshKey::parse(line).map_or(OwnerKey::Unusable, OwnerKey::Key),
        };
        let owners: BTreeMap<_, _> =
            spec.owners.iter().map(|o| (UserName::new(&*o.user), key(&o.ssh_public_key))).collect();
        let authorities = spec.trusted_authorities.iter();
        Self {
            digest: PolicyDigest(Digest32(digest::sharing_policy(spec))),
            // Nobody's consent is never enough, whatever stands in the policy.
            threshold: spec.consent_threshold.map_or(spec.owners.len(), at_least_one).max(1),
            owners,
            custody: spec.custody,
            bases: spec.bases.clone(),
            authorities: authorities
                .filter_map(|a| Some((a.name.clone(), SshKey::parse(&a.ssh_public_key)?)))
                .collect(),
            spec: spec.clone(),
        }
    }

    /// The revision's digest.
    pub fn digest(&self) -> PolicyDigest {
        self.digest
    }

    /// The spec that it is made of.
    pub fn spec(&self) -> &SharingPolicySpec {
        &self.spec
    }

    pub(crate) fn lists(&self, authority: &str, key: &SshKey) -> bool {
        self.authorities.iter().any(|(name, listed)| name == authority && listed == key)
    }
}

/// How many people a policy asks for; one at least.
pub(crate) fn at_least_one(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).max(1)
}

/// All that a SharingPolicy has been.
#[derive(Clone, Debug)]
pub struct PolicyHistory {
    /// The policy.
    pub policy: SharingPolicyId,
    /// Its revisions in any order.
    pub steps: Vec<Step>,
}

/// From when a policy was what.
#[derive(Clone, Debug)]
pub struct Step {
    /// When the log had it.
    pub since: Timestamp,
    /// None: the policy was deleted.
    pub revision: Option<Revision>,
}

/// Which SharingPolicies a camera has had.
#[derive(Clone, Debug)]
pub struct CameraHistory {
    /// The camera.
    pub camera: CameraId,
    /// From its first recording on, in any order.
    pub assignments: Vec<Assignment>,
}

/// From when a camera had which policy.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// When the log had it.
    pub since: Timestamp,
    /// None: recorded, and never disclosed.
    pub policy: Option<SharingPolicyId>,
}

impl PolicyHistory {
    /// A policy's steps in order, those of one time by digest. None: nothing is known of it.
    pub(super) fn steps_of<'a>(histories: &'a [Self], policy: &SharingPolicyId) -> Option<Vec<&'a Step>> {
        let own = histories.iter().filter(|h| h.policy == *policy);
        let mut steps: Vec<&Step> = own.flat_map(|h| &h.steps).collect();
        steps.sort_by_key(|s| (s.since, s.revision.as_ref().map(|r| r.digest)));
        (!steps.is_empty()).then_some(steps)
    }

    /// Since when this authority has been listed with this key, without a break up to the step at `at` of
    /// [`Self::steps_of`]. None: it is not listed there.
    pub(super) fn listed_since(
        steps: &[&Step],
        at: usize,
        authority: &str,
        key: &SshKey,
    ) -> Option<Timestamp> {
        let listed =
            |step: &&&Step| step.revision.as_ref().is_some_and(|revision| revision.lists(authority, key));
        steps[..=at].iter().rev().take_while(listed).last().map(|step| step.since)
    }
}
