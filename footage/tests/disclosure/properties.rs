//! What no policy can loosen, over random policies, answers and orders.

use std::sync::OnceLock;

use camerafleet_footage::disclosure::{
    Approval, Decision, Digest32, Intent, Order, ReleaseKey, Rule, Verdict, Verified,
};
use camerafleet_footage::ids::RequestUid;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, BEGAN, OFFICER, OWNER_A, OWNER_B, REVIEWER, Scene, WINDOW, Writ, asks, at, camera, hold,
    policy, step, uuid,
};

const USERS: [&str; 5] = [OWNER_A, OWNER_B, REVIEWER, OFFICER, "c@example.com"];
const LISTED: [&str; 5] = ["consent", "courtOrder", "emergency", "subjectAccess", "ownerExport"];
const KEY: Digest32 = Digest32([7; 32]);
const CHANGED: &str = "2026-11-01T20:00:00Z";

/// Any policy, down to those that ask for nobody.
fn any_policy() -> impl Strategy<Value = Value> {
    let owners = subsequence(vec![OWNER_A, OWNER_B, "c@example.com"], 1..=2);
    let bases = subsequence(LISTED.to_vec(), 4..=5);
    (owners, 0..=2u32, any::<bool>(), bases, 0..=1u32, 0..=3u32, prop::bool::weighted(0.2)).prop_map(
        |(owners, threshold, audio, bases, reviewers, quorum, owners_custody)| {
            let mut spec = policy();
            spec["owners"] = owners.iter().map(|o| json!({"name": o, "user": o})).collect();
            spec["consentThreshold"] = json!(threshold);
            spec["custody"] = if owners_custody { "Owners" } else { "Vault" }.into();
            spec["bases"]["consent"]["audio"] = audio.into();
            spec["bases"]["subjectAccess"]["reviewers"] = reviewers.into();
            spec["bases"]["courtOrder"]["reviewers"] = reviewers.into();
            spec["bases"]["emergency"]["threshold"] = quorum.into();
            for basis in LISTED {
                if !bases.contains(&basis) {
                    spec["bases"][basis] = Value::Null;
                }
            }
            spec
        },
    )
}

/// Most say yes, with the shares of the keys.
fn any_answer() -> impl Strategy<Value = (usize, &'static str, bool, bool, bool)> {
    let capacity = select(vec!["Owner", "Owner", "Reviewer", "EmergencyApprover"]);
    (0..USERS.len(), capacity, prop::bool::weighted(0.93), any::<bool>(), prop::bool::weighted(0.1))
}

/// Each order is signed once: that is most of the time that a case takes.
fn orders() -> &'static [(Writ, Verified<Order>)] {
    static ORDERS: OnceLock<Vec<(Writ, Verified<Order>)>> = OnceLock::new();
    let made = |number: u32| {
        let mut order = Writ::new();
        match number / 2 {
            0 => order.kind = "PreservationOrder",
            1 => order.tenant = 2,
            2 => order.cameras = vec![2],
            3 => order.window.1 = "2026-11-01T18:59:59Z",
            4 => order.expires = "2026-11-02T11:00:00Z",
            5 => order.issued = "2026-11-02T13:00:00Z",
            6 => order.signed = 99,
            7 => order.request = Some(501),
            _ => {}
        }
        order.nondisclosure = (number % 2 == 1).then_some("2027-01-01T00:00:00Z");
        let verified = order.verified();
        (order, verified)
    };
    ORDERS.get_or_init(|| (0..18).map(made).collect())
}

/// Half of them are good.
fn any_order() -> impl Strategy<Value = usize> {
    prop_oneof![0..orders().len(), 16..18usize]
}

/// A case, with the plain facts that it was made from.
#[derive(Clone)]
struct Made {
    ask: Ask,
    policies: [Value; 2],
    answers: Vec<Answer>,
    order: Writ,
    scene: Scene,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let answers = self.answers.iter().map(|a| (a.approver, a.capacity, a.decision)).collect::<Vec<_>>();
        write!(f, "{} by {}: {answers:?} {:?}", self.ask.basis, self.ask.requester, self.policies)
    }
}

