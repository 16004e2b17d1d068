//! What a request says of itself: a pure function of what is known of it.

use std::collections::BTreeSet;

use camerafleet_crds::{
    DecisionReason, DecisionStatus, DecisionVerdict, DisclosureRequest, DisclosureRequestStatus, LogStatus,
    NoticeState, NoticeStatus, PackageStatus,
};
use camerafleet_footage::{
    disclosure::{Decision, Effect, FollowUp, History, Rule, Verdict as Decided},
    log::entry::{self, OutcomeResult},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{gather::JobState, notice::Due};
use crate::conditions::{self, Verdict};

/// A decision's reasons in the status are no more than this, and those in a message fewer.
const MAX_REASONS: usize = 64;
const MAX_TOLD: usize = 6;

/// What is known of a request.
pub struct Known<'a> {
    /// It.
    pub request: &'a DisclosureRequest,
    /// What approvals bind.
    pub digest: Option<String>,
    /// The kernel's decision.
    pub decision: &'a Decision,
    /// The log's.
    pub history: &'a History,
    /// The Job's.
    pub job: &'a JobState,
    /// What keeps the Job, or the one that prepares it, from being made.
    pub blocked: Option<Verdict>,
    /// Whether the admission policies are proved to be enforced.
    pub enforced: bool,
    /// The package, and whether it is still there.
    pub package: Option<PackageStatus>,
    /// It was deleted at its date.
    pub expired: bool,
    /// Messages to owners, and how they stand.
    pub due: &'a Due,
    /// See there.
    pub told: Vec<NoticeStatus>,
    /// Until when owners must not be told is not known.
    pub order_missing: bool,
    /// How it stands with the order that must follow.
    pub follow_up: Option<FollowUp>,
    /// The time.
    pub now: Timestamp,
}

/// Decides.
pub fn status(known: &Known<'_>) -> DisclosureRequestStatus {
    let old = known.request.status.clone().unwrap_or_default();
    let generation = known.request.metadata.generation;
    let mut verdicts = vec![
        ("Ready", ready(known)),
        ("Authorized", authorized(known)),
        ("OwnersNotified", notified(known)),
        ("Packaged", packaged(known)),
    ];
    verdicts.extend(known.follow_up.as_ref().and_then(followed).map(|verdict| ("FollowedUp", verdict)));
    let mut status = DisclosureRequestStatus {
        observed_generation: generation,
        digest: known.digest.clone().or(old.digest.clone()),
        decision: Some(decision(known, old.decision.as_ref())),
        package: known.package.clone().or(old.package.clone()),
        log: log(known.history),
        notice_not_before: None,
        notices: Vec::new(),
        follow_up_by: match known.follow_up {
            Some(FollowUp::Due(by) | FollowUp::Overdue(by)) => Some(Time(by)),
            _ => None,
        },
        conditions: conditions::merge(&old.conditions, generation, &verdicts, known.now),
    };
    super::notice::into_status(&mut status, known.told.clone(), known.due);
    status
}

/// Whether there was a package that is deleted, or none, by what its status says.
pub fn is_package_gone(request: &DisclosureRequest) -> bool {
    let found = request.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    conditions::get(found, "Packaged").is_some_and(|packaged| packaged.status == "False")
}

/// Whether nothing more is to be done for a request, by what its status says: whoever asks again gets the same answer, and
/// the log need not be read for it.
pub fn is_settled(request: &DisclosureRequest) -> bool {
    let Some(status) = &request.status else { return false };
    let reason = |type_| conditions::get(&status.conditions, type_).map(|found| found.reason.as_str());
    let over = match status.log.as_ref().and_then(|log| log.outcome) {
        Some(_) => true,
        None => matches!(reason("Ready"), Some("Withdrawn" | "Expired")) && status.log.is_none(),
    };
    over && status.observed_generation == request.metadata.generation
        && request.metadata.deletion_timestamp.is_none()
        && request.metadata.finalizers.as_ref().is_none_or(Vec::is_empty)
        && status.notice_not_before.is_none()
        && status.follow_up_by.is_none()
        && status.notices.iter().all(|notice| notice.state != NoticeState::Retrying)
        && !matches!(reason("OwnersNotified"), None | Some("OrderMissing"))
}

/// It could not be decided on: nothing else of the status changes.
pub fn undecided(request: &DisclosureRequest, why: Verdict, now: Timestamp) -> DisclosureRequestStatus {
    let old = request.status.clone().unwrap_or_default();
    let generation = request.metadata.generation;
    let mut conditions = conditions::merge(&old.conditions, generation, &[("Ready", why)], now);
    conditions.extend(old.conditions.iter().filter(|condition| condition.type_ != "Ready").cloned());
    DisclosureRequestStatus { observed_generation: generation, conditions, ..old }
}

