//! What someone would try. Each attack starts from a case that is authorised, changes one thing, and must not be.

use std::collections::BTreeSet;

use camerafleet_footage::disclosure::{
    Assignment, Case, Decision, Digest32, Intent, Members, PolicyHistory, ReleaseKey, Rule, Step, Verdict,
    decide,
};
use camerafleet_footage::ids::{ApprovalUid, OrderUid, RequestUid, TenantId};
use serde_json::{Value, json};

use crate::support::{
    ANSWERED, ASKED, Answer, Ask, BEGAN, OFFICER, OWNER_A, OWNER_B, REVIEWER, Scene, Writ, at, camera,
    policy, policy_id, public, revision, step, uuid,
};

/// The attack is refused, and by the rule that is meant.
#[track_caller]
fn refused(decision: &Decision, rule: Rule) {
    assert!(decision.authorized().is_none(), "released: {decision:?}");
    assert!(decision.has(rule), "not by {rule:?}: {decision:?}");
}

fn consent() -> Scene {
    let scene = Scene::granted(&Ask::new("Consent"));
    assert!(scene.decide().authorized().is_some());
    scene
}

fn ordered() -> Scene {
    let scene = Scene::granted(&Ask::new("CourtOrder"));
    assert!(scene.decide().authorized().is_some());
    scene
}

/// One owner's answer is another one.
fn with_alices(change: impl FnOnce(&mut Answer)) -> Decision {
    let mut scene = consent();
    let mut answer = Answer::to(&scene.request, 600, "Owner", OWNER_A);
    change(&mut answer);
    scene.approvals[0] = answer.verified();
    scene.decide()
}

/// The order is another one.
fn with_order(change: impl FnOnce(&mut Writ)) -> Decision {
    with_order_for(Ask::new("CourtOrder"), change)
}

fn with_order_for(ask: Ask, change: impl FnOnce(&mut Writ)) -> Decision {
    let mut scene = Scene::granted(&ask);
    let mut order = Writ::new();
    change(&mut order);
    scene.orders = vec![order.verified()];
    scene.decide()
}

fn approval_uid(number: u32) -> ApprovalUid {
    ApprovalUid::parse(uuid(number)).unwrap()
}

fn intent(index: u64, request: u32, approvals: &[u32], order: Option<u32>) -> Intent {
    Intent {
        index,
        at: at(ANSWERED),
        request: RequestUid::parse(uuid(request)).unwrap(),
        approvals: approvals.iter().map(|n| approval_uid(*n)).collect(),
        order: order.map(|n| OrderUid::parse(uuid(n)).unwrap()),
    }
}

#[test]
fn a_replayed_approval() {
    // Of another request, of one that was deleted and made again under the name, and of one with the same content.
    refused(&with_alices(|a| a.request = 501), Rule::ApprovalOfAnotherRequest);
    // That another release has used.
    let mut scene = consent();
    scene.log.intents.push(intent(40, 501, &[600], None));
    refused(&scene.decide(), Rule::ApprovalUsed);
    // That this request's one release has used, before and after it came to its end.
    let mut scene = consent();
    scene.log.intents.push(intent(40, 500, &[600, 601], None));
    assert_eq!(scene.decide().authorized().unwrap().continues, Some(40));
    scene.log.outcomes.insert(scene.request.uid().clone());
    refused(&scene.decide(), Rule::RequestAnswered);
    // A second Intent is nobody's: the decision continues the first.
    let mut scene = consent();
    scene.log.intents = vec![intent(41, 500, &[], None), intent(40, 500, &[600, 601], None)];
    assert_eq!(scene.decide().authorized().unwrap().continues, Some(40));
}

#[test]
fn an_approval_that_comes_after_the_release_was_begun() {
    let mut scene = consent();
    scene.log.intents.push(intent(40, 500, &[601], None));
    refused(&scene.decide(), Rule::ApprovalAfterIntent);
    let mut scene = ordered();
    scene.log.intents.push(intent(40, 500, &[602], Some(801)));
    refused(&scene.decide(), Rule::AwaitingOrder);
}

