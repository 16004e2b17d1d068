//! Owners' consent, and what is nobody's.

use camerafleet_footage::{
    digest::{hex, sha256},
    disclosure::job::Ending,
    log::{Entry, entry::OutcomeResult},
};
use serde_json::{Value, json};

use crate::{
    cluster::until,
    job::run_job,
    stage::{NAMESPACE, OFFICER, Stage, condition, get, reason, uid},
};

fn policy() -> Value {
    json!({
        "owners": [{"name": "a", "user": "a@example.com"}, {"name": "b", "user": "b@example.com"}],
        "consentThreshold": 1,
        "bases": {"consent": {"maxWindow": "12h", "maxCameras": 4}, "courtOrder": {}},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn police_without_an_order_are_denied_with_the_reason_and_an_owner_who_consents_releases() {
    let stage = Stage::new(policy()).await;
    let cluster = &stage.cluster;

    // No policy turns emergencies on; an owner hears of it, and the way forward is told.
    let emergency = stage.ask("r-1", "Emergency", json!({}));
    let denied = stage.request("r-1", "Denied").await;
    assert_eq!(denied["status"]["decision"]["verdict"], "Denied");
    let rules = denied["status"]["decision"]["reasons"].as_array().unwrap();
    assert!(rules.iter().any(|r| r["rule"] == "BasisNotListed" && r["wayForward"] != ""), "{rules:?}");
    let message = condition(&denied, "Ready").unwrap()["message"].as_str().unwrap();
    assert!(message.contains("court order"), "{message}");
    until("the owner to hear of it", async || {
        (stage.hooks.of(&uid(&emergency)) == ["requested", "denied"]).then_some(())
    })
    .await;
    assert_eq!(stage.hooks.last().unwrap()["data"]["reasons"][0]["rule"], "BasisNotListed");

    // Asked without an order: it waits for one, and nothing else happens.
    stage.ask("r-2", "CourtOrder", json!({"legalOrderRef": {"name": "w-1"}}));
    let waiting = stage.request("r-2", "AwaitingOrder").await;
    assert_eq!(reason(&waiting, "OwnersNotified").as_deref(), Some("NotYetDue"));
    assert!(
        !stage.may("a@example.com", "get", "disclosurerequest/r-2"),
        "an order may forbid to tell owners"
    );

    // Nobody approves in another's name, and the requester not at all.
    let asked = stage.ask("r-3", "Consent", json!({}));
    let seen = stage.request("r-3", "AwaitingApproval").await;
    let message = condition(&seen, "Ready").unwrap()["message"].as_str().unwrap();
    assert!(message.contains("1 of a@example.com, b@example.com: approve as Owner"), "{message}");
    for (who, may) in
        [(OFFICER, true), ("a@example.com", true), ("b@example.com", true), ("c@example.com", false)]
    {
        assert_eq!(stage.may(who, "get", "disclosurerequest/r-3"), may, "{who}");
    }
    assert!(!stage.may("a@example.com", "list", "disclosurerequests"));
    let forged = stage.answer(&seen, "forged", "a@example.com", json!({}));
    for who in [OFFICER, "b@example.com"] {
        let refused = cluster.create_as(who, &forged).unwrap_err();
        assert!(refused.contains("spec.approver") || refused.contains("forbidden"), "{refused}");
    }
    stage.hooks.refuse(1);
    stage.approve(&seen, "yes", "a@example.com", json!({}));

    // Intended before anything is made.
    let name = format!("disclosure-{}", uid(&asked));
    let job = until("the Job", async || get(cluster, "job", &name)).await;
    let told = stage.told_of(&uid(&asked)).await;
    let first: Vec<&str> = told.iter().map(String::as_str).filter(|kind| *kind != "Notice").collect();
    assert_eq!(first, ["Request", "ApprovalSubmitted", "Decision", "Intent", "ApprovalUsed"]);
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "disclosure");
    assert_eq!(pod["containers"][0]["image"], "registry.example.com/camerafleet:v1");
    assert_eq!(pod["containers"][0]["securityContext"]["capabilities"]["drop"], json!(["ALL"]));
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["restartPolicy"], "Never");
    let codes = &job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"];
    assert_eq!(*codes, json!([2, 3]));
    // It reads who decides in its own namespace, by name; no Tenant, and nobody else's.
    let account = format!("system:serviceaccount:{NAMESPACE}:disclosure");
    for (object, may) in [
        ("rolebinding/camerafleet-member-owner", true),
        ("rolebinding/camerafleet-member-reviewer", true),
        ("rolebinding/camerafleet-member-manager", false),
        ("tenant/elm-street", false),
    ] {
        assert_eq!(stage.may(&account, "get", object), may, "{object}");
    }
    let seen = stage.request("r-3", "Packaging").await;
    assert_eq!(reason(&seen, "Authorized").as_deref(), Some("Authorized"));
    assert!(seen["status"]["log"]["intent"].is_u64());
    let approval = until("the approval to be used", async || {
        let seen = get(cluster, "approval", "yes")?;
        (seen["status"]["used"] == true).then_some(seen)
    })
    .await;
    assert_eq!(reason(&approval, "Ready").as_deref(), Some("Used"));

    let summary = run_job(&stage, &asked).await;
    assert_eq!(summary.outcome, Ending::Delivered, "{summary:?}");
    let done = stage.request("r-3", "Delivered").await;
    let package = &done["status"]["package"];
    assert_eq!(package["segments"], 3);
    assert!(package["expiresAt"].as_str().unwrap() > done["metadata"]["creationTimestamp"].as_str().unwrap());
    assert_eq!(done["status"]["decision"]["verdict"], "Authorized");
    let entries = stage.entries().await;
    let delivered = entries.iter().find_map(|entry| match entry {
        Entry::Outcome(outcome) if outcome.request == uid(&asked) => Some(&outcome.result),
        _ => None,
    });
    let Some(OutcomeResult::Delivered { package: logged, .. }) = delivered else { panic!("{entries:?}") };
    assert_eq!(package["sha256"], *logged);

    // Only the requester gets the URL; by it, the package.
    assert!(stage.may(OFFICER, "get", "configmap/package-r-3"));
    for who in ["a@example.com", "reviewer@example.com", "auditor@example.com"] {
        assert!(!stage.may(who, "get", "configmap/package-r-3"), "{who}");
    }
    let map = until("the URL", async || get(cluster, "configmap", "package-r-3")).await;
    let got = reqwest::get(map["data"]["url"].as_str().unwrap()).await.unwrap();
    let bytes = got.error_for_status().unwrap().bytes().await.unwrap();
    assert_eq!(hex(&sha256(&bytes)), *logged);
    let folder = stage.open(&bytes);
    assert!(folder.path().join("manifest.json").exists());
    // A webhook that failed once was tried again.
    until("the owner to be told", async || {
        (stage.hooks.of(&uid(&asked)) == ["requested", "delivered"]).then_some(())
    })
    .await;
    let last = stage.hooks.last().unwrap();
    assert!(last["data"]["log"]["checkpoint"].as_str().unwrap().starts_with("camerafleet.io/"), "{last}");
    let notices = stage.request("r-3", "Delivered").await;
    assert_eq!(reason(&notices, "OwnersNotified").as_deref(), Some("NotReached"), "b has no webhook");
    // The Job's credentials and rights are gone.
    until("what the Job had to go", async || get(cluster, "secret", &name).is_none().then_some(())).await;
    assert!(get(cluster, "role", &name).is_none());

    // The same objects made again are others: what was approved is used.
    cluster.kubectl(&["-n", NAMESPACE, "delete", "disclosurerequest", "r-3", "--timeout=60s"]);
    assert!(cluster.store_keys("footage", &format!("elm-street/{}/packages", stage.tenant)).is_empty());
    let again = stage.ask("r-3", "Consent", json!({}));
    assert_ne!(uid(&again), uid(&asked));
    cluster.kubectl(&["-n", NAMESPACE, "delete", "approval", "yes"]);
    let mut copy = approval.clone();
    copy["metadata"] = json!({"name": "yes", "namespace": NAMESPACE});
    cluster.create_as("a@example.com", &copy).unwrap();
    until("the copy to be refused", async || {
        (reason(&get(cluster, "approval", "yes")?, "Ready")? == "RequestUnknown").then_some(())
    })
    .await;
    stage.request("r-3", "AwaitingApproval").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_withdrawn_before_its_outcome_releases_nothing_and_a_package_expires() {
    let stage = Stage::new(policy()).await;
    let cluster = &stage.cluster;
    let asked = stage.ask("r-1", "Consent", json!({}));
    let seen = stage.request("r-1", "AwaitingApproval").await;
    // An approver takes it back, and gives another.
    stage.approve(&seen, "one", "a@example.com", json!({"decision": "Deny"}));
    until("the refusal to count", async || {
        (reason(&get(cluster, "approval", "one")?, "Ready")? == "Refuses").then_some(())
    })
    .await;
    until("the right to withdraw", async || {
        stage.may("a@example.com", "patch", "approval/one").then_some(())
    })
    .await;
    assert!(!stage.may("b@example.com", "patch", "approval/one"));
    stage.patch_as("a@example.com", "approval", "one", &json!({"spec": {"withdrawn": true}})).unwrap();
    stage.approve(&seen, "two", "a@example.com", json!({}));
    stage.request("r-1", "Packaging").await;
    let name = format!("disclosure-{}", uid(&asked));
    until("the Job", async || get(cluster, "job", &name)).await;
    // The package is made; the requester no longer wants it; then the operator hears of the package.
    stage.patch_as(OFFICER, "disclosurerequest", "r-1", &json!({"spec": {"withdrawn": true}})).unwrap();
    let gone = stage.request("r-1", "Withdrawn").await;
    assert_eq!(gone["status"]["package"], Value::Null);
    let told = stage.told_of(&uid(&asked)).await;
    assert!(
        told.contains(&"RequestWithdrawn".to_owned()) && told.contains(&"Outcome".to_owned()),
        "{told:?}"
    );
    until("the Job to go", async || get(cluster, "job", &name).is_none().then_some(())).await;
    assert!(get(cluster, "configmap", "package-r-1").is_none());

    // Another one, whose package lives for a minute.
    let asked = stage.ask("r-2", "Consent", json!({"expiresAfter": "1m"}));
    let seen = stage.request("r-2", "AwaitingApproval").await;
    // What was given to another request counts for nothing here.
    let mut elsewhere = stage.answer(&seen, "three", "b@example.com", json!({}));
    elsewhere["spec"]["requestDigest"] = format!("sha256:{}", "1".repeat(64)).into();
    cluster.create_as("b@example.com", &elsewhere).unwrap();
    until("it to be refused", async || {
        (reason(&get(cluster, "approval", "three")?, "Ready")? == "ApprovalOfOtherContent").then_some(())
    })
    .await;
    stage.approve(&seen, "four", "b@example.com", json!({}));
    assert_eq!(run_job(&stage, &asked).await.outcome, Ending::Delivered);
    stage.request("r-2", "Delivered").await;
    let packages = format!("elm-street/{}/packages", stage.tenant);
    assert!(!cluster.store_keys("footage", &packages).is_empty());
    stage.request("r-2", "Expired").await;
    until("the package to go", async || cluster.store_keys("footage", &packages).is_empty().then_some(()))
        .await;
    assert!(get(cluster, "configmap", "package-r-2").is_none());
    until("the finalizer to go", async || {
        get(cluster, "disclosurerequest", "r-2")?["metadata"]["finalizers"].is_null().then_some(())
    })
    .await;

    // A policy that comes back after another is in force again, and the log says so.
    for (threshold, revisions) in [(2, 2), (1, 3)] {
        let patch = json!({"spec": {"consentThreshold": threshold}}).to_string();
        cluster.kubectl(&[
            "-n",
            NAMESPACE,
            "patch",
            "sharingpolicy",
            "building",
            "--type=merge",
            "-p",
            &patch,
        ]);
        until("the revision to be logged", async || {
            let entries = stage.entries().await;
            let found = entries.iter().filter(|entry| matches!(entry, Entry::PolicyRevision(_)));
            (found.count() == revisions).then_some(())
        })
        .await;
    }
    // The camera's policy is deleted: its end is logged before it is gone, and footage under none is never disclosed.
    cluster.kubectl(&["-n", NAMESPACE, "delete", "sharingpolicy", "building", "--timeout=60s"]);
    assert!(stage.entries().await.iter().any(|entry| matches!(entry, Entry::PolicyRetired(_))));
    stage.ask("r-4", "Consent", json!({}));
    let denied = stage.request("r-4", "Denied").await;
    assert_eq!(denied["status"]["decision"]["reasons"][0]["rule"], "NoPolicy");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_admission_is_off_nothing_is_authorised_and_what_was_made_then_never_counts() {
    let mut stage = Stage::new(policy()).await;
    stage.ask("r-1", "Consent", json!({}));
    let seen = stage.request("r-1", "AwaitingApproval").await;
    stage.cluster.stop_operator();
    let binding = "validatingadmissionpolicybinding/camerafleet-identity";
    let shipped = stage.cluster.kubectl(&["get", binding, "-o", "json"]);
    stage.cluster.kubectl(&["delete", binding]);
    stage.cluster.operator();
    until("the operator to notice", async || {
        let tenant = stage.cluster.kubectl(&["get", "tenant", "elm-street", "-o", "json"]);
        (reason(&tenant, "AdmissionEnforced")? == "NotEnforced").then_some(())
    })
    .await;
    // An administrator forges an owner's word.
    let forged = stage.answer(&seen, "forged", "a@example.com", json!({}));
    let bytes = forged.to_string().into_bytes();
    until("the forgery to be taken", async || {
        stage.cluster.try_kubectl(&["create", "-f", "-"], Some(&bytes)).ok()
    })
    .await;
    until("it to be noted", async || {
        (reason(&get(&stage.cluster, "approval", "forged")?, "Ready")? == "ApprovalWithdrawn").then_some(())
    })
    .await;
    let mut again = shipped;
    again["metadata"] = json!({"name": "camerafleet-identity", "labels": again["metadata"]["labels"]});
    stage.cluster.apply(&again);
    until("admission to be proved", async || {
        let tenant = stage.cluster.kubectl(&["get", "tenant", "elm-street", "-o", "json"]);
        (reason(&tenant, "AdmissionEnforced")? == "Enforced").then_some(())
    })
    .await;
    stage.cluster.kubectl(&["-n", NAMESPACE, "annotate", "disclosurerequest", "r-1", "wake=1"]);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let seen = stage.request("r-1", "AwaitingApproval").await;
    assert_eq!(seen["status"]["log"], Value::Null);
    // The real owner approves, and it is a release.
    stage.approve(&seen, "real", "a@example.com", json!({}));
    stage.request("r-1", "Packaging").await;
}
