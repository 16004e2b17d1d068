//! What an Approval says of itself, and who sees what of a request: pure functions.

use std::collections::BTreeSet;

use camerafleet_crds::{Approval, ApprovalDecision, ApprovalStatus, Basis};
use camerafleet_footage::{
    disclosure::{Action, Decision, Docket, History, Rule, Submitted, Verdict as Decided},
    ids::ApprovalUid,
};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::conditions::{self, Verdict};

/// How an answer counts.
pub fn verdict(
    approval: &Approval,
    docket: Option<&Docket>,
    decision: &Decision,
    history: &History,
) -> (bool, Verdict) {
    let uid = approval.uid().and_then(|uid| ApprovalUid::parse(uid).ok());
    let Some(uid) = uid else { return (false, not_as_submitted()) };
    if history.facts().intents.iter().any(|intent| intent.approvals.contains(&uid)) {
        let message = "A release has used this approval; it counts for nothing else.";
        return (true, Verdict::yes("Used", message));
    }
    let found = docket.and_then(|docket| docket.approvals.iter().find(|one| one.frozen.uid == uid.as_str()));
    let verdict = match found {
        None => not_as_submitted(),
        Some(Submitted { verified: Err(why), .. }) => {
            Verdict::no("SignatureInvalid", format!("The approval does not count: {why}. Approve again."))
        }
        Some(_) => counted(approval, &uid, decision),
    };
    (false, verdict)
}

fn counted(approval: &Approval, uid: &ApprovalUid, decision: &Decision) -> Verdict {
    if let Some(rule) = decision.ignored.get(uid).and_then(|rules| rules.first()) {
        if *rule == Rule::ApprovalWithdrawn && !approval.spec.withdrawn {
            let why = "It was first seen while the admission policies were not enforced, so nobody vouches for who gave it: approve again.";
            return Verdict::no("ApprovalWithdrawn", why);
        }
        return Verdict::no(
            rule.id(),
            format!("{} {}", rule.meaning(), rule.way_forward()).trim().to_owned(),
        );
    }
    let over = [Rule::RequestAnswered, Rule::RequestWithdrawn, Rule::RequestExpired, Rule::RequestMalformed];
    if over.iter().any(|rule| decision.has(*rule)) {
        return Verdict::no("RequestOver", "The request is over: no answer to it counts any more.");
    }
    match approval.spec.decision {
        ApprovalDecision::Approve => Verdict::yes("Counted", "The approval counts."),
        ApprovalDecision::Deny => {
            Verdict::yes("Refuses", "The refusal counts until it is withdrawn or its notAfter passes.")
        }
    }
}

fn not_as_submitted() -> Verdict {
    Verdict::no(
        "NotAsSubmitted",
        "The approval is not as the log first saw it, and does not count: create another Approval.",
    )
}

/// The status, with when it changed.
pub fn status(approval: &Approval, (used, ready): (bool, Verdict), now: Timestamp) -> ApprovalStatus {
    let old = approval.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let generation = approval.metadata.generation;
    ApprovalStatus {
        observed_generation: generation,
        used,
        conditions: conditions::merge(old, generation, &[("Ready", ready)], now),
    }
}

/// Who may read the request because they must decide on it. A court order may forbid to tell owners of it: they see nothing
/// before there is one that does not.
pub fn deciders(basis: Basis, decision: &Decision, may_tell: bool) -> BTreeSet<String> {
    let denied = matches!(decision.verdict, Decided::Denied);
    if denied || (basis == Basis::CourtOrder && (!may_tell || decision.has(Rule::AwaitingOrder))) {
        return BTreeSet::new();
    }
    let asked = |action| matches!(action, Action::Consent | Action::Quorum | Action::ReleaseKeys);
    let needs = decision.needs.iter().filter(|need| asked(need.action));
    needs.flat_map(|need| need.done.iter().chain(&need.open)).map(ToString::to_string).collect()
}
