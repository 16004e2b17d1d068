//! A SharingPolicy's revision, as it is logged.

use camerafleet_footage::log::{NewEntry, entry::PolicyRevision};
use jiff::Timestamp;

/// The entry for a revision: there is one for each digest. `spec` is its canonical form, `digest` that one's, in hex.
pub fn policy_revision(digest: &str, spec: &str, at: Timestamp) -> NewEntry {
    let entry = PolicyRevision { digest: digest.to_owned(), spec: spec.to_owned() };
    NewEntry { id: format!("policy-revision/{digest}"), at, entry: entry.into() }
}