#[test]
fn an_approval_of_an_edited_request() {
    let edits: [fn(&mut Ask); 7] = [
        |ask| ask.recipient = "age1zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        |ask| ask.cameras.push(2),
        |ask| ask.window = ("2026-11-01T18:00:00Z", "2026-11-01T19:00:01Z"),
        |ask| ask.audio = true,
        |ask| ask.basis = "SubjectAccess",
        |ask| ask.requester = "other@example.com",
        |ask| ask.uid = 501,
    ];
    let approvals = consent().approvals;
    for edit in edits {
        let mut ask = Ask::new("Consent");
        edit(&mut ask);
        let mut scene = Scene::new(&ask);
        scene.approvals = approvals.clone();
        let decision = scene.decide();
        assert!(decision.authorized().is_none(), "{decision:?}");
        let unbound =
            decision.has(Rule::ApprovalOfOtherContent) || decision.has(Rule::ApprovalOfAnotherRequest);
        assert!(unbound, "{decision:?}");
    }
}

#[test]
fn the_requester_as_approver() {
    let mut ask = Ask::new("Consent");
    ask.requester = OWNER_A;
    let decision = Scene::granted(&ask).decide();
    refused(&decision, Rule::ApproverIsRequester);
    assert!(decision.has(Rule::ConsentImpossible), "{decision:?}");
    // As a reviewer of their own order, and in an emergency.
    for (basis, rule) in [("CourtOrder", Rule::AwaitingReview), ("Emergency", Rule::AwaitingQuorum)] {
        let mut ask = Ask::new(basis);
        ask.requester = REVIEWER;
        let decision = Scene::granted(&ask).decide();
        refused(&decision, Rule::ApproverIsRequester);
        assert!(decision.has(rule), "{decision:?}");
    }
    // An owner's request is one consent, and not two.
    let mut ask = Ask::new("OwnerExport");
    ask.requester = OWNER_A;
    let mut scene = Scene::new(&ask);
    scene.approvals = vec![Answer::to(&scene.request, 600, "Owner", OWNER_A).verified()];
    refused(&scene.decide(), Rule::AwaitingConsent);
}

#[test]
fn one_person_as_two() {
    let mut scene = consent();
    let twice = [600, 603].map(|uid| Answer::to(&scene.request, uid, "Owner", OWNER_A).verified());
    scene.approvals = twice.into();
    refused(&scene.decide(), Rule::AwaitingConsent);
}

#[test]
fn an_approver_through_a_group() {
    // "legal" is a group with the role Reviewer, "owners" one that a policy names by mistake.
    for name in ["legal", "clerk@example.com"] {
        let mut scene = ordered();
        let name: &'static str = name;
        scene.approvals = vec![Answer::to(&scene.request, 602, "Reviewer", name).verified()];
        refused(&scene.decide(), Rule::ApproverNotNamed);
    }
    let mut scene = ordered();
    scene.members = Members::of(
        &serde_json::from_value::<Vec<_>>(
            json!([{"role": "Reviewer", "subjects": [{"kind": "Group", "name": REVIEWER}]}]),
        )
        .unwrap(),
    );
    refused(&scene.decide(), Rule::AwaitingReview);
    // An approval in a capacity that is not theirs.
    for capacity in ["Reviewer", "EmergencyApprover"] {
        refused(&with_alices(|a| a.capacity = capacity), Rule::ApproverNotNamed);
    }
    // An emergency approver whom the policy names and who is no member any more.
    let mut scene = Scene::granted(&Ask::new("Emergency"));
    scene.members = Members::default();
    refused(&scene.decide(), Rule::ApproverNotNamed);
}

