//! When nothing is opened, and why.

use camerafleet_footage::{
    disclosure::job::{Ending, RunSummary},
    log::{LOG_KEY, entry},
};
use serde_json::json;

use crate::stage::*;

/// Nothing was packed, and the summary names the reason.
async fn refuses(stage: &Stage, case: &str, reason: &str) {
    let summary = stage.run().await;
    assert_eq!((summary.outcome, summary.reason.as_str()), (Ending::Refused, reason), "{case}: {summary:?}");
    assert!(summary.package.is_none());
    assert_eq!(stage.packages(), [""; 0], "{case}");
    assert_eq!(jobs::disclosure::exit_code(summary.outcome), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_proven_intent_of_this_request_nothing_is_opened() {
    let mut stage = Stage::new(&Script::default()).await;
    let intent = stage.intent;
    for (case, index) in [("a decision's index", intent - 1), ("no such entry", intent + 7), ("the first", 0)]
    {
        stage.intent = index;
        refuses(&stage, case, "NotIntended").await;
    }
    let other = entry::Intent {
        request: "another".into(),
        request_digest: String::new(),
        decision: 0,
        cameras: vec![camera()],
        from: after(1),
        to: after(11),
        audio: false,
        form: "Clip".into(),
        recipient: stage.identity.to_public().to_string(),
    };
    stage.intent = stage.log(vec![("intent/other", after(4_300), other.clone().into())]).await[0];
    refuses(&stage, "another request's", "NotIntended").await;
    // A second Intent of this request is nobody's.
    let second = entry::Intent { request: REQUEST.into(), ..other };
    stage.intent = stage.log(vec![("intent/2", after(4_300), second.into())]).await[0];
    refuses(&stage, "a second one", "OtherThanIntended").await;
    stage.intent = intent;
    assert_eq!(stage.run().await.outcome, Ending::Delivered);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_request_is_not_answered_again() {
    let stage = Stage::new(&Script::default()).await;
    let result = entry::OutcomeResult::Failed { reason: "no".into() };
    let outcome = entry::Outcome { request: REQUEST.into(), intent: stage.intent, result };
    stage.log(vec![("outcome/1", after(4_400), outcome.into())]).await;
    refuses(&stage, "an outcome", "OutcomeExists").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_another_key_authorises_nothing() {
    let stage = Stage::new(&Script::default()).await;
    let config = json!({"deletion_allowed": true});
    stage.bao.must("POST", &format!("{MOUNT}/keys/{LOG_KEY}/config"), config).await;
    stage.root.delete_key(MOUNT, LOG_KEY).await.unwrap();
    stage.root.create_signing_key(MOUNT, LOG_KEY).await.unwrap();
    refuses(&stage, "another key", "LogUnproven").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_objects_count_only_as_they_were_submitted() {
    let stage = Stage::new(&Script::default()).await;
    let original = stage.live();
    type Change = fn(&mut jobs::disclosure::Live);
    let cases: [(&str, Change, &str); 8] = [
        ("the request is gone", |live| live.request = None, "NotOurRequest"),
        (
            "it was made again under the name",
            |live| live.request.as_mut().unwrap()["metadata"]["uid"] = "other".into(),
            "NotOurRequest",
        ),
        (
            "it was edited",
            |live| live.request.as_mut().unwrap()["spec"]["recipient"] = "age1other".into(),
            "NotOurRequest",
        ),
        (
            "it was withdrawn",
            |live| live.request.as_mut().unwrap()["spec"]["withdrawn"] = true.into(),
            "NotAuthorized",
        ),
        ("the approval is gone", |live| live.approvals.clear(), "NotAuthorized"),
        (
            "the approval is another's now",
            |live| live.approvals[0]["spec"]["approver"] = "b@example.com".into(),
            "NotAuthorized",
        ),
        (
            "the approval was withdrawn",
            |live| live.approvals[0]["spec"]["withdrawn"] = true.into(),
            "NotAuthorized",
        ),
        (
            "the policy is stricter now",
            |live| live.policies[0]["spec"]["consentThreshold"] = 2.into(),
            "NotAuthorized",
        ),
    ];
    for (case, change, reason) in cases {
        stage.change(change);
        refuses(&stage, case, reason).await;
        stage.change(|live| *live = original.clone());
    }
    // One that nobody has seen being submitted counts for nothing.
    stage.change(|live| {
        let extra = approval(live.request.as_ref().unwrap(), 601, "b@example.com", None);
        live.approvals = vec![extra];
    });
    refuses(&stage, "an approval that the log does not know", "NotAuthorized").await;
    stage.change(|live| *live = original.clone());
    assert_eq!(stage.run().await.outcome, Ending::Delivered);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_in_the_log_counts_before_the_outcome() {
    let stage = Stage::new(&Script::default()).await;
    let approval = stage.live().approvals[0]["metadata"]["uid"].as_str().unwrap().to_owned();
    let gone = entry::ApprovalWithdrawn { approval, request: REQUEST.into() };
    stage.log(vec![("approval-withdrawn/1", after(4_500), gone.into())]).await;
    refuses(&stage, "an approval taken back", "NotAuthorized").await;
    let stage = Stage::new(&Script::default()).await;
    let gone = entry::RequestWithdrawn { request: REQUEST.into() };
    stage.log(vec![("request-withdrawn/1", after(4_500), gone.into())]).await;
    refuses(&stage, "a request taken back", "NotAuthorized").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn footage_under_a_policy_that_was_not_decided_on_is_not_released() {
    let stage = Stage::new(&Script { sealed_under: Some([9; 32]), ..Script::default() }).await;
    refuses(&stage, "another digest", "PolicyNotDecided").await;
    let stage = Stage::new(&Script { sealed_under: Some([0; 32]), ..Script::default() }).await;
    refuses(&stage, "no policy", "PolicyNotDecided").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_says_something_else_is_not_carried_out() {
    let mut stage = Stage::new(&Script { approved: false, ..Script::default() }).await;
    stage.change(|live| {
        let approval = approval(live.request.as_ref().unwrap(), 600, "a@example.com", None);
        live.approvals.push(approval);
    });
    stage.see_approvals().await;
    stage.decide_and_intend(&Script { window: (1, 12), ..Script::default() }).await;
    refuses(&stage, "a longer window", "OtherThanIntended").await;
}

/// A policy in the store's hands alone: the log must have it, and under the camera.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_does_not_say_is_no_policy() {
    let stage = Stage::new(&Script::default()).await;
    let retired = entry::PolicyRetired { policy: POLICY.into() };
    stage.log(vec![("policy-retired/sp-1", after(4_600), retired.into())]).await;
    refuses(&stage, "a policy that is gone", "NotAuthorized").await;
    let stage = Stage::new(&Script::default()).await;
    let none = entry::CameraPolicy { camera: camera(), policy: None };
    stage.log(vec![("camera-policy/c-1/2", after(4_600), none.into())]).await;
    refuses(&stage, "a camera that has none now", "NotAuthorized").await;
}

/// The API server's word alone loosens nothing: the log has the revision first.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_looser_than_the_log_has_it_helps_nobody() {
    let mut strict = policy();
    strict["consentThreshold"] = 2.into();
    let stage = Stage::new(&Script { policy: strict, ..Script::default() }).await;
    refuses(&stage, "one of two", "NotAuthorized").await;
    stage.change(|live| live.policies[0]["spec"]["consentThreshold"] = 1.into());
    refuses(&stage, "one of one at the API server", "NotAuthorized").await;
    // And when it is logged now, those at the time of recording count on.
    stage.log(vec![("policy-revision/sp-1/2", after(4_700), revision(&policy()))]).await;
    refuses(&stage, "one of one from now on", "NotAuthorized").await;
}

#[test]
fn a_pod_without_its_files_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&[][..], &["prepare"]] {
        let log = folder.path().join("termination-log");
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_disclosure"));
        program.args(command).arg("--config").arg(folder.path().join("none.json"));
        let status =
            program.arg("--termination-log").arg(&log).stdout(std::process::Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(2), "{command:?}");
        let summary: RunSummary = serde_json::from_slice(&std::fs::read(&log).unwrap()).unwrap();
        assert_eq!((summary.outcome, summary.reason.as_str()), (Ending::Refused, "Misconfigured"));
        assert!(summary.message.contains("none.json"), "{}", summary.message);
    }
}
