//! A tenant's members, as far as they decide.

use std::collections::BTreeSet;

use camerafleet_crds::{Member, Role, SubjectKind};

use crate::disclosure::objects::UserName;

/// The people who may decide for a tenant, by name. A group decides nothing: whoever can add to it could make approvers.
#[derive(Clone, Debug, Default)]
pub struct Members {
    pub(crate) owners: BTreeSet<UserName>,
    pub(crate) reviewers: BTreeSet<UserName>,
}

impl Members {
    /// From `spec.members` of the Tenant.
    pub fn of(members: &[Member]) -> Self {
        let named = |role: Role| {
            let subjects = members.iter().filter(move |m| m.role == role).flat_map(|m| &m.subjects);
            subjects.filter(|s| s.kind == SubjectKind::User).map(|s| UserName::new(&*s.name)).collect()
        };
        Self { owners: named(Role::Owner), reviewers: named(Role::Reviewer) }
    }

    pub(crate) fn decide(&self, user: &UserName) -> bool {
        self.owners.contains(user) || self.reviewers.contains(user)
    }
}
