//! Each basis with all that it needs, and with one thing less.

use camerafleet_footage::disclosure::{Action, Rule, Verdict};

use crate::support::{Answer, Ask, OFFICER, OWNER_A, OWNER_B, Scene, asks};

#[test]
fn each_basis_is_authorised_with_all_that_it_needs_and_not_with_one_answer_less() {
    for ask in asks() {
        let scene = Scene::granted(&ask);
        let decision = scene.decide();
        let authorized = decision.authorized().unwrap_or_else(|| panic!("{}: {decision:?}", ask.basis));
        assert_eq!(authorized.cameras.len(), 1);
        assert_eq!(authorized.approvals.len(), scene.approvals.len());
        assert!(decision.needs.iter().all(|n| n.satisfied()), "{decision:?}");
        for missing in 0..scene.approvals.len() {
            let mut scene = scene.clone();
            scene.approvals.remove(missing);
            let decision = scene.decide();
            assert_eq!(decision.verdict, Verdict::Pending, "{}: {decision:?}", ask.basis);
            assert!(decision.needs.iter().any(|n| !n.satisfied()), "{decision:?}");
        }
        assert_ne!(Scene::new(&ask).decide().authorized(), Some(authorized));
    }
}

#[test]
fn needs_name_the_people_who_can_still_do_something() {
    let ask = Ask::new("Consent");
    let mut scene = Scene::granted(&ask);
    scene.approvals.pop();
    let decision = scene.decide();
    let need = decision.needs.iter().find(|n| n.action == Action::Consent).unwrap();
    assert_eq!(need.open.iter().map(|u| u.as_str()).collect::<Vec<_>>(), [OWNER_B]);
    let status = decision.to_status();
    assert_eq!(status.needs[0].who, format!("{OWNER_A}, {OWNER_B}"));
    assert_eq!(status.needs[0].what, format!("approve as Owner ({OWNER_A} has)"));
    assert!(!status.needs[0].satisfied);
    assert_eq!(status.reasons[0].rule, "AwaitingConsent");
    assert_eq!(status.reasons[0].way_forward, Rule::AwaitingConsent.way_forward());
}

#[test]
fn an_owner_who_refuses_makes_consent_impossible_and_a_court_order_the_way_forward() {
    let mut scene = Scene::granted(&Ask::new("Consent"));
    let mut refusal = Answer::to(&scene.request, 603, "Owner", OWNER_B);
    refusal.decision = "Deny";
    scene.approvals.push(refusal.verified());
    let decision = scene.decide();
    assert_eq!(decision.verdict, Verdict::Denied);
    assert!(decision.has(Rule::ConsentImpossible) && decision.has(Rule::ApproverDenied));
    assert!(Rule::ConsentImpossible.way_forward().contains("court order"));
}

#[test]
fn nobody_who_only_asks_is_an_owner() {
    let mut ask = Ask::new("OwnerExport");
    ask.requester = OFFICER;
    let decision = Scene::granted(&ask).decide();
    assert_eq!(decision.verdict, Verdict::Denied);
    assert!(decision.has(Rule::RequesterNotOwner));
}