#[test]
fn an_order_out_of_its_time() {
    refused(&with_order(|o| o.expires = "2026-11-02T12:00:00Z"), Rule::OrderExpired);
    assert!(with_order(|o| o.expires = "2026-11-02T12:00:01Z").authorized().is_some());
    let decision = with_order(|o| o.issued = "2026-11-02T12:00:01Z");
    refused(&decision, Rule::OrderNotYetInForce);
    assert_eq!(decision.verdict, Verdict::Pending);
    assert!(with_order(|o| o.issued = "2026-11-02T12:00:00Z").authorized().is_some());
}

#[test]
fn more_than_the_order_covers() {
    let mut ask = Ask::new("CourtOrder");
    ask.window = ("2026-11-01T18:00:00Z", "2026-11-01T19:00:01Z");
    refused(&with_order_for(ask.clone(), |_| {}), Rule::OrderWindow);
    ask.window = ("2026-11-01T17:59:59Z", "2026-11-01T19:00:00Z");
    refused(&with_order_for(ask, |_| {}), Rule::OrderWindow);
    let mut ask = Ask::new("CourtOrder");
    ask.cameras = vec![1, 2];
    refused(&with_order_for(ask, |o| o.cameras = vec![1]), Rule::OrderCameras);
    let mut ask = Ask::new("CourtOrder");
    ask.audio = true;
    refused(&with_order_for(ask.clone(), |_| {}), Rule::OrderAudio);
    assert!(with_order_for(ask, |o| o.audio = true).authorized().unwrap().audio);
}

#[test]
fn an_order_of_elsewhere() {
    // Replayed to this tenant, and on a camera that was made again under the name.
    refused(&with_order(|o| o.tenant = 2), Rule::OrderOfAnotherTenant);
    refused(&with_order(|o| o.cameras = vec![9]), Rule::OrderCameras);
    let mut scene = ordered();
    scene.tenant = TenantId::parse(uuid(2)).unwrap();
    refused(&scene.decide(), Rule::OrderOfAnotherTenant);
    // Submitted in another namespace, for another request, under another name.
    refused(&with_order(|o| o.namespace = "oak-street"), Rule::AwaitingOrder);
    refused(&with_order(|o| o.request = Some(501)), Rule::OrderOfAnotherRequest);
    refused(&with_order(|o| o.name = "w-89"), Rule::AwaitingOrder);
    assert!(with_order(|o| o.request = Some(500)).authorized().is_some());
    refused(&with_order(|o| o.kind = "PreservationOrder"), Rule::PreservationOnly);
}

#[test]
fn an_authority_of_ones_own_making() {
    // Its key, its name, and both, of which one is listed.
    refused(&with_order(|o| o.signed = 99), Rule::AuthorityNotListed);
    refused(&with_order(|o| o.authority = "high-court"), Rule::AuthorityNotListed);
    // Listed now, and not when the footage was recorded.
    let mut rogue = policy();
    rogue["trustedAuthorities"] = json!([{"name": "rogue", "sshPublicKey": public(99)}]);
    let mut scene = ordered();
    let mut order = Writ::new();
    (order.signed, order.authority) = (99, "rogue");
    scene.orders = vec![order.verified()];
    let both = |since: &str| vec![step(BEGAN, &policy()), step(since, &rogue)];
    refused(&scene.clone().with_policy(both("2026-11-01T20:00:00Z")).decide(), Rule::AuthorityNotListed);
    // Listed before that, and less than a week ago: by a second.
    let decision = scene.clone().with_policy(both("2026-10-26T12:00:01Z")).decide();
    refused(&decision, Rule::AuthorityTooNew);
    assert_eq!(decision.verdict, Verdict::Pending);
    assert!(scene.with_policy(both("2026-10-26T12:00:00Z")).decide().authorized().is_some());
}

