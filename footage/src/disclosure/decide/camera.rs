//! One camera under one policy revision: each must authorise by itself.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::{Basis, Capacity, Custody, Span};
use jiff::SignedDuration;

use super::{Context, findings::Findings, order, tally::Tally};
use crate::disclosure::decision::Action;
use crate::disclosure::facts::{Revision, Selected, at_least_one};
use crate::disclosure::objects::{Approval, Order, UserName, Verified, Window};
use crate::disclosure::rule::Rule;
use crate::ids::{ApprovalUid, CameraId};

/// What is found of one camera, over its revisions.
pub(super) struct Ground<'a> {
    pub found: Findings,
    /// The approvals that count. Each of them narrows.
    pub used: BTreeMap<ApprovalUid, &'a Approval>,
    /// The approvals for which someone asked, whether they count or not.
    pub asked: BTreeSet<ApprovalUid>,
    pub follow_up_within: Option<SignedDuration>,
    window: Window,
}

impl<'a> Ground<'a> {
    pub fn new(window: Window) -> Self {
        Self {
            found: Findings::default(),
            used: BTreeMap::new(),
            asked: BTreeSet::new(),
            follow_up_within: None,
            window,
        }
    }

    /// What all who approved agree on. None: nothing of this camera.
    pub fn window(&self, camera: &CameraId) -> Option<Window> {
        self.used.values().try_fold(self.window, |left, approval| {
            let included = approval.cameras.as_ref().is_none_or(|only| only.contains(camera));
            let agreed = approval.window.map_or(Some(left), |only| left.intersection(&only));
            agreed.filter(|_| included)
        })
    }
}

pub(super) fn judge<'a>(
    context: &Context<'a>,
    selected: &Selected<'a>,
    order: Option<&'a Verified<Order>>,
    ground: &mut Ground<'a>,
) {
    let policy = selected.revision;
    let bases = &policy.bases;
    let request = context.case.request;
    let mut limits = Limits { context, policy, ground };
    match request.basis {
        Basis::Consent => {
            let Some(bounds) = limits.listed(bases.consent.as_ref()) else { return };
            limits.window(bounds.max_window);
            limits.cameras(bounds.max_cameras);
            limits.audio(bounds.audio);
            owners(context, policy, ground);
        }
        Basis::OwnerExport => {
            let Some(bounds) = limits.listed(bases.owner_export.as_ref()) else { return };
            limits.window(bounds.max_window);
            limits.audio(false);
            if !policy.owners.contains_key(&request.requester) {
                let who = &request.requester;
                let message = format!("{who} is no owner under the SharingPolicy {}.", policy.digest);
                ground.found.say(Rule::RequesterNotOwner, message);
            }
            owners(context, policy, ground);
        }
        Basis::SubjectAccess => {
            let Some(bounds) = limits.listed(bases.subject_access.as_ref()) else { return };
            limits.window(bounds.max_window);
            limits.audio(false);
            owners(context, policy, ground);
            reviewers(context, policy, bounds.reviewers, None, ground);
        }
        Basis::CourtOrder => {
            let Some(bounds) = limits.listed(bases.court_order.as_ref()) else { return };
            if let Some(order) = order {
                order::judge_authority(context, selected, bounds, order, ground);
            }
            reviewers(context, policy, bounds.reviewers, order, ground);
        }
        Basis::Emergency => {
            let Some(bounds) = limits.listed(bases.emergency.as_ref()) else { return };
            limits.window(bounds.max_window);
            limits.audio(false);
            let named = bounds.approvers.iter().map(|a| UserName::new(&*a.user)).collect();
            quorum(context, policy, &named, bounds.threshold, ground);
            let within = duration(bounds.follow_up_within);
            ground.follow_up_within = ground.follow_up_within.into_iter().chain([within]).min();
        }
    }
    // Only what was recorded under a policy has shares with its owners.
    if policy.custody == Custody::Owners && selected.recorded {
        release_keys(context, policy, ground);
    }
}

pub(super) fn duration(span: Span) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(span.as_secs()).unwrap_or(i64::MAX))
}

/// A policy's bounds on what is asked for.
struct Limits<'g, 'a> {
    context: &'g Context<'a>,
    policy: &'a Revision,
    ground: &'g mut Ground<'a>,
}

impl Limits<'_, '_> {
    fn say(&mut self, rule: Rule) {
        let message = format!("{} SharingPolicy {}.", rule.meaning(), self.policy.digest);
        self.ground.found.say(rule, message);
    }

