//! A SharingPolicy's revision, as it is logged.

use camerafleet_crds::SharingPolicy;
use camerafleet_footage::{
    digest,
    log::{NewEntry, entry::PolicyRevision},
};
use jiff::Timestamp;

use crate::identity;

/// The entry for a revision: there is one for each policy and digest. A policy has one once it has an identity.
pub fn policy_revision(policy: &SharingPolicy) -> Option<PolicyRevision> {
    let spec = digest::canonical(&policy.spec);
    let digest = digest::hex(&digest::sha256(spec.as_bytes()));
    Some(PolicyRevision { policy: identity::of(policy)?.to_owned(), digest, spec })
}

/// The same, to be appended.
pub fn new_revision(revision: &PolicyRevision, at: Timestamp) -> NewEntry {
    let id = format!("policy-revision/{}/{}", revision.policy, revision.digest);
    NewEntry { id, at, entry: revision.clone().into() }
}
