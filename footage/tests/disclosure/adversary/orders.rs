//! By orders and authorities.

use super::*;

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
