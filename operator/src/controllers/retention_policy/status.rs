//! What a RetentionPolicy says of itself.

use std::collections::BTreeSet;

use camerafleet_crds::{DestroyIntent, RetentionPolicy, RetentionPolicyStatus, RetentionRun};
use camerafleet_footage::retention::{Outcome, due_at};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    apply::Applied,
    gather::{Observed, Run},
    intents,
    look::Left,
    plan::{Plan, Shredding},
    schedule::Schedule,
};
use crate::{
    conditions::{self, Verdict},
    context::Context,
    vault,
};

/// Decides.
pub fn status(
    policy: &RetentionPolicy,
    observed: &Observed,
    plan: &Plan,
    applied: &Applied,
    now: Timestamp,
) -> RetentionPolicyStatus {
    let mut status = policy.status.clone().unwrap_or_default();
    let news = observed.run.as_ref().filter(|run| is_news(run, &status));
    if let Some(summary) = news.and_then(|run| run.summary.as_ref()) {
        status.last_run = Some(RetentionRun {
            started_at: Time(summary.started_at),
            finished_at: Some(Time(summary.finished_at)),
            deleted_objects: summary.deleted_objects,
            deleted_bytes: summary.deleted_bytes,
            destroyed_keys: summary.destroyed_keys,
        });
        if summary.outcome == Outcome::Done {
            status.last_success_time = Some(Time(summary.finished_at));
        }
        // What a run did not look at, it does not know.
        if summary.looked {
            status.overdue_objects = Some(summary.overdue_objects);
            status.overdue_bytes = Some(summary.overdue_bytes);
            status.held_bytes = Some(summary.held_bytes);
            status.oldest_footage_time = summary.oldest_footage_time.map(Time);
        }
    }
    // Irrevocable: the Tenant is deleted, and so is the policy.
    status.shred |= policy.metadata.deletion_timestamp.is_some() && observed.tenant.is_shredded();
    status.destroy_intents = intents(&plan.shredding, applied);
    destroyed(&mut status, policy, &plan.shredding, now);
    let mut verdicts = vec![("Ready", ready(policy, observed, plan, applied))];
    let run = observed.run.as_ref().map(run_verdict);
    let known = conditions::get(&status.conditions, "RunSucceeded").is_some();
    match run {
        Some(verdict) => verdicts.push(("RunSucceeded", verdict)),
        None if !known => verdicts.push((
            "RunSucceeded",
            Verdict::unknown("NoRunYet", "The retention job has not run yet: see spec.schedule."),
        )),
        // Its pod is gone, and with it nothing else.
        None => {}
    }
    let schedule = Schedule::parse(&policy.spec.schedule);
    status.next_run_time = schedule.as_ref().and_then(|schedule| schedule.next(now)).map(Time);
    verdicts.push(("OnTime", on_time(policy, &status, schedule.as_ref(), now)));
    if let Some(orphaned) = &observed.orphaned {
        verdicts.push(("NoOrphans", no_orphans(orphaned)));
    }
    verdicts.push(("KeyDestroyed", key_verdict(observed, &status, &plan.shredding, applied)));
    let kept = conditions::get(&status.conditions, "RunSucceeded").cloned();
    let mut conditions = conditions::merge(&status.conditions, policy.metadata.generation, &verdicts, now);
    if let Some(kept) = kept.filter(|_| conditions::get(&conditions, "RunSucceeded").is_none()) {
        conditions.insert(1, kept);
    }
    RetentionPolicyStatus { observed_generation: policy.metadata.generation, conditions, ..status }
}

/// No tenant has the namespace.
pub fn without_tenant(policy: &RetentionPolicy, now: Timestamp) -> RetentionPolicyStatus {
    let observed = policy.status.clone().unwrap_or_default();
    let ready = if policy.metadata.deletion_timestamp.is_some() {
        Verdict::no(
            "Draining",
            "No Tenant has this namespace, so nobody can delete the policy's footage: create the Tenant again, or give the footage up by removing the finalizer camerafleet.io/retention.",
        )
    } else {
        Verdict::unknown(
            "NoTenant",
            "No Tenant has this namespace yet: create one, and the policy is in force.",
        )
    };
    RetentionPolicyStatus {
        observed_generation: policy.metadata.generation,
        conditions: conditions::merge(
            &observed.conditions,
            policy.metadata.generation,
            &[("Ready", ready)],
            now,
        ),
        ..observed
    }
}

