//! What someone would try. Each attack starts from a case that is authorised, changes one thing, and must not be.

mod approvals;
mod orders;
mod policies;
mod requests;

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
fn with_answer(change: impl FnOnce(&mut Answer)) -> Decision {
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

fn owners_custody() -> Value {
    let mut custody = policy();
    custody["custody"] = "Owners".into();
    custody["consentThreshold"] = json!(1);
    custody
}