fn log(history: &History) -> Option<LogStatus> {
    let intent = history.own_intent().map(|(logged, _)| logged.index);
    let outcome = history.outcome().map(|(logged, _)| logged.index);
    (intent.is_some() || outcome.is_some()).then_some(LogStatus { intent, outcome })
}

/// The decision as people see it. What was granted stays told when the request is answered.
fn decision(known: &Known<'_>, old: Option<&DecisionStatus>) -> DecisionStatus {
    let mut told = match (known.history.outcome(), old, known.history.own_intent()) {
        (None, _, _) => known.decision.to_status(),
        (Some(_), Some(old), _) if old.verdict == DecisionVerdict::Authorized => old.clone(),
        (Some(_), _, intent) => {
            let logged = intent.and_then(|(_, intent)| known.history.decision_at(intent.decision));
            logged.map_or_else(|| known.decision.to_status(), from_log)
        }
    };
    told.reasons.truncate(MAX_REASONS);
    told.needs.truncate(MAX_REASONS);
    told
}

fn from_log(logged: &entry::Decision) -> DecisionStatus {
    let reason = |reason: &entry::DecisionReason| DecisionReason {
        rule: reason.rule.clone(),
        message: reason.message.clone(),
        way_forward: Rule::parse(&reason.rule).map(Rule::way_forward).unwrap_or_default().to_owned(),
    };
    DecisionStatus {
        verdict: match logged.verdict {
            entry::Verdict::Authorized => DecisionVerdict::Authorized,
            entry::Verdict::Denied => DecisionVerdict::Denied,
        },
        reasons: logged.reasons.iter().map(reason).collect(),
        needs: Vec::new(),
    }
}

/// The first sentences of these reasons, and after each rule's the way forward, once.
fn sentences(decision: &Decision, effect: Effect) -> String {
    let mut rules = BTreeSet::new();
    let mut text = Vec::new();
    for reason in decision.reasons.iter().filter(|reason| reason.rule.effect() == effect) {
        if rules.insert(reason.rule) && rules.len() <= MAX_TOLD {
            text.push(reason.message.as_str());
            text.push(reason.rule.way_forward());
        }
    }
    text.retain(|part| !part.is_empty());
    text.join(" ")
}

/// Who must still do what.
fn needs(decision: &Decision) -> String {
    let told = decision.to_status();
    let open = told.needs.iter().filter(|need| !need.satisfied);
    let mut open: Vec<String> = open.map(|need| format!("{}: {}", need.who, need.what)).collect();
    open.dedup();
    open.truncate(MAX_TOLD);
    if open.is_empty() { String::new() } else { format!("Still to be done: {}. ", open.join("; ")) }
}

fn ready(known: &Known<'_>) -> Verdict {
    let decision = known.decision;
    match known.history.outcome().map(|(_, outcome)| &outcome.result) {
        Some(OutcomeResult::Delivered { .. }) if known.expired => {
            return Verdict::no(
                "Expired",
                "The package was deleted at its date: create another DisclosureRequest, which needs approvals of its own.",
            );
        }
        Some(OutcomeResult::Delivered { .. }) => {
            return Verdict::yes(
                "Delivered",
                format!(
                    "The requester fetches the package by the URL in the ConfigMap package-{} until it expires: kubectl footage fetch.",
                    known.request.metadata.name.as_deref().unwrap_or_default()
                ),
            );
        }
        Some(OutcomeResult::Failed { .. }) if known.request.spec.withdrawn => return withdrawn(true),
        Some(OutcomeResult::Failed { reason }) => {
            return Verdict::no(
                "Failed",
                format!(
                    "It was authorised, and no package was made. {reason} Create another DisclosureRequest; it needs approvals of its own."
                ),
            );
        }
        None => {}
    }
    if known.history.own_intent().is_some() {
        return Verdict::unknown(
            "Packaging",
            "It is authorised, and the disclosure Job makes the package: see the condition Packaged.",
        );
    }
    match &decision.verdict {
        Decided::Denied if decision.has(Rule::RequestWithdrawn) => withdrawn(known.request.spec.withdrawn),
        Decided::Denied if decision.has(Rule::RequestExpired) => {
            Verdict::no("Expired", sentences(decision, Effect::Denies))
        }
        Decided::Denied => Verdict::no("Denied", sentences(decision, Effect::Denies)),
        Decided::Authorized(_) if !known.enforced => not_enforced(),
        Decided::Authorized(_) => {
            Verdict::unknown("Packaging", "It is authorised, and the release is being logged.")
        }
        Decided::Pending => {
            let has = |rules: &[Rule]| rules.iter().any(|rule| decision.has(*rule));
            let reason = if has(&[Rule::AwaitingOrder]) {
                "AwaitingOrder"
            } else if has(&[Rule::AwaitingConsent, Rule::AwaitingReview, Rule::AwaitingQuorum]) {
                "AwaitingApproval"
            } else if has(&[Rule::AwaitingKeyRelease]) {
                "AwaitingKeyRelease"
            } else {
                "AwaitingTime"
            };
            let mut message = format!("{}{}", needs(decision), sentences(decision, Effect::Waits));
            if let Some(blocked) = &known.blocked {
                message = format!("{message} {}", blocked.message);
            }
            Verdict::unknown(reason, message)
        }
    }
}

