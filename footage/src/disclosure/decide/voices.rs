//! Which answers count at all: before anyone asks in which policy they count for whom.

use std::collections::BTreeSet;

use camerafleet_crds::{ApprovalDecision, Basis, Capacity};
use jiff::Timestamp;

use super::{Case, findings::Findings};
use crate::disclosure::objects::{Approval, UserName, Verified};
use crate::disclosure::rule::Rule;
use crate::ids::ApprovalUid;

/// The answers that stand.
pub(super) struct Voices<'a> {
    /// Approvals, none of the requester's and none of someone who has also refused.
    pub approvals: Vec<&'a Verified<Approval>>,
    /// The requester's own, for their key shares alone: on the two bases where an owner's request is their consent.
    pub own: Vec<&'a Verified<Approval>>,
    refusals: BTreeSet<(Capacity, &'a UserName)>,
}

impl<'a> Voices<'a> {
    pub fn of(case: &Case<'a>, now: Timestamp, found: &mut Findings) -> Self {
        let mut voices = Self { approvals: Vec::new(), own: Vec::new(), refusals: BTreeSet::new() };
        let own_counts = matches!(case.request.basis, Basis::OwnerExport | Basis::SubjectAccess);
        for verified in &case.approvals {
            let approval = verified.object();
            let mut ignore = |rule: Rule| note(rule, approval, found);
            if let Some(rule) = ignored(case, approval, now) {
                ignore(rule);
            } else if approval.approver == case.request.requester {
                if own_counts && approval.decision == ApprovalDecision::Approve && approval.release.is_some()
                {
                    voices.own.push(verified);
                } else {
                    ignore(Rule::ApproverIsRequester);
                }
            } else if approval.decision == ApprovalDecision::Deny {
                voices.refusals.insert((approval.capacity, &approval.approver));
            } else {
                voices.approvals.push(verified);
            }
        }
        let refusals = &voices.refusals;
        voices.approvals.retain(|verified| {
            let approval = verified.object();
            let refused = refusals.iter().any(|(_, user)| **user == approval.approver);
            if refused {
                note(Rule::ApproverDenied, approval, found);
            }
            !refused
        });
        voices
    }

    /// Whether this person has refused, as whatever.
    pub fn has_refused(&self, user: &UserName) -> bool {
        self.refusals.iter().any(|(_, refuser)| *refuser == user)
    }

    /// Those who have refused in this capacity.
    pub fn refusers(&self, capacity: Capacity) -> impl Iterator<Item = &'a UserName> + '_ {
        self.refusals.iter().filter(move |(as_whom, _)| *as_whom == capacity).map(|(_, user)| *user)
    }

    /// Says of each approval that nobody asked for that it was not.
    pub fn note_unasked(&self, asked: &BTreeSet<ApprovalUid>, found: &mut Findings) {
        for approval in self.approvals.iter().chain(&self.own).map(|v| v.object()) {
            if !asked.contains(&approval.uid) {
                note(Rule::ApproverNotNamed, approval, found);
            }
        }
    }
}

pub(super) fn note(rule: Rule, approval: &Approval, found: &mut Findings) {
    let (name, who) = (&approval.name, &approval.approver);
    found.ignore(&approval.uid, rule);
    found.say(rule, format!("Approval {name} of {who} is not counted. {}", rule.meaning()));
}

fn ignored(case: &Case<'_>, approval: &Approval, now: Timestamp) -> Option<Rule> {
    let (request, log) = (case.request, case.log);
    if approval.namespace != request.namespace {
        return Some(Rule::ApprovalElsewhere);
    } else if approval.request != request.uid {
        return Some(Rule::ApprovalOfAnotherRequest);
    } else if approval.digest != request.digest {
        return Some(Rule::ApprovalOfOtherContent);
    } else if approval.withdrawn || log.withdrawn_approvals.contains(&approval.uid) {
        return Some(Rule::ApprovalWithdrawn);
    } else if approval.not_after <= now {
        return Some(Rule::ApprovalExpired);
    }
    if approval.decision == ApprovalDecision::Deny {
        return None;
    }
    let intent = log.intent_of(&request.uid);
    if log.used_elsewhere(&approval.uid, intent) {
        Some(Rule::ApprovalUsed)
    } else if intent.is_some_and(|intent| !intent.approvals.contains(&approval.uid)) {
        Some(Rule::ApprovalAfterIntent)
    } else if widens(case, approval) {
        Some(Rule::ApprovalWidens)
    } else {
        None
    }
}

fn widens(case: &Case<'_>, approval: &Approval) -> bool {
    let request = case.request;
    let cameras = approval.cameras.as_ref();
    cameras.is_some_and(|named| named.iter().any(|camera| !request.cameras.contains_key(camera)))
        || approval.window.is_some_and(|window| !request.window.contains(&window))
}