#[test]
fn an_authority_that_was_taken_off_the_list_in_between() {
    let mut without = policy();
    without["trustedAuthorities"] = json!([]);
    let mut again = policy();
    again["consentThreshold"] = json!(1);
    let steps =
        |back: &str| vec![step(BEGAN, &policy()), step("2026-10-20T00:00:00Z", &without), step(back, &again)];
    refused(&ordered().with_policy(steps("2026-10-30T00:00:00Z")).decide(), Rule::AuthorityTooNew);
    assert!(ordered().with_policy(steps("2026-10-21T00:00:00Z")).decide().authorized().is_some());
}

#[test]
fn an_order_made_again_under_the_name_after_the_review() {
    let mut scene = ordered();
    let mut other = Writ::new();
    (other.uid, other.index, other.expires) = (801, 40, "2027-01-01T00:00:00Z");
    // Beside the reviewed one it does no harm, and is not the one that is used.
    scene.orders.push(other.verified());
    let used = |scene: &Scene| scene.decide().authorized().and_then(|a| a.order.clone());
    assert_eq!(used(&scene), Some(OrderUid::parse(uuid(800)).unwrap()));
    // By itself it waits for a review of its own.
    scene.orders.remove(0);
    refused(&scene.decide(), Rule::ReviewOfAnotherOrder);
    let mut review = Answer::to(&scene.request, 604, "Reviewer", REVIEWER);
    review.index = 50;
    scene.approvals = vec![review.verified()];
    assert_eq!(used(&scene), Some(OrderUid::parse(uuid(801)).unwrap()));
}

#[test]
fn a_policy_that_is_loosened_after_the_request() {
    let mut strict = policy();
    strict["bases"]["consent"]["maxWindow"] = json!("30m");
    let loosened = |since: &str| vec![step(BEGAN, &strict), step(since, &policy())];
    for since in ["2026-11-02T11:00:00Z", "2026-11-01T18:30:00Z", "2026-11-01T17:56:00Z"] {
        refused(&consent().with_policy(loosened(since)).decide(), Rule::MaxWindow);
    }
    // Long before the window it was a policy like any other; tightened since, the present one counts too.
    assert!(consent().with_policy(loosened("2026-11-01T17:55:00Z")).decide().authorized().is_some());
    let tightened = vec![step(BEGAN, &policy()), step("2026-11-02T11:00:00Z", &strict)];
    refused(&consent().with_policy(tightened).decide(), Rule::MaxWindow);
    let mut off = policy();
    off["bases"]["emergency"] = Value::Null;
    let turned_on = vec![step(BEGAN, &off), step("2026-11-02T11:00:00Z", &policy())];
    refused(&Scene::granted(&Ask::new("Emergency")).with_policy(turned_on).decide(), Rule::BasisNotListed);
}

#[test]
fn a_camera_that_is_given_a_looser_policy() {
    let mut mine = policy();
    mine["owners"] = json!([{"name": "x", "user": OFFICER}]);
    let mut scene = consent();
    let other = PolicyHistory { policy: policy_id(2), steps: vec![step(BEGAN, &mine)] };
    scene.policies.push(other);
    scene.cameras[0]
        .assignments
        .push(Assignment { since: at("2026-11-01T20:00:00Z"), policy: Some(policy_id(2)) });
    refused(&scene.decide(), Rule::ConsentImpossible);
    // Or none, then or now; or one that is not there.
    for (since, to, rule) in [
        ("2026-11-01T20:00:00Z", None, Rule::NoPolicy),
        ("2026-11-01T18:10:00Z", None, Rule::NoPolicy),
        ("2026-11-01T20:00:00Z", Some(policy_id(3)), Rule::PolicyUnknown),
    ] {
        let mut scene = consent();
        scene.cameras[0].assignments.push(Assignment { since: at(since), policy: to });
        refused(&scene.decide(), rule);
    }
    let mut scene = consent();
    scene.policies[0].steps.push(Step { since: at("2026-11-02T08:00:00Z"), revision: None });
    refused(&scene.decide(), Rule::NoPolicy);
    scene.policies[0].steps.clear();
    refused(&scene.decide(), Rule::PolicyUnknown);
    let mut scene = consent();
    scene.cameras.clear();
    refused(&scene.decide(), Rule::PolicyUnknown);
}