fn withdrawn(by_requester: bool) -> Verdict {
    let why = match by_requester {
        true => "The requester withdrew it, and nothing is released",
        false => {
            "It was first seen while the admission policies were not enforced, so nobody vouches for who asks, and nothing is released"
        }
    };
    Verdict::no("Withdrawn", format!("{why}: create another DisclosureRequest if it is wanted after all."))
}

fn not_enforced() -> Verdict {
    Verdict::unknown(
        "AdmissionNotEnforced",
        "The admission policies that see to it that each answer is its approver's are not proved to be enforced: see the Tenant's AdmissionEnforced.",
    )
}

fn authorized(known: &Known<'_>) -> Verdict {
    if known.history.own_intent().is_some() {
        return Verdict::yes(
            "Authorized",
            "Every policy that decides allows it, and the log has the Intent.",
        );
    }
    match &known.decision.verdict {
        Decided::Denied => Verdict::no("Denied", "Nothing is released: see status.decision."),
        Decided::Authorized(_) if !known.enforced => not_enforced(),
        Decided::Authorized(_) => Verdict::yes("Authorized", "Every policy that decides allows it."),
        Decided::Pending => {
            Verdict::unknown("Pending", "Someone must still do something, or time must pass: see Ready.")
        }
    }
}

fn packaged(known: &Known<'_>) -> Verdict {
    match known.history.outcome().map(|(_, outcome)| &outcome.result) {
        Some(OutcomeResult::Delivered { .. }) if known.expired => {
            return Verdict::no("Expired", "The package was deleted at its date.");
        }
        Some(OutcomeResult::Delivered { .. }) => {
            return Verdict::yes("Packaged", "The package is stored, sealed to its recipient.");
        }
        Some(OutcomeResult::Failed { reason }) => return Verdict::no("Refused", reason.clone()),
        None => {}
    }
    if known.history.own_intent().is_none() {
        return match &known.decision.verdict {
            Decided::Denied => Verdict::no("NotGranted", "Nothing is released, so there is no package."),
            _ => Verdict::unknown("NotBegun", "The package is made once the request is authorised."),
        };
    }
    if let Some(blocked) = &known.blocked {
        return blocked.clone();
    }
    match known.job {
        JobState::Failed { message, .. } => Verdict::unknown("TryingAgain", message.clone()),
        _ => Verdict::unknown("Running", "The disclosure Job is at work."),
    }
}

fn notified(known: &Known<'_>) -> Verdict {
    if known.order_missing {
        return Verdict::no(
            "OrderMissing",
            "The order on which the release rests is gone, so that until when owners must not be told is not known: create it again as it was, or tell them in person if that is allowed.",
        );
    }
    let any = |state| known.told.iter().any(|notice| notice.state == state);
    if any(NoticeState::Failed) || any(NoticeState::NoWebhook) {
        return Verdict::no(
            "NotReached",
            "An owner could not be told by webhook: status.notices says who. They can read this request by its name; tell them in person, and add notify with a webhook to the SharingPolicy.",
        );
    }
    if any(NoticeState::Retrying) {
        return Verdict::no(
            "Retrying",
            "A webhook did not take its message, which is tried again: look at its server and its Secret.",
        );
    }
    if known.told.is_empty() {
        return Verdict::unknown(
            "NotYetDue",
            "There is nothing to tell the owners yet, or it is not yet the time.",
        );
    }
    Verdict::yes("Notified", "Every owner whom it concerns was told.")
}

fn followed(follow_up: &FollowUp) -> Option<Verdict> {
    let way = "submit a signed LegalOrder with this request in its requestRef.";
    Some(match follow_up {
        FollowUp::NotNeeded => return None,
        FollowUp::Arrived(_) => Verdict::yes("Arrived", "The order that must follow has arrived."),
        FollowUp::Due(_) => {
            Verdict::unknown("Due", format!("An order must follow by status.followUpBy: {way}"))
        }
        FollowUp::Overdue(_) => {
            Verdict::no("Overdue", format!("The order that must follow is overdue: {way}"))
        }
    })
}
