//! What is done next.

use super::*;

#[test]
fn a_grant_is_intended_only_while_admission_is_proved_and_carried_out_once() {
    assert_eq!(World::new(false).step(), Step::Wait, "nobody has agreed");
    let mut world = World::new(true);
    assert_eq!(world.step(), Step::Begin);
    world.enforced = false;
    assert_eq!(world.step(), Step::Wait);
    world.enforced = true;
    world.deleted = true;
    assert_eq!(world.step(), Step::Wait);
    world.deleted = false;
    let intent = world.begin();
    assert_eq!(world.step(), Step::Run(intent));
    assert_eq!(world.begin(), intent, "there is one Intent for a request");
    world.enforced = false;
    assert_eq!(world.step(), Step::Wait, "no Job is made while admission is off");
    world.enforced = true;
    world.job = JobState::Running;
    assert_eq!(world.step(), Step::Run(intent));
    let gave_up = |at| JobState::Failed { message: "The store failed.".into(), at };
    world.job = gave_up(world.now);
    assert_eq!(world.step(), Step::Run(intent), "not at once");
    world.job = gave_up(world.now - SignedDuration::from_mins(5));
    assert_eq!(world.step(), Step::RunAgain);
    world.job = JobState::Refused("Nothing that can be opened is stored.".into());
    assert_eq!(failed(&world.step()), "Nothing that can be opened is stored.");
    world.job = World::receipt(intent + 1);
    assert!(failed(&world.step()).contains("another Intent"));
    world.job = World::receipt(intent);
    let Step::Conclude(of, result) = world.step() else { panic!() };
    assert_eq!((of, matches!(result, OutcomeResult::Delivered { bytes: 7, .. })), (intent, true));
    let outcome = entries::outcome(&uid(), intent, result, world.now);
    world.append(vec![outcome]);
    assert_eq!(world.step(), Step::Over);
    let (_, decision) = world.decision();
    assert!(decision.has(Rule::RequestAnswered));
}

#[test]
fn what_is_taken_back_before_the_outcome_counts_even_when_the_package_is_made() {
    let withdraw = |world: &mut World, what: &str| {
        match what {
            "request" => world.live.request.as_mut().unwrap()["spec"]["withdrawn"] = true.into(),
            "approval" => world.live.approvals[0]["spec"]["withdrawn"] = true.into(),
            "object" => drop(world.live.approvals.pop()),
            "policy" => world.live.policies[0]["spec"]["bases"] = json!({}),
            "time" => world.now = at(10_001),
            "request object" => world.deleted = true,
            _ => unreachable!(),
        }
        world.submit();
    };
    for what in ["request", "approval", "object", "policy", "time", "request object"] {
        let mut world = World::new(true);
        let intent = world.begin();
        world.job = World::receipt(intent);
        withdraw(&mut world, what);
        assert!(!failed(&world.step()).is_empty(), "{what}");
    }
    // An approval that is changed behind the API server's back is another than the log has.
    let mut world = World::new(true);
    world.live.approvals[0]["spec"]["notAfter"] = json!(at(20_000));
    world.submit();
    assert_eq!(world.step(), Step::Wait);
}

#[test]
fn a_denial_is_logged_and_a_withdrawal_by_itself() {
    let mut world = World::new(false);
    world.live.policies[0]["spec"]["bases"] = json!({});
    assert_eq!(world.step(), Step::Deny);
    let (docket, decision) = world.decision();
    let entry = |decision: &Decision| {
        entries::decided(&uid(), docket.request.digest(), decision, Vec::new(), None, at(61)).unwrap()
    };
    let first = entry(&decision);
    assert!(matches!(&first.entry, Entry::Decision(d) if d.verdict == entry::Verdict::Denied));
    assert_eq!(first.id, entry(&decision).id, "the same decision is one entry");
    let mut other = decision.clone();
    other.reasons.insert(Reason { rule: Rule::ReviewerDenied, message: "No.".into() });
    assert_ne!(first.id, entry(&other).id);
    other.verdict = Verdict::Pending;
    assert!(entries::decided(&uid(), docket.request.digest(), &other, Vec::new(), None, at(61)).is_none());

    let mut world = World::new(true);
    world.live.request.as_mut().unwrap()["spec"]["withdrawn"] = true.into();
    world.submit();
    assert_eq!(world.step(), Step::Wait);
    assert!(world.decision().1.has(Rule::RequestWithdrawn));
}

#[test]
fn what_nobody_vouches_for_is_taken_back_as_it_is_logged() {
    let mut world = World::new(false);
    world.live.approvals = vec![approval()];
    let unvouched = [APPROVAL.to_owned()].into();
    let entries = entries::submitted(&world.live, &uid(), &unvouched, world.now);
    world.append(entries);
    assert_eq!(world.step(), Step::Wait);
    // Later, when admission is proved again, it is as it was.
    world.submit();
    assert_eq!(world.step(), Step::Wait);
    let (_, decision) = world.decision();
    assert!(decision.has(Rule::ApprovalWithdrawn), "{decision:?}");
}
