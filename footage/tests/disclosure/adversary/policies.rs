//! By changing policies, owners and keys.

use super::*;

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