#[test]
fn an_owner_who_changed_between_recording_and_request() {
    let mut moved = policy();
    moved["owners"] = json!([{"name": "c", "user": "c@example.com"}]);
    let changed =
        |before: &Value, after: &Value| vec![step(BEGAN, before), step("2026-11-01T20:00:00Z", after)];
    // Neither the old owners nor the new one alone.
    refused(&consent().with_policy(changed(&policy(), &moved)).decide(), Rule::AwaitingConsent);
    let mut scene = consent().with_policy(changed(&policy(), &moved));
    let new = Answer::to(&scene.request, 603, "Owner", "c@example.com").verified();
    let old = std::mem::replace(&mut scene.approvals, vec![new.clone()]);
    refused(&scene.decide(), Rule::AwaitingConsent);
    scene.approvals.extend(old);
    let decision = scene.decide();
    // All of them are told, too.
    assert_eq!(decision.authorized().unwrap().notice.owners.len(), 3);
    // Nor do the new owners export what the old ones' camera saw.
    let mut ask = Ask::new("OwnerExport");
    ask.requester = "c@example.com";
    let decision = Scene::granted(&ask).with_policy(changed(&policy(), &moved)).decide();
    refused(&decision, Rule::RequesterNotOwner);
}

#[test]
fn an_owners_key_that_was_swapped() {
    let mut keyed = policy();
    keyed["owners"][0]["sshPublicKey"] = public(1).into();
    let mut swapped = policy();
    swapped["owners"][0]["sshPublicKey"] = public(2).into();
    let scene = || consent().with_policy(vec![step(BEGAN, &keyed), step("2026-11-01T20:00:00Z", &swapped)]);
    refused(&scene().decide(), Rule::ApprovalUnsigned);
    let signed = |seeds: &[u8]| {
        let mut scene = scene();
        let answer = |seed: &u8| {
            let mut answer = Answer::to(&scene.request, 610 + u32::from(*seed), "Owner", OWNER_A);
            answer.signed = Some(*seed);
            answer.verified()
        };
        let answers: Vec<_> = seeds.iter().map(answer).collect();
        scene.approvals.splice(0..1, answers);
        scene.decide()
    };
    for seeds in [&[1][..], &[2], &[3]] {
        refused(&signed(seeds), Rule::ApprovalUnsigned);
    }
    assert!(signed(&[1, 2]).authorized().is_some());
    // A key that cannot be read is not no key.
    let mut unreadable = policy();
    unreadable["owners"][0]["sshPublicKey"] = "ssh-ed25519 AAAA".into();
    refused(&consent().with_policy(vec![step(BEGAN, &unreadable)]).decide(), Rule::ApprovalUnsigned);
}

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
fn an_approval_from_another_tenant() {
    refused(&with_alices(|a| a.namespace = "oak-street"), Rule::ApprovalElsewhere);
}

#[test]
fn an_approval_that_lapsed() {
    refused(&with_alices(|a| a.not_after = "2026-11-02T12:00:00Z"), Rule::ApprovalExpired);
    refused(&with_alices(|a| a.withdrawn = true), Rule::ApprovalWithdrawn);
}

#[test]
fn what_was_withdrawn_and_a_restored_cluster_has_forgotten() {
    let mut scene = consent();
    scene.log.withdrawn_approvals = BTreeSet::from([approval_uid(600)]);
    refused(&scene.decide(), Rule::ApprovalWithdrawn);
    // Also while the release is under way.
    scene.log.intents.push(intent(40, 500, &[600, 601], None));
    refused(&scene.decide(), Rule::ApprovalWithdrawn);
    let mut scene = consent();
    scene.log.withdrawn_requests.insert(scene.request.uid().clone());
    refused(&scene.decide(), Rule::RequestWithdrawn);
    let mut ask = Ask::new("Consent");
    ask.withdrawn = true;
    refused(&Scene::granted(&ask).decide(), Rule::RequestWithdrawn);
}

