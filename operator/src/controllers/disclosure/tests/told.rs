//! What people are told.

use super::{
    super::{answers, apply, notice, status},
    *,
};

/// What a request would say of itself.
fn told(world: &World) -> camerafleet_crds::DisclosureRequestStatus {
    let (history, (docket, decision)) = (world.history(), world.decision());
    let due = notice::Due::default();
    let request = apply::typed(world.live.request.as_ref().unwrap()).unwrap();
    let status = status::status(&status::Known {
        request: &request,
        digest: Some(docket.request.digest().to_string()),
        decision: &decision,
        history: &history,
        job: &world.job,
        blocked: None,
        enforced: world.enforced,
        package: None,
        expired: world.now > at(5_000),
        due: &due,
        told: Vec::new(),
        order_missing: false,
        follow_up: None,
        now: world.now,
    });
    for condition in &status.conditions {
        let known =
            camerafleet_crds::reasons::known("DisclosureRequest", &condition.type_, &condition.reason);
        assert!(known, "{condition:?}");
    }
    status
}

fn reasons(world: &World) -> [String; 3] {
    let status = told(world);
    ["Ready", "Authorized", "Packaged"]
        .map(|type_| crate::conditions::get(&status.conditions, type_).unwrap().reason.clone())
}

#[test]
fn a_request_says_where_it_stands_and_what_was_granted_stays_told() {
    let mut world = World::new(false);
    assert_eq!(reasons(&world), ["AwaitingApproval", "Pending", "NotBegun"]);
    let status = told(&world);
    let ready = crate::conditions::get(&status.conditions, "Ready").unwrap();
    assert!(ready.message.contains("a@example.com: approve as Owner"), "{}", ready.message);
    world.live.policies[0]["spec"]["bases"] = json!({});
    assert_eq!(reasons(&world), ["Denied", "Denied", "NotGranted"]);

    let mut world = World::new(true);
    world.enforced = false;
    assert_eq!(reasons(&world), ["AdmissionNotEnforced", "AdmissionNotEnforced", "NotBegun"]);
    world.enforced = true;
    let intent = world.begin();
    assert_eq!(reasons(&world), ["Packaging", "Authorized", "Running"]);
    world.job = JobState::Failed { message: "The store failed.".into(), at: world.now };
    assert_eq!(reasons(&world), ["Packaging", "Authorized", "TryingAgain"]);
    world.job = World::receipt(intent);
    let Step::Conclude(_, result) = world.step() else { panic!() };
    world.append(vec![entries::outcome(&uid(), intent, result, world.now)]);
    assert_eq!(reasons(&world), ["Delivered", "Authorized", "Packaged"]);
    let decision = told(&world).decision.unwrap();
    assert_eq!(decision.verdict, camerafleet_crds::DecisionVerdict::Authorized, "not that it is answered");
    assert!(decision.reasons.iter().any(|reason| reason.rule == "ConsentGiven"), "{decision:?}");
    world.now = at(5_001);
    assert_eq!(reasons(&world), ["Expired", "Authorized", "Expired"]);

    let mut world = World::new(true);
    world.begin();
    world.live.request.as_mut().unwrap()["spec"]["withdrawn"] = true.into();
    world.submit();
    let Step::Conclude(intent, result) = world.step() else { panic!() };
    world.append(vec![entries::outcome(&uid(), intent, result, world.now)]);
    assert_eq!(reasons(&world), ["Withdrawn", "Authorized", "Refused"]);
}

#[test]
fn every_rule_by_which_an_answer_is_not_counted_is_explained() {
    let ignores =
        Rule::ALL.iter().filter(|rule| rule.effect() == camerafleet_footage::disclosure::Effect::Ignores);
    for rule in ignores {
        assert!(camerafleet_crds::reasons::known("Approval", "Ready", rule.id()), "{}", rule.id());
    }
}

#[test]
fn an_answer_says_how_it_counts() {
    let said = |world: &World| {
        let (docket, decision) = world.decision();
        let approval = serde_json::from_value(world.live.approvals[0].clone()).unwrap();
        let (used, verdict) = answers::verdict(&approval, Some(&docket), &decision, &world.history());
        (used, verdict.reason)
    };
    let mut world = World::new(true);
    assert_eq!(said(&world), (false, "Counted"));
    world.begin();
    assert_eq!(said(&world), (true, "Used"));
    let mut world = World::new(true);
    world.now = at(10_000);
    assert_eq!(said(&world), (false, "ApprovalExpired"));
    let mut world = World::new(true);
    world.live.approvals[0]["spec"]["approver"] = "b@example.com".into();
    assert_eq!(said(&world), (false, "NotAsSubmitted"));
}

#[test]
fn nobody_sees_a_court_orders_request_before_an_order_allows_it() {
    use camerafleet_crds::Basis;
    let world = World::new(false);
    let (_, decision) = world.decision();
    let deciders = |basis, may_tell| answers::deciders(basis, &decision, may_tell).len();
    assert_eq!(deciders(Basis::Consent, false), 1);
    assert_eq!((deciders(Basis::CourtOrder, true), deciders(Basis::CourtOrder, false)), (1, 0));
}
