//! What is to be done next for a request: a pure function of the decision, the log and the Job.

use camerafleet_footage::{
    disclosure::{Decision, Effect, History, Rule, Verdict, job::Receipt},
    log::entry::OutcomeResult,
};
use jiff::{SignedDuration, Timestamp};

use super::gather::JobState;

/// A Job that gave up is made anew after this.
pub const JOB_AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// A reason in the log is no longer than this.
const MAX_REASON: usize = 2_000;

/// What is known.
pub struct Facts<'a> {
    /// The kernel's.
    pub decision: &'a Decision,
    /// The log's.
    pub history: &'a History,
    /// The Job's.
    pub job: &'a JobState,
    /// Whether the admission policies are proved to be enforced: until they are, who approved is not known.
    pub enforced: bool,
    /// The request is being deleted.
    pub deleted: bool,
    /// The time.
    pub now: Timestamp,
}

/// The next step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Someone or something else must come first.
    Wait,
    /// The denial is logged.
    Deny,
    /// The decision and the Intent are logged.
    Begin,
    /// The Job carries out this Intent.
    Run(u64),
    /// The Job is taken away, to be made anew.
    RunAgain,
    /// The Outcome of this Intent is logged.
    Conclude(u64, OutcomeResult),
    /// The request has its Outcome.
    Over,
}

/// Decides.
pub fn plan(facts: &Facts<'_>) -> Step {
    let Facts { decision, history, job, enforced, deleted, now } = facts;
    if history.outcome().is_some() {
        return Step::Over;
    }
    let Some((intent, _)) = history.own_intent() else {
        return match &decision.verdict {
            _ if *deleted => Step::Wait,
            Verdict::Authorized(_) if *enforced => Step::Begin,
            Verdict::Authorized(_) | Verdict::Pending => Step::Wait,
            // The withdrawal is logged by itself.
            Verdict::Denied if decision.has(Rule::RequestWithdrawn) => Step::Wait,
            Verdict::Denied => Step::Deny,
        };
    };
    let failed = |reason: String| {
        let reason = reason.chars().take(MAX_REASON).collect();
        Step::Conclude(intent.index, OutcomeResult::Failed { reason })
    };
    if *deleted {
        return failed("The DisclosureRequest was deleted.".to_owned());
    }
    let stands = decision.authorized().is_some_and(|granted| granted.continues == Some(intent.index));
    if !stands {
        // A clock is set right.
        if matches!(decision.verdict, Verdict::Pending) && decision.has(Rule::ClockDisagrees) {
            return Step::Wait;
        }
        return failed(reasons(decision));
    }
    match job {
        JobState::Delivered(receipt) if receipt.intent == intent.index => {
            Step::Conclude(intent.index, delivered(receipt))
        }
        JobState::Delivered(_) => failed("The package in the store was made for another Intent.".to_owned()),
        JobState::Refused(why) => failed(why.clone()),
        JobState::Failed { at, .. } if now.duration_since(*at) >= JOB_AGAIN => Step::RunAgain,
        JobState::Absent if !enforced => Step::Wait,
        JobState::Absent | JobState::Running | JobState::Failed { .. } => Step::Run(intent.index),
    }
}

/// What is logged of a package.
pub fn delivered(receipt: &Receipt) -> OutcomeResult {
    OutcomeResult::Delivered {
        manifest: receipt.manifest.clone(),
        package: receipt.sha256.clone(),
        bytes: receipt.bytes,
        segments: receipt.segments,
    }
}

fn reasons(decision: &Decision) -> String {
    let why = |effect| matches!(effect, Effect::Denies | Effect::Waits);
    let said: Vec<&str> = decision
        .reasons
        .iter()
        .filter(|reason| why(reason.rule.effect()))
        .map(|reason| reason.message.as_str())
        .collect();
    format!("The release was begun and is no longer authorised. {}", said.join(" "))
}
