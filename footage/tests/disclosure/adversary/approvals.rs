//! By approvals.

use super::*;

#[test]
fn a_replayed_approval() {
    // Of another request, of one that was deleted and made again under the name, and of one with the same content.
    refused(&with_answer(|a| a.request = 501), Rule::ApprovalOfAnotherRequest);
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
        refused(&with_answer(|a| a.capacity = capacity), Rule::ApproverNotNamed);
    }
    // An emergency approver whom the policy names and who is no member any more.
    let mut scene = Scene::granted(&Ask::new("Emergency"));
    scene.members = Members::default();
    refused(&scene.decide(), Rule::ApproverNotNamed);
}

#[test]
fn an_approval_from_another_tenant() {
    refused(&with_answer(|a| a.namespace = "oak-street"), Rule::ApprovalElsewhere);
}

#[test]
fn an_approval_that_lapsed() {
    refused(&with_answer(|a| a.not_after = "2026-11-02T12:00:00Z"), Rule::ApprovalExpired);
    refused(&with_answer(|a| a.withdrawn = true), Rule::ApprovalWithdrawn);
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
    refused(&with_answer(|a| a.cameras = vec![1, 2]), Rule::ApprovalWidens);
    let wider = ("2026-11-01T18:00:00Z", "2026-11-01T19:00:01Z");
    refused(&with_answer(|a| a.window = Some(wider)), Rule::ApprovalWidens);
    let narrower = ("2026-11-01T18:00:00Z", "2026-11-01T18:59:59Z");
    let decision = with_answer(|a| a.window = Some(narrower));
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
