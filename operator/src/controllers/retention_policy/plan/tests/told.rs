//! What a policy says of itself.

use super::*;

fn told(status: &camerafleet_crds::RetentionPolicyStatus, type_: &str) -> (String, String) {
    let condition = crate::conditions::get(&status.conditions, type_).unwrap();
    let known = camerafleet_crds::reasons::known("RetentionPolicy", type_, &condition.reason);
    assert!(known, "people find {type_} {} nowhere", condition.reason);
    (condition.status.clone(), condition.reason.clone())
}

fn run(second: i64) -> Run {
    let mut summary = RunSummary::started(at(second));
    (summary.deleted_objects, summary.destroyed_keys, summary.looked) = (3, 1, true);
    summary.oldest_footage_time = Some(at(second - 100));
    Run { finished_at: at(second + 1), summary: Some(summary), pod: "p".into() }
}

#[test]
fn the_status_tells_a_run_and_a_destruction_once() {
    let mut policy = policy();
    let mut seen = observed(keys([5, 6]), &[intent(0, true), intent(1, true)]);
    seen.run = Some(run(200));
    let plan = planned(&policy, &seen, 300);
    let first = status::status(&policy, &seen, &plan, &Applied::default(), at(300));
    assert_eq!(first.key_destroyed_until, Some(Time(minute(1).end())));
    let week = 7 * 86_400;
    assert_eq!(first.shred_effective_until, Some(Time(at(300 + week))));
    assert_eq!(first.destroy_intents, []);
    assert_eq!(first.last_run.as_ref().map(|run| run.deleted_objects), Some(3));
    assert_eq!(first.oldest_footage_time, Some(Time(at(100))));
    let words = ["Ready", "RunSucceeded", "KeyDestroyed"].map(|c| told(&first, c).1);
    assert_eq!(words, ["InForce", "Done", "Destroyed"]);

    // At rest nothing changes, also when the run's pod is cleaned away. The API server keeps whole seconds.
    let first: camerafleet_crds::RetentionPolicyStatus =
        serde_json::from_value(serde_json::to_value(&first).unwrap()).unwrap();
    policy.status = Some(first.clone());
    let summary = seen.run.as_mut().and_then(|run| run.summary.as_mut()).unwrap();
    summary.started_at += jiff::SignedDuration::from_millis(400);
    let mut rest = observed(keys([5, 6]), &[]);
    rest.run = seen.run.clone();
    let plan = planned(&policy, &rest, 320);
    assert_eq!(status::status(&policy, &rest, &plan, &Applied::default(), at(320)), first);
    rest.run = None;
    assert_eq!(status::status(&policy, &rest, &plan, &Applied::default(), at(330)), first);
    // And an older run says nothing new.
    rest.run = Some(run(100));
    let old = status::status(&policy, &rest, &plan, &Applied::default(), at(330));
    assert_eq!(old.last_run, first.last_run);
}

#[test]
fn an_older_key_that_is_left_bounds_what_is_claimed() {
    let seen = observed(keys([-5, 6]), &[intent(0, true)]);
    let policy = policy();
    let plan = planned(&policy, &seen, 100);
    assert!(!plan.shredding.gone.is_empty() && !plan.shredding.new.is_empty());
    let status = status::status(&policy, &seen, &plan, &Applied::default(), at(100));
    assert_eq!(status.key_destroyed_until, Some(Time(minute(-5).start())));
}

#[test]
fn an_intent_says_allowed_only_after_vault_was_told() {
    let seen = observed(keys([0, 9]), &[intent(0, false)]);
    let policy = policy();
    let plan = planned(&policy, &seen, 300);
    assert_eq!(plan.shredding.allow, [key(0)]);
    let failed = Applied { failure: Some(VaultError::Sealed), ..Applied::default() };
    let status = status::status(&policy, &seen, &plan, &failed, at(300));
    assert_eq!(
        (status.destroy_intents.as_slice(), told(&status, "KeyDestroyed").1.as_str()),
        ([intent(0, false)].as_slice(), "VaultSealed")
    );
    let allowed = Applied { allowed: vec![key(0)], ..Applied::default() };
    let status = status::status(&policy, &seen, &plan, &allowed, at(300));
    assert_eq!(status.destroy_intents, [intent(0, true)]);
}

#[test]
fn what_does_not_work_is_told() {
    let policy = policy();
    let mut seen = observed(keys([0]), &[]);
    seen.store = Err(Verdict::no("StoreUnavailable", "x"));
    let mut refused = run(1);
    let summary = refused.summary.as_mut().unwrap();
    (summary.outcome, summary.reason, summary.looked) = (Outcome::Refused, "ClocksDisagree".into(), false);
    seen.run = Some(refused);
    let plan = planned(&policy, &seen, 0);
    let status = status::status(&policy, &seen, &plan, &Applied::default(), at(0));
    assert_eq!(told(&status, "Ready"), ("False".into(), "StoreUnavailable".into()));
    assert_eq!(told(&status, "RunSucceeded"), ("False".into(), "ClocksDisagree".into()));
    assert_eq!(status.oldest_footage_time, None, "it did not look");

    let seen = observed(keys([0]), &[]);
    let plan = planned(&policy, &seen, 0);
    let applied = Applied { refused: Some("schedule".into()), ..Applied::default() };
    let status = status::status(&policy, &seen, &plan, &applied, at(0));
    assert_eq!(told(&status, "Ready").1, "JobRefused");
}