#[test]
fn an_approval_that_asks_for_more() {
    refused(&with_alices(|a| a.cameras = vec![1, 2]), Rule::ApprovalWidens);
    let wider = ("2026-11-01T18:00:00Z", "2026-11-01T19:00:01Z");
    refused(&with_alices(|a| a.window = Some(wider)), Rule::ApprovalWidens);
    let narrower = ("2026-11-01T18:00:00Z", "2026-11-01T18:59:59Z");
    let decision = with_alices(|a| a.window = Some(narrower));
    let release = &decision.authorized().unwrap().cameras[&camera(1)];
    assert_eq!(release.window.to(), at(narrower.1));
}

#[test]
fn narrowed_to_nothing() {
    let mut scene = consent();
    let halves =
        [("2026-11-01T18:00:00Z", "2026-11-01T18:30:00Z"), ("2026-11-01T18:30:00Z", "2026-11-01T19:00:00Z")];
    let who = [OWNER_A, OWNER_B];
    for (at, half) in halves.into_iter().enumerate() {
        let mut answer = Answer::to(&scene.request, 600 + u32::try_from(at).unwrap(), "Owner", who[at]);
        answer.window = Some(half);
        scene.approvals[at] = answer.verified();
    }
    refused(&scene.decide(), Rule::NothingLeft);
}

#[test]
fn a_camera_that_one_owner_leaves_out_is_left_out() {
    let mut ask = Ask::new("Consent");
    ask.cameras = vec![1, 2];
    let mut scene = Scene::granted(&ask);
    let mut narrowed = Answer::to(&scene.request, 600, "Owner", OWNER_A);
    narrowed.cameras = vec![2];
    scene.approvals[0] = narrowed.verified();
    let decision = scene.decide();
    assert_eq!(decision.authorized().unwrap().cameras.keys().collect::<Vec<_>>(), [&camera(2)]);
}

#[test]
fn an_emergency_without_its_quorum() {
    let mut scene = Scene::granted(&Ask::new("Emergency"));
    // Consent of the owners, or a reviewer's word, is none.
    for capacity in ["Owner", "Reviewer"] {
        let answers = [(600, OWNER_A), (602, REVIEWER)];
        scene.approvals =
            answers.map(|(uid, who)| Answer::to(&scene.request, uid, capacity, who).verified()).into();
        refused(&scene.decide(), Rule::AwaitingQuorum);
    }
}

fn owners_custody() -> Value {
    let mut custody = policy();
    custody["custody"] = "Owners".into();
    custody["consentThreshold"] = json!(1);
    custody
}

#[test]
fn custody_owners_opens_nothing_without_the_owners() {
    let key = Digest32([7; 32]);
    for ask in crate::support::asks() {
        let mut scene = Scene::granted(&ask).with_policy(vec![step(BEGAN, &owners_custody())]);
        scene.log.release_key = Some(ReleaseKey(key));
        refused(&scene.decide(), Rule::AwaitingKeyRelease);
        let mut release = Answer::to(&scene.request, 620, "Owner", OWNER_B);
        release.release = Some(Digest32([8; 32]));
        scene.approvals.push(release.verified());
        refused(&scene.decide(), Rule::ReleaseToAnotherKey);
        release.release = Some(key);
        *scene.approvals.last_mut().unwrap() = release.verified();
        assert!(scene.decide().authorized().is_some(), "{}: {:?}", ask.basis, scene.decide());
        scene.log.release_key = None;
        refused(&scene.decide(), Rule::AwaitingKeyRelease);
        // Both refuse.
        scene.approvals.pop();
        for (uid, who) in [(621, OWNER_A), (622, OWNER_B)] {
            let mut refusal = Answer::to(&scene.request, uid, "Owner", who);
            refusal.decision = "Deny";
            scene.approvals.push(refusal.verified());
        }
        let decision = scene.decide();
        let impossible = decision.has(Rule::KeyReleaseImpossible);
        assert!(decision.authorized().is_none() && (impossible || ask.requester == OWNER_A), "{decision:?}");
    }
    // The key shares of the owner who asks are theirs to give, though their approval is not.
    let mut scene =
        Scene::granted(&crate::support::asks()[4]).with_policy(vec![step(BEGAN, &owners_custody())]);
    scene.log.release_key = Some(ReleaseKey(key));
    let mut own = Answer::to(&scene.request, 620, "Owner", OWNER_A);
    own.release = Some(key);
    scene.approvals = vec![own.verified()];
    assert!(scene.decide().authorized().is_some(), "{:?}", scene.decide());
}