/// Tells what happened.
pub async fn announce(policy: &RetentionPolicy, plan: &Plan, context: &Context) {
    for intent in &plan.shredding.gone {
        let note = format!(
            "The key {} is destroyed: no copy of what was sealed with it can be opened once Vault's backups of before are gone.",
            intent.key
        );
        intents::tell(policy, "KeyDestroyed", "Destroy", note, context).await;
    }
}

/// Whether the run is not told yet.
pub(super) fn is_news(run: &Run, status: &RetentionPolicyStatus) -> bool {
    // In whole seconds, which is what an object keeps of a time.
    let known = status.last_run.as_ref().map(|run| run.started_at.0.as_second());
    let summary = run.summary.as_ref();
    summary.is_some_and(|summary| known.is_none_or(|known| summary.started_at.as_second() > known))
}

fn intents(shredding: &Shredding, applied: &Applied) -> Vec<DestroyIntent> {
    // What Vault could not be told stays, so that it is told later.
    let untold = shredding.withdraw.iter().filter(|intent| !applied.withdrawn.contains(&intent.key));
    let mut intents: Vec<_> = shredding.standing.iter().chain(untold).cloned().collect();
    for intent in &mut intents {
        intent.allowed |= applied.allowed.contains(&intent.key);
    }
    intents.sort_by_key(|intent| (intent.epoch_end.as_ref().map(|end| end.0), intent.key.clone()));
    intents
}

/// Counts a key as destroyed from the moment at which that was noticed, which is not before it was.
fn destroyed(
    status: &mut RetentionPolicyStatus,
    policy: &RetentionPolicy,
    shredding: &Shredding,
    now: Timestamp,
) {
    let ends = shredding.gone.iter().filter_map(|intent| intent.epoch_end.as_ref());
    let Some(newest) = ends.map(|end| end.0).max() else { return };
    // An older key that is left, as one that is in use, keeps the claim from reaching beyond it.
    let until = shredding.oldest_key.map_or(newest, |oldest| newest.min(oldest));
    let before = status.key_destroyed_until.as_ref().map(|t| t.0);
    status.key_destroyed_until = before.into_iter().chain([until]).max().map(Time);
    status.shred_effective_until = Some(Time(due_at(now, policy.spec.snapshot_ttl)));
}

fn ready(policy: &RetentionPolicy, observed: &Observed, plan: &Plan, applied: &Applied) -> Verdict {
    if policy.metadata.deletion_timestamp.is_some() {
        return draining(observed);
    }
    if let Err(why) = &plan.resources {
        return why.clone();
    }
    match &applied.refused {
        Some(why) => Verdict::no(
            "JobRefused",
            format!(
                "The API server does not take the retention job's CronJob, so one that was there before runs on: {why}. Correct spec.schedule, or what else it names."
            ),
        ),
        None => Verdict::yes("InForce", "Cameras that name this policy are recorded under it."),
    }
}

/// How much keeps it, and until when: an exception to the rule that messages have no numbers, as people wait for this.
fn draining(observed: &Observed) -> Verdict {
    let left = match (&observed.left, &observed.segments_left) {
        (Some(Left { objects: 0, until: None, .. }), Some(Ok(true))) => {
            "Segments are left that nobody can open, and that could not be deleted: see RunSucceeded"
                .to_owned()
        }
        (Some(Left { objects: 0, until: None, .. }), _) => "Nothing of it is left".to_owned(),
        (Some(Left { objects, bytes, until, all }), _) => {
            let mib = bytes.div_ceil(1 << 20);
            let until = until.map_or_else(|| "now".to_owned(), |until| second(until).to_string());
            let held =
                if observed.holds.iter().next().is_some() { ", longer where a hold keeps it" } else { "" };
            let (least, at) = if *all { ("", "at") } else { ("At least ", "by") };
            format!(
                "{least}{objects} segments ({mib} MiB) are left, and the last of them is due {at} {until}{held}"
            )
        }
        (None, _) => "How much of it is left cannot be told without the store and Vault".to_owned(),
    };
    Verdict::no(
        "Draining",
        format!(
            "The policy is deleted and goes when its last footage and key are gone. {left}. Cameras that still name it are recorded on: give them another policy."
        ),
    )
}

fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn run_verdict(run: &Run) -> Verdict {
    let Some(summary) = &run.summary else {
        return Verdict::no(
            "RunFailed",
            "The last run of the retention job ended without a word: read its pod's log, or wait for the next run.",
        );
    };
    if summary.outcome == Outcome::Done {
        return Verdict::yes("Done", summary.message.clone());
    }
    // Only words that are known become reasons: the message is a pod's.
    const REASONS: [&str; 12] = [
        "HoldsUnreadable",
        "HoldLost",
        "HoldNotCopied",
        "NotOurPolicy",
        "PolicyUnreadable",
        "ClocksDisagree",
        "StoreFailed",
        "ObjectsRemain",
        "KeysRemain",
        "LogUnproven",
        "Misconfigured",
        "OutOfTime",
    ];
    let reason = REASONS.into_iter().find(|reason| *reason == summary.reason).unwrap_or("RunFailed");
    Verdict::no(reason, summary.message.clone())
}

/// What is left of policies that are gone without having waited for it. For how long it was to be kept is not known any
/// more, so it is never deleted by a guess; and it keeps its cameras' keys.
fn no_orphans(orphaned: &BTreeSet<String>) -> Verdict {
    if orphaned.is_empty() {
        return Verdict::yes("NoOrphans", "All footage and keys of this tenant are some RetentionPolicy's.");
    }
    let ids: Vec<&str> = orphaned.iter().take(5).map(String::as_str).collect();
    Verdict::no(
        "OrphanedFootage",
        format!(
            "Footage or keys are left of RetentionPolicies that are gone, as after somebody removed a finalizer: {}. Nobody knows any more for how long it was to be kept, so it stays. As an administrator create a RetentionPolicy for each, with its id in the annotation camerafleet.io/id and its old keepFor, and delete it again: it goes with the last of its footage.",
            ids.join(", ")
        ),
    )
}

/// Counted from the policy's own beginning, where no run has succeeded yet.
fn on_time(
    policy: &RetentionPolicy,
    status: &RetentionPolicyStatus,
    schedule: Option<&Schedule>,
    now: Timestamp,
) -> Verdict {
    let Some(schedule) = schedule else {
        return Verdict::unknown("ScheduleUnknown", "When the job runs cannot be told from spec.schedule.");
    };
    let since = status.last_success_time.as_ref().or(policy.metadata.creation_timestamp.as_ref());
    if since.is_some_and(|since| schedule.two_missed(since.0, now)) {
        return Verdict::no(
            "RunsMissed",
            "For two periods of spec.schedule no run did all that was due, so footage outlives its date: see RunSucceeded, status.overdueObjects, and the policy's CronJob and its Jobs.",
        );
    }
    Verdict::yes("OnSchedule", "A run did all that was due within the last two periods of spec.schedule.")
}

fn key_verdict(
    observed: &Observed,
    status: &RetentionPolicyStatus,
    shredding: &Shredding,
    applied: &Applied,
) -> Verdict {
    if let Some(error) = observed.keys.as_ref().err().or(applied.failure.as_ref()) {
        return vault::verdict(error);
    }
    if let Err(why) = &observed.newest {
        return Verdict::no(
            "StoreUnavailable",
            format!("Which keys are due cannot be told without the store: {why}."),
        );
    }
    if applied.unlogged.is_some() {
        return Verdict::no(
            "LogUnavailable",
            "Keys that are due are kept, as their destruction cannot be logged: see the Tenant's LogReady.",
        );
    }
    let waits = !shredding.new.is_empty() || !shredding.allow.is_empty();
    if applied.unproved && waits {
        return Verdict::no(
            "AdmissionNotEnforced",
            "Keys that are due are kept while the admission policies are not proved: see the Tenant's AdmissionEnforced.",
        );
    }
    if shredding.waits_for_copies {
        return Verdict::no(
            "HoldNotCopied",
            "A key that is due is kept until the retention job has copied what a hold needs of it: see the LegalHolds and RunSucceeded.",
        );
    }
    if status.key_destroyed_until.is_none() {
        return Verdict::unknown("NothingDue", "No key of this policy has come due yet.");
    }
    Verdict::yes(
        "Destroyed",
        "Every key that came due is destroyed, or named in status.destroyIntents for the next run.",
    )
}