#[test]
fn a_run_is_read_from_its_pod() {
    let pod = |message: &str| -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "p"},
            "status": {"containerStatuses": [{
                "name": "retention", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 0, "finishedAt": at(201), "message": message}},
            }]},
        }))
        .unwrap()
    };
    let summary = run(200).summary.unwrap();
    assert_eq!(run_of(&pod(&serde_json::to_string(&summary).unwrap())), Some(run(200)));
    assert_eq!(run_of(&pod("Killed")).unwrap().summary, None);
    assert_eq!(run_of(&Pod::default()), None);
}

#[test]
fn a_job_that_does_not_succeed_for_two_periods_is_told_and_the_next_run_is() {
    let mut policy = policy();
    policy.spec.schedule = "17 * * * *".into();
    policy.metadata.creation_timestamp = Some(Time(at(0)));
    let status = |policy: &RetentionPolicy, seen: &Observed, now: i64| {
        let plan = planned(policy, seen, now);
        status::status(policy, seen, &plan, &Applied::default(), at(now))
    };
    // The first moment of the base is 13:00.
    let seen = observed(keys([]), &[]);
    let early = status(&policy, &seen, 0);
    assert_eq!(early.next_run_time, Some(Time(at(17 * 60))));
    assert_eq!(told(&early, "OnTime"), ("True".into(), "OnSchedule".into()));
    let late = 17 * 60 + 3_600 + 3_601;
    assert_eq!(told(&status(&policy, &seen, late), "OnTime"), ("False".into(), "RunsMissed".into()));
    let mut ran = observed(keys([]), &[]);
    ran.run = Some(run(17 * 60));
    let succeeded = status(&policy, &ran, late);
    assert!(succeeded.last_success_time.is_some());
    assert_eq!(told(&succeeded, "OnTime").1, "OnSchedule");
    let mut failed = run(late - 10);
    failed.summary.as_mut().unwrap().outcome = Outcome::Incomplete;
    ran.run = Some(failed);
    policy.status = Some(succeeded.clone());
    let after = status(&policy, &ran, late);
    assert_eq!(after.last_success_time, succeeded.last_success_time, "a failed run is none");
}

#[test]
fn a_deleted_policy_says_how_much_keeps_it_and_until_when() {
    let mut policy = policy();
    policy.metadata.deletion_timestamp = Some(Time(at(0)));
    let mut seen = observed(keys([0]), &[]);
    let message = |seen: &Observed| {
        let plan = planned(&policy, seen, 0);
        let status = status::status(&policy, seen, &plan, &Applied::default(), at(0));
        crate::conditions::get(&status.conditions, "Ready").unwrap().message.clone()
    };
    assert!(message(&seen).contains("cannot be told"), "{}", message(&seen));
    let some = Left { objects: 12, bytes: 5 << 20, until: Some(at(180)), all: true };
    seen.left = Some(some);
    let said = message(&seen);
    assert!(
        said.contains(&format!("12 segments (5 MiB) are left, and the last of them is due at {}", at(180))),
        "{said}"
    );
    seen.left = Some(Left { all: false, ..some });
    let said = message(&seen);
    assert!(said.contains("At least 12 segments (5 MiB) are left"), "{said}");
    assert!(said.contains(&format!("due by {}", at(180))), "{said}");
    seen.left = Some(Left { objects: 0, bytes: 0, until: None, all: true });
    assert!(message(&seen).contains("Nothing of it is left"));
    seen.segments_left = Some(Ok(true));
    assert!(message(&seen).contains("that nobody can open"), "its keys are gone and its objects are not");
}

#[test]
fn what_is_left_of_policies_that_are_gone_is_told_with_their_ids() {
    let policy = policy();
    let mut seen = observed(keys([]), &[]);
    let status = |seen: &Observed| {
        let plan = planned(&policy, seen, 0);
        status::status(&policy, seen, &plan, &Applied::default(), at(0))
    };
    assert!(crate::conditions::get(&status(&seen).conditions, "NoOrphans").is_none(), "another policy looks");
    seen.orphaned = Some(BTreeSet::new());
    assert_eq!(told(&status(&seen), "NoOrphans").0, "True");
    seen.orphaned = Some(["p-9".to_owned()].into());
    let orphaned = status(&seen);
    assert_eq!(told(&orphaned, "NoOrphans"), ("False".into(), "OrphanedFootage".into()));
    let message = &crate::conditions::get(&orphaned.conditions, "NoOrphans").unwrap().message;
    assert!(message.contains("p-9"), "{message}");
}

#[test]
fn what_a_run_did_not_look_at_stays_as_it_was_known() {
    let mut policy = policy();
    let mut seen = observed(keys([]), &[]);
    let status = |policy: &RetentionPolicy, seen: &Observed| {
        let plan = planned(policy, seen, 500);
        status::status(policy, seen, &plan, &Applied::default(), at(500))
    };
    let mut found = run(100);
    found.summary.as_mut().unwrap().overdue_objects = 7;
    seen.run = Some(found);
    policy.status = Some(status(&policy, &seen));
    let mut stopped = run(200);
    let summary = stopped.summary.as_mut().unwrap();
    (summary.looked, summary.outcome, summary.reason) =
        (false, Outcome::Incomplete, "HoldsUnreadable".into());
    seen.run = Some(stopped);
    let after = status(&policy, &seen);
    assert_eq!((after.overdue_objects, after.oldest_footage_time.clone()), (Some(7), Some(Time(at(0)))));
    assert_eq!(told(&after, "RunSucceeded").1, "HoldsUnreadable");
}