#[test]
fn an_order_that_is_kept_from_owners_whose_keys_it_needs() {
    let mut scene = ordered();
    let mut order = Writ::new();
    order.nondisclosure = Some("2026-12-01T00:00:00Z");
    scene.orders = vec![order.verified()];
    let decision = scene.decide();
    assert_eq!(decision.authorized().unwrap().notice.not_before, Some(at("2026-12-01T00:00:00Z")));
    // Under custody Owners when it was recorded, and at present.
    for steps in [
        vec![step(BEGAN, &owners_custody())],
        vec![step(BEGAN, &policy()), step("2026-11-01T20:00:00Z", &owners_custody())],
    ] {
        refused(&scene.clone().with_policy(steps).decide(), Rule::NondisclosureUnderOwners);
    }
    // Of two orders by the name the one that lets them be told.
    let mut open = Writ::new();
    (open.uid, open.index) = (801, 21);
    let mut review = Answer::to(&scene.request, 604, "Reviewer", REVIEWER);
    review.index = 20;
    order.index = 19;
    scene.orders = vec![order.verified(), open.verified()];
    scene.approvals.push(review.verified());
    assert_eq!(scene.decide().authorized().unwrap().notice.not_before, None);
    // A time that has come holds nobody back.
    let mut past = Writ::new();
    past.nondisclosure = Some("2026-11-02T12:00:00Z");
    scene.orders = vec![past.verified()];
    assert_eq!(scene.decide().authorized().unwrap().notice.not_before, None);
}

#[test]
fn a_reviewer_who_refused_is_not_outvoted() {
    let mut scene = ordered();
    scene.members = Members::of(
        &serde_json::from_value::<Vec<_>>(json!([{"role": "Reviewer", "subjects": [
            {"kind": "User", "name": REVIEWER}, {"kind": "User", "name": "second@example.com"},
        ]}]))
        .unwrap(),
    );
    let mut refusal = Answer::to(&scene.request, 605, "Reviewer", "second@example.com");
    refusal.decision = "Deny";
    scene.approvals.push(refusal.verified());
    refused(&scene.decide(), Rule::ReviewerDenied);
}

#[test]
fn policies_that_ask_for_nobody() {
    // No API server would take them; whoever writes to etcd could make them.
    let mut loose = policy();
    loose["consentThreshold"] = json!(0);
    loose["bases"]["courtOrder"]["reviewers"] = json!(0);
    loose["bases"]["subjectAccess"]["reviewers"] = json!(0);
    loose["bases"]["emergency"]["threshold"] = json!(0);
    assert!(revision(&loose).digest() != revision(&policy()).digest());
    for ask in crate::support::asks() {
        let mut scene = Scene::granted(&ask).with_policy(vec![step(BEGAN, &loose)]);
        scene.approvals.clear();
        let decision = scene.decide();
        // An owner's own export is their consent.
        assert_eq!(decision.authorized().is_some(), ask.basis == "OwnerExport", "{decision:?}");
    }
    let mut nobody = policy();
    nobody["owners"] = json!([]);
    let mut scene = consent().with_policy(vec![step(BEGAN, &nobody)]);
    scene.approvals.clear();
    refused(&scene.decide(), Rule::ConsentImpossible);
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