fn any_case() -> impl Strategy<Value = Made> {
    let asked = (select(asks()), select(vec![OFFICER, OWNER_A]), prop::bool::weighted(0.1));
    let policies = (any_policy(), any_policy(), any::<bool>());
    let answers = prop::collection::vec(any_answer(), 0..10);
    (asked, policies, answers, any_order()).prop_map(|((mut ask, who, audio), policies, answers, order)| {
        (ask.requester, ask.audio) = (who, audio);
        let (then, changed, same) = policies;
        let today = if same { then.clone() } else { changed };
        let mut scene = Scene::new(&ask).with_policy(vec![step(BEGAN, &then), step(CHANGED, &today)]);
        scene.log.release_key = Some(ReleaseKey(KEY));
        let (order, verified) = orders()[order].clone();
        scene.orders = vec![verified];
        let answer = |(uid, (who, capacity, yes, all, narrow)): (u32, (usize, _, bool, bool, bool))| {
            let mut answer = Answer::to(&scene.request, uid, capacity, USERS[who]);
            answer.decision = if yes { "Approve" } else { "Deny" };
            answer.release = (yes && all).then_some(KEY);
            answer.window = (yes && narrow).then_some(("2026-11-01T18:30:00Z", WINDOW.1));
            answer
        };
        let answers: Vec<Answer> = (600..).zip(answers).map(answer).collect();
        scene.approvals = answers.iter().map(Answer::verified).collect();
        Made { ask, policies: [then, today], answers, order, scene }
    })
}

/// The approvals that a release names.
fn used(made: &Made, decision: &Decision) -> Vec<Answer> {
    let names = decision.authorized().map(|a| &a.approvals);
    let is_used = |a: &&Answer| names.is_some_and(|n| n.iter().any(|uid| uid.as_str() == uuid(a.uid)));
    made.answers.iter().filter(is_used).cloned().collect()
}

fn people(answers: &[Answer], capacity: &str) -> Vec<&'static str> {
    let mut people: Vec<_> = answers.iter().filter(|a| a.capacity == capacity).map(|a| a.approver).collect();
    people.sort_unstable();
    people.dedup();
    people
}

fn users(list: &Value) -> Vec<&str> {
    list.as_array().map_or(Vec::new(), |l| l.iter().filter_map(|o| o["user"].as_str()).collect())
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap_or(0)).unwrap().max(1)
}

