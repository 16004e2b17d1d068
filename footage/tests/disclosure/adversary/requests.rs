//! By requests, clocks and malformed objects.

use super::*;

#[test]
fn clocks_that_disagree() {
    let mut scene = consent();
    // Set back before the log's newest entry, to revive what has expired.
    scene.now = at("2026-11-02T09:54:59Z");
    refused(&scene.decide(), Rule::ClockDisagrees);
    scene.now = at("2026-11-02T09:55:00Z");
    assert!(scene.decide().authorized().is_some());
    // Within the five minutes it is the log's time that counts.
    let mut scene = ordered();
    let mut order = Writ::new();
    order.expires = ANSWERED;
    scene.orders = vec![order.verified()];
    scene.now = at("2026-11-02T09:59:00Z");
    refused(&scene.decide(), Rule::OrderExpired);
    // A policy that the log dates in the future is the present one already.
    let mut strict = policy();
    strict["bases"]["consent"] = Value::Null;
    let steps = vec![step(BEGAN, &policy()), step("2026-11-02T12:30:00Z", &strict)];
    refused(&consent().with_policy(steps).decide(), Rule::BasisNotListed);
    // Of two at one time both count.
    let steps = vec![
        step(BEGAN, &policy()),
        step("2026-11-02T08:00:00Z", &strict),
        step("2026-11-02T08:00:00Z", &policy()),
    ];
    refused(&consent().with_policy(steps).decide(), Rule::BasisNotListed);
}

#[test]
fn footage_that_is_not_there_yet() {
    let mut ask = Ask::new("Consent");
    ask.window = ("2026-11-02T08:00:00Z", "2026-11-02T09:00:01Z");
    refused(&Scene::granted(&ask).decide(), Rule::WindowNotOver);
    ask.window.1 = ASKED;
    assert!(Scene::granted(&ask).decide().authorized().is_some());
}

#[test]
fn a_duplicate_request() {
    let approvals = consent().approvals;
    let mut ask = Ask::new("Consent");
    ask.uid = 501;
    let mut scene = Scene::new(&ask);
    scene.approvals = approvals;
    refused(&scene.decide(), Rule::ApprovalOfAnotherRequest);
}

#[test]
fn a_request_that_was_left_lying() {
    let mut scene = consent();
    scene.now = at("2027-01-31T08:59:59Z");
    assert!(!scene.decide().has(Rule::RequestExpired));
    scene.now = at("2027-01-31T09:00:00Z");
    refused(&scene.decide(), Rule::RequestExpired);
}

#[test]
fn no_object_reaches_the_kernel_malformed() {
    use camerafleet_footage::disclosure::Request;
    let bad: [fn(&mut Value); 7] = [
        |spec| spec["cameras"] = json!([]),
        |spec| spec["cameras"][0]["id"] = "../x".into(),
        |spec| spec["cameras"] = (0..17).map(|n| json!({"name": "c", "id": uuid(n)})).collect(),
        |spec| {
            let twice = spec["cameras"][0].clone();
            spec["cameras"].as_array_mut().unwrap().push(twice);
        },
        |spec| spec["window"]["to"] = spec["window"]["from"].clone(),
        |spec| spec["legalOrderRef"] = json!({"name": "w-88"}),
        |spec| spec["basis"] = "Anything".into(),
    ];
    for change in bad {
        let mut frozen = Ask::new("Consent").frozen();
        change(&mut frozen.spec);
        let error = Request::read(&frozen).unwrap_err();
        refused(&Decision::malformed(&error), Rule::RequestMalformed);
    }
}

#[test]
fn the_order_of_inputs_makes_no_difference() {
    for ask in crate::support::asks() {
        let mut scene = Scene::granted(&ask);
        let mut other = Writ::new();
        (other.uid, other.index) = (801, 25);
        scene.orders.push(other.verified());
        scene.policies[0].steps.push(step("2026-10-01T00:00:00Z", &owners_custody()));
        scene.policies[0].steps.push(step("2026-11-02T00:00:00Z", &policy()));
        let forth = scene.decide();
        scene.policies[0].steps.reverse();
        scene.cameras.reverse();
        let mut case = scene.case();
        case.approvals.reverse();
        case.orders.reverse();
        let doubled: Case<'_> = Case {
            approvals: [case.approvals.clone(), case.approvals.clone()].concat(),
            orders: [case.orders.clone(), case.orders.clone()].concat(),
            ..case
        };
        assert_eq!(decide(&doubled), forth);
    }
}
