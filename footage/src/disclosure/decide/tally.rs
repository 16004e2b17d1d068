//! Counting people: a person counts once, however many approvals they gave.

use std::collections::BTreeSet;

use camerafleet_crds::Capacity;

use super::{Context, camera::Ground, voices::note};
use crate::disclosure::decision::{Action, Need};
use crate::disclosure::facts::{OwnerKey, Revision};
use crate::disclosure::objects::{Approval, UserName, Verified};
use crate::disclosure::rule::Rule;

/// Who is asked for what.
pub(super) struct Tally<'a> {
    pub action: Action,
    pub capacity: Capacity,
    /// Whose answer counts.
    pub asked: BTreeSet<&'a UserName>,
    pub required: usize,
    /// The requester, where their request is their consent.
    pub requester: Option<&'a UserName>,
    pub waiting: Rule,
    /// What it is where too few are left. None: others can still be named.
    pub impossible: Option<Rule>,
}

impl Tally<'_> {
    /// Counts the approvals for which `counts` holds; where it says a rule instead, that is noted.
    pub fn count<'a>(
        self,
        context: &Context<'a>,
        policy: &Revision,
        ground: &mut Ground<'a>,
        counts: impl Fn(&Approval) -> Result<(), Option<Rule>>,
    ) {
        let mut done: BTreeSet<UserName> = BTreeSet::new();
        let voices = &context.voices;
        let shares = self.action == Action::ReleaseKeys;
        if !shares {
            done.extend(self.requester.cloned());
        }
        let own = voices.own.iter().filter(|_| shares && self.requester.is_some());
        for verified in voices.approvals.iter().chain(own) {
            let approval = verified.object();
            if approval.capacity != self.capacity || !self.asked.contains(&approval.approver) {
                continue;
            }
            ground.asked.insert(approval.uid.clone());
            if !is_signed_as(policy, verified) {
                note(Rule::ApprovalUnsigned, approval, &mut ground.found);
                continue;
            }
            match counts(approval) {
                Ok(()) => {
                    done.insert(approval.approver.clone());
                    ground.used.insert(approval.uid.clone(), approval);
                }
                Err(Some(rule)) => note(rule, approval, &mut ground.found),
                Err(None) => {}
            }
        }
        let requester = &context.case.request.requester;
        let can = |user: &&&UserName| {
            let may = **user != requester || self.requester.is_some();
            may && !voices.has_refused(user) && !done.contains(**user)
        };
        let open: BTreeSet<UserName> = self.asked.iter().filter(can).map(|u| (*u).clone()).collect();
        if done.len() < self.required {
            let rule = match self.impossible {
                Some(rule) if done.len() + open.len() < self.required => rule,
                _ => self.waiting,
            };
            let message = format!(
                "{} {} of {} needed under the SharingPolicy {}.",
                rule.meaning(),
                done.len(),
                self.required,
                policy.digest
            );
            ground.found.say(rule, message);
        }
        ground.found.need(Need { action: self.action, required: self.required, done, open });
    }
}

/// An owner with a key signs, in whatever capacity they answer.
fn is_signed_as(policy: &Revision, approval: &Verified<Approval>) -> bool {
    match policy.owners.get(&approval.object().approver) {
        None | Some(OwnerKey::None) => true,
        Some(OwnerKey::Key(key)) => approval.signer() == Some(key),
        Some(OwnerKey::Unusable) => false,
    }
}
