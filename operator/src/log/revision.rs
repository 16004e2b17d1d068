//! A SharingPolicy's revision, as it is logged.

use camerafleet_crds::SharingPolicy;
use camerafleet_footage::{digest, log::entry::PolicyRevision};

use crate::identity;

/// The entry for a revision. A policy has one once it has an identity.
pub fn policy_revision(policy: &SharingPolicy) -> Option<PolicyRevision> {
    let spec = digest::canonical(&policy.spec);
    let digest = digest::hex(&digest::sha256(spec.as_bytes()));
    Some(PolicyRevision { policy: identity::of(policy)?.to_owned(), digest, spec })
}

/// The line of a policy's revisions: one that comes back after another is in force again.
pub fn revision_line(policy: &str) -> String {
    format!("policy-revision/{policy}")
}