/// Otherwise the properties below say nothing.
#[test]
fn each_basis_is_authorised_in_some_of_the_random_cases() {
    let mut runner = TestRunner::deterministic();
    let mut authorised = std::collections::BTreeMap::new();
    for _ in 0..1500 {
        let made = any_case().new_tree(&mut runner).unwrap().current();
        if made.scene.decide().authorized().is_some() {
            *authorised.entry(made.ask.basis).or_insert(0) += 1;
        }
    }
    assert!(authorised.len() == 5 && authorised.values().all(|n| *n >= 5), "{authorised:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_policy_does_not_list_is_denied(made in any_case(), then: bool) {
        let mut policies = made.policies.clone();
        let name = format!("{}{}", made.ask.basis[..1].to_lowercase(), &made.ask.basis[1..]);
        policies[usize::from(then)]["bases"][name] = Value::Null;
        let scene = made.scene.with_policy(vec![step(BEGAN, &policies[0]), step(CHANGED, &policies[1])]);
        let decision = scene.decide();
        prop_assert_eq!(&decision.verdict, &Verdict::Denied);
        prop_assert!(decision.has(Rule::BasisNotListed));
    }

    #[test]
    fn each_revision_authorises_by_itself(mut made in any_case()) {
        // Only footage that was recorded under custody Owners has shares.
        prop_assume!(made.policies[1]["custody"] == "Vault");
        if made.scene.decide().authorized().is_some() {
            for policy in &made.policies {
                made.scene = made.scene.with_policy(vec![step(BEGAN, policy)]);
                prop_assert!(made.scene.decide().authorized().is_some());
            }
        }
    }

    #[test]
    fn the_requester_does_not_approve(made in any_case()) {
        let before = made.scene.decide();
        prop_assert!(!used(&made, &before).iter().any(|a| a.approver == made.ask.requester && a.release.is_none()));
        let mut more = made.scene.clone();
        for (uid, capacity) in [(700, "Owner"), (701, "Reviewer"), (702, "EmergencyApprover")] {
            more.approvals.push(Answer::to(&more.request, uid, capacity, made.ask.requester).verified());
        }
        prop_assert_eq!(more.decide().verdict, before.verdict);
    }

    #[test]
    fn somebody_else_agrees_to_everything_but_an_owners_own_export(made in any_case()) {
        let decision = made.scene.decide();
        if decision.authorized().is_some() {
            let others = used(&made, &decision).iter().any(|a| a.approver != made.ask.requester);
            prop_assert!(others || made.ask.basis == "OwnerExport");
        }
    }

    #[test]
    fn owners_agree_up_to_each_threshold(made in any_case()) {
        let decision = made.scene.decide();
        if decision.authorized().is_some() && !["CourtOrder", "Emergency"].contains(&made.ask.basis) {
            let mut agreed = people(&used(&made, &decision), "Owner");
            agreed.retain(|who| *who != made.ask.requester);
            if made.ask.basis != "Consent" {
                agreed.push(made.ask.requester);
            }
            for policy in &made.policies {
                let owners = users(&policy["owners"]);
                let count = agreed.iter().filter(|who| owners.contains(who)).count();
                prop_assert!(count >= number(&policy["consentThreshold"]));
            }
        }
    }

    #[test]
    fn an_approval_that_does_not_bind_is_as_good_as_none(made in any_case(), which: prop::sample::Index, how in 0..6) {
        prop_assume!(!made.answers.is_empty());
        let at_ = which.index(made.answers.len());
        let mut without = made.scene.clone();
        without.approvals.remove(at_);
        let mut with = made.scene.clone();
        let mut answer = made.answers[at_].clone();
        match how {
            0 => answer.request = 501,
            1 => answer.digest = format!("sha256:{}", "0".repeat(64)),
            2 => answer.withdrawn = true,
            3 => answer.not_after = "2026-11-02T12:00:00Z",
            4 => answer.namespace = "oak-street",
            _ => { with.log.withdrawn_approvals.insert(camerafleet_footage::ids::ApprovalUid::parse(uuid(answer.uid)).unwrap()); }
        }
        with.approvals[at_] = answer.verified();
        prop_assert_eq!(with.decide().verdict, without.decide().verdict);
    }

    #[test]
    fn an_approval_is_used_once(made in any_case()) {
        if let Some(authorized) = made.scene.decide().authorized() {
            let mut scene = made.scene.clone();
            scene.log.intents = vec![Intent {
                index: 40,
                at: at("2026-11-02T10:00:00Z"),
                request: RequestUid::parse(uuid(501)).unwrap(),
                approvals: authorized.approvals.clone(),
                order: None,
            }];
            let again = scene.decide();
            let alone = made.ask.basis == "OwnerExport";
            prop_assert!(again.authorized().is_none_or(|a| alone && a.approvals.is_disjoint(&authorized.approvals)));
            // The release that used them comes to the same decision, until it has its Outcome.
            scene.log.intents[0].request = made.scene.request.uid().clone();
            scene.log.intents[0].order = authorized.order.clone();
            let mut same = authorized.clone();
            same.continues = Some(40);
            let decision = scene.decide();
            prop_assert_eq!(decision.authorized(), Some(&same));
            scene.log.outcomes.insert(made.scene.request.uid().clone());
            prop_assert!(scene.decide().authorized().is_none());
        }
    }

    #[test]
    fn approvals_only_narrow(made in any_case()) {
        let decision = made.scene.decide();
        if let Some(authorized) = decision.authorized() {
            let late = used(&made, &decision).iter().any(|a| a.window.is_some());
            let from = if late { "2026-11-01T18:30:00Z" } else { WINDOW.0 };
            prop_assert_eq!(authorized.cameras.keys().collect::<Vec<_>>(), [&camera(1)]);
            for release in authorized.cameras.values() {
                prop_assert_eq!((release.window.from(), release.window.to()), (at(from), at(WINDOW.1)));
                prop_assert_eq!(release.policies.len(), if made.policies[0] == made.policies[1] { 1 } else { 2 });
            }
        }
    }

    #[test]
    fn an_order_covers_all_that_is_released(made in any_case()) {
        let decision = made.scene.decide();
        if let (Some(authorized), "CourtOrder") = (decision.authorized(), made.ask.basis) {
            let order = &made.order;
            prop_assert!(order.kind == "Warrant" && order.tenant == 1 && order.signed == crate::support::COURT);
            prop_assert!(order.cameras.contains(&1) && order.window == WINDOW && order.audio >= made.ask.audio);
            prop_assert!(at(order.issued) <= made.scene.now && made.scene.now < at(order.expires));
            prop_assert!(people(&used(&made, &decision), "Reviewer") == [REVIEWER]);
            let mut later = made.scene.clone();
            later.now = at(order.expires);
            prop_assert!(later.decide().authorized().is_none());
            prop_assert!(authorized.order.is_some());
        } else if let Some(authorized) = decision.authorized() {
            prop_assert!(authorized.order.is_none());
        }
    }

    #[test]
    fn sound_needs_someone_who_may_allow_it(made in any_case()) {
        if let Some(authorized) = made.scene.decide().authorized() {
            let allowed = made.policies.iter().all(|p| p["bases"]["consent"]["audio"] == true);
            prop_assert!(!authorized.audio || (made.ask.basis == "Consent" && allowed));
        }
    }

    #[test]
    fn an_emergency_has_each_policys_quorum(made in any_case()) {
        let decision = made.scene.decide();
        if let (Some(authorized), "Emergency") = (decision.authorized(), made.ask.basis) {
            let agreed = people(&used(&made, &decision), "EmergencyApprover");
            for policy in &made.policies {
                let named = users(&policy["bases"]["emergency"]["approvers"]);
                let count = agreed.iter().filter(|who| named.contains(who)).count();
                prop_assert!(count >= number(&policy["bases"]["emergency"]["threshold"]));
            }
            prop_assert!(!agreed.contains(&made.ask.requester));
            prop_assert!(authorized.follow_up_within.is_some());
        }
    }

    #[test]
    fn custody_owners_opens_with_a_threshold_of_shares_and_never_in_secret(made in any_case()) {
        let decision = made.scene.decide();
        let [then, today] = &made.policies;
        if decision.authorized().is_some() {
            if then["custody"] == "Owners" {
                let mut giving = used(&made, &decision);
                giving.retain(|a| a.release.is_some());
                let owners = users(&then["owners"]);
                let count = people(&giving, "Owner").iter().filter(|who| owners.contains(who)).count();
                prop_assert!(count >= number(&then["consentThreshold"]));
            }
            let owners_hold = then["custody"] == "Owners" || today["custody"] == "Owners";
            let secret = made.ask.basis == "CourtOrder" && made.order.nondisclosure.is_some();
            prop_assert!(!(owners_hold && secret));
        }
    }

    #[test]
    fn the_owners_then_and_now_are_told_at_once_unless_an_order_says_when(made in any_case()) {
        if let Some(authorized) = made.scene.decide().authorized() {
            let secret = made.order.nondisclosure.filter(|_| made.ask.basis == "CourtOrder").map(at);
            prop_assert_eq!(authorized.notice.not_before, secret);
            for owner in made.policies.iter().flat_map(|p| users(&p["owners"])) {
                prop_assert!(authorized.notice.owners.iter().any(|o| o.as_str() == owner));
            }
        }
    }

    #[test]
    fn a_hold_decides_nothing(made in any_case()) {
        let mut held = made.scene.clone();
        held.holds = vec![hold(5, false), hold(6, true)];
        let (without, with) = (made.scene.decide(), held.decide());
        prop_assert_eq!(&without.reasons, &with.reasons);
        if let (Some(without), Some(with)) = (without.authorized(), with.authorized()) {
            prop_assert!(with.holds.len() == 2 && without.holds.is_empty());
        }
        prop_assert_eq!(without.authorized().is_some(), with.authorized().is_some());
    }

    #[test]
    fn the_order_of_answers_makes_no_difference(made in any_case(), by in 0..10usize) {
        let mut turned = made.scene.clone();
        let approvals: &mut Vec<Verified<Approval>> = &mut turned.approvals;
        let by = by.min(approvals.len());
        approvals.rotate_left(by);
        turned.policies[0].steps.reverse();
        prop_assert_eq!(turned.decide(), made.scene.decide());
    }

    #[test]
    fn every_decision_says_why(made in any_case()) {
        let decision = made.scene.decide();
        prop_assert!(!decision.reasons.is_empty());
        if decision.verdict == Verdict::Pending {
            let timed = decision.has(Rule::OrderNotYetInForce);
            prop_assert!(timed || decision.needs.iter().any(|n| !n.satisfied()));
        }
    }
}