    fn listed<'b, B>(&mut self, basis: Option<&'b B>) -> Option<&'b B> {
        if basis.is_none() {
            self.say(Rule::BasisNotListed);
        }
        basis
    }

    fn window(&mut self, most: Span) {
        if self.context.case.request.window.length() > duration(most) {
            self.say(Rule::MaxWindow);
        }
    }

    fn cameras(&mut self, most: u32) {
        if self.context.case.request.cameras.len() > usize::try_from(most).unwrap_or(usize::MAX) {
            self.say(Rule::MaxCameras);
        }
    }

    fn audio(&mut self, allowed: bool) {
        if self.context.case.request.audio && !allowed {
            self.say(Rule::AudioNotAllowed);
        }
    }
}

/// The requester where their request is their consent: an owner's, on two bases.
fn consenting_requester<'a>(context: &Context<'a>, policy: &Revision) -> Option<&'a UserName> {
    let request = context.case.request;
    let own = matches!(request.basis, Basis::OwnerExport | Basis::SubjectAccess);
    Some(&request.requester).filter(|requester| own && policy.owners.contains_key(requester))
}

fn owners<'a>(context: &Context<'a>, policy: &'a Revision, ground: &mut Ground<'a>) {
    let tally = Tally {
        action: Action::Consent,
        capacity: Capacity::Owner,
        asked: policy.owners.keys().collect(),
        required: policy.threshold,
        requester: consenting_requester(context, policy),
        waiting: Rule::AwaitingConsent,
        impossible: Some(Rule::ConsentImpossible),
    };
    tally.count(context, policy, ground, |_| Ok(()));
}

fn release_keys<'a>(context: &Context<'a>, policy: &'a Revision, ground: &mut Ground<'a>) {
    let tally = Tally {
        action: Action::ReleaseKeys,
        capacity: Capacity::Owner,
        asked: policy.owners.keys().collect(),
        required: policy.threshold,
        requester: consenting_requester(context, policy),
        waiting: Rule::AwaitingKeyRelease,
        impossible: Some(Rule::KeyReleaseImpossible),
    };
    let key = context.case.log.release_key;
    tally.count(context, policy, ground, |approval| match approval.release {
        None => Err(None),
        Some(to) if Some(to) == key => Ok(()),
        Some(_) => Err(Some(Rule::ReleaseToAnotherKey)),
    });
}

fn reviewers<'a>(
    context: &Context<'a>,
    policy: &'a Revision,
    number: u32,
    order: Option<&Verified<Order>>,
    ground: &mut Ground<'a>,
) {
    let members = context.case.members;
    let refused = context.voices.refusers(Capacity::Reviewer).filter(|user| members.reviewers.contains(user));
    for user in refused {
        let message = format!("{user} has refused as Reviewer. {}", Rule::ReviewerDenied.meaning());
        ground.found.say(Rule::ReviewerDenied, message);
    }
    let tally = Tally {
        action: Action::Review,
        capacity: Capacity::Reviewer,
        asked: members.reviewers.iter().collect(),
        required: at_least_one(number),
        requester: None,
        waiting: Rule::AwaitingReview,
        impossible: None,
    };
    let of_an_order = context.case.request.basis == Basis::CourtOrder;
    tally.count(context, policy, ground, |approval| {
        let this = order.map(|o| &o.object().uid);
        let is_of_this = !of_an_order || (this.is_some() && order::reviewed(context, approval) == this);
        if is_of_this { Ok(()) } else { Err(Some(Rule::ReviewOfAnotherOrder)) }
    });
}

fn quorum<'a>(
    context: &Context<'a>,
    policy: &'a Revision,
    named: &BTreeSet<UserName>,
    threshold: u32,
    ground: &mut Ground<'a>,
) {
    let members = context.case.members;
    let tally = Tally {
        action: Action::Quorum,
        capacity: Capacity::EmergencyApprover,
        asked: named.iter().collect(),
        required: at_least_one(threshold),
        requester: None,
        waiting: Rule::AwaitingQuorum,
        impossible: Some(Rule::QuorumImpossible),
    };
    tally.count(context, policy, ground, |approval| {
        let is_member = members.decide(&approval.approver);
        if is_member { Ok(()) } else { Err(Some(Rule::ApproverNotNamed)) }
    });
}
