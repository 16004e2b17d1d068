//! Courts' orders: one that may not be told yet, and one that must follow an emergency.

use std::{fs, path::PathBuf, process::Command};

use camerafleet_footage::disclosure::{Frozen, Logged, ORDER_NAMESPACE, job::Ending};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    cluster::until,
    job::run_job,
    stage::{NAMESPACE, OFFICER, Stage, get, reason, second, uid},
};

/// An authority with its key.
struct Court(tempfile::TempDir);

impl Court {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-N", "", "-C", "", "-t", "ed25519", "-f"]).arg(folder.path().join("key"));
        assert!(keygen.status().unwrap().success());
        Self(folder)
    }

    fn public(&self) -> String {
        fs::read_to_string(self.0.path().join("key.pub")).unwrap().trim().to_owned()
    }

    /// Signs the order as the API server will store it.
    fn sign(&self, order: &mut Value) {
        order["metadata"]["uid"] = "u-1".into();
        let frozen = Frozen::read("LegalOrder", order, Logged { index: 0, at: Timestamp::now() }).unwrap();
        let message: PathBuf = self.0.path().join("message");
        fs::write(&message, frozen.signed_bytes(&["signature"])).unwrap();
        let _ = fs::remove_file(self.0.path().join("message.sig"));
        let mut sign = Command::new("ssh-keygen");
        sign.args(["-q", "-Y", "sign", "-n", ORDER_NAMESPACE, "-f"])
            .arg(self.0.path().join("key"))
            .arg(&message);
        assert!(sign.status().unwrap().success());
        order["spec"]["signature"] = fs::read_to_string(self.0.path().join("message.sig")).unwrap().into();
        order["metadata"].as_object_mut().unwrap().remove("uid");
    }
}

fn order(stage: &Stage, name: &str, more: Value) -> Value {
    let now = second(Timestamp::now());
    let mut order = json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalOrder",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "kind": "Warrant", "authority": "district-court", "court": "District Court", "docket": "88",
            "issuedAt": now - SignedDuration::from_hours(1), "expiresAt": now + SignedDuration::from_hours(5),
            "scope": {
                "tenant": stage.tenant, "cameras": [{"name": "door-1", "id": stage.camera}], "audio": false,
                "window": {"from": stage.began, "to": stage.began + SignedDuration::from_mins(1)},
            },
            "documentDigest": format!("sha256:{}", "0".repeat(64)),
        },
    });
    for (key, value) in more.as_object().unwrap() {
        order["spec"][key] = value.clone();
    }
    order
}

fn policy(court: &Court) -> Value {
    json!({
        "owners": [{"name": "a", "user": "a@example.com"}],
        "bases": {
            "courtOrder": {"reviewers": 1, "minAuthorityAge": "1s"},
            "emergency": {
                "approvers": [{"user": "a@example.com"}, {"user": "reviewer@example.com"}],
                "threshold": 2, "maxWindow": "2h", "followUpWithin": "1m",
            },
        },
        "trustedAuthorities": [{"name": "district-court", "sshPublicKey": court.public()}],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warrant_that_may_not_be_told_is_told_by_itself_at_its_date_and_nothing_shows_before() {
    let (court, stranger) = (Court::new(), Court::new());
    let stage = Stage::new(policy(&court)).await;
    let cluster = &stage.cluster;
    let asked = stage.ask("r-1", "CourtOrder", json!({"legalOrderRef": {"name": "w-1"}}));
    stage.request("r-1", "AwaitingOrder").await;

    let mut other = order(&stage, "w-0", json!({}));
    stranger.sign(&mut other);
    cluster.create_as(OFFICER, &other).unwrap();
    until("the stranger's order to be refused", async || {
        let seen = get(cluster, "legalorder", "w-0")?;
        (reason(&seen, "Ready")? == "AuthorityUnknown" && seen["status"]["verified"] == false).then_some(())
    })
    .await;

    let until_then = second(Timestamp::now()) + SignedDuration::from_secs(75);
    let mut warrant = order(&stage, "w-1", json!({"nondisclosureUntil": until_then}));
    court.sign(&mut warrant);
    cluster.create_as(OFFICER, &warrant).unwrap();
    let seen = until("the warrant to be verified", async || {
        let seen = get(cluster, "legalorder", "w-1")?;
        (reason(&seen, "Ready")? == "Verified").then_some(seen)
    })
    .await;
    assert_eq!(seen["status"]["verified"], true);
    let seen = stage.request("r-1", "AwaitingApproval").await;
    stage.approve(&seen, "lawful", "reviewer@example.com", json!({"capacity": "Reviewer"}));
    stage.request("r-1", "Packaging").await;
    assert_eq!(run_job(&stage, &asked).await.outcome, Ending::Delivered);
    let done = stage.request("r-1", "Delivered").await;
    assert_eq!(done["status"]["noticeNotBefore"], json!(until_then));
    assert_eq!(reason(&done, "OwnersNotified").as_deref(), Some("NotYetDue"));
    assert_eq!(done["status"]["notices"], Value::Null);
    let hidden = |stage: &Stage| {
        stage.hooks.of(&uid(&asked)).is_empty() && !stage.may("a@example.com", "get", "disclosurerequest/r-1")
    };
    assert!(hidden(&stage), "{:?}", stage.hooks.last());
    let told = stage.told_of(&uid(&asked)).await;
    assert!(!told.contains(&"Notice".to_owned()) && told.contains(&"NoticeDelayed".to_owned()), "{told:?}");
    while Timestamp::now() < until_then {
        assert!(hidden(&stage) || Timestamp::now() >= until_then);
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    until("the owner to be told", async || (stage.hooks.of(&uid(&asked)) == ["delivered"]).then_some(()))
        .await;
    until("the owner to see it", async || {
        stage.may("a@example.com", "get", "disclosurerequest/r-1").then_some(())
    })
    .await;
    until("it to be said", async || {
        let seen = get(cluster, "disclosurerequest", "r-1")?;
        (reason(&seen, "OwnersNotified")? == "Notified").then_some(())
    })
    .await;
    assert!(stage.told_of(&uid(&asked)).await.contains(&"Notice".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_needs_its_quorum_and_is_overdue_until_its_order_follows() {
    let court = Court::new();
    let stage = Stage::new(policy(&court)).await;
    let cluster = &stage.cluster;
    let asked = stage.ask("r-1", "Emergency", json!({}));
    let seen = stage.request("r-1", "AwaitingApproval").await;
    stage.approve(&seen, "one", "a@example.com", json!({"capacity": "EmergencyApprover"}));
    until("one to count", async || {
        (reason(&get(cluster, "approval", "one")?, "Ready")? == "Counted").then_some(())
    })
    .await;
    assert_eq!(
        reason(&stage.request("r-1", "AwaitingApproval").await, "Authorized").as_deref(),
        Some("Pending")
    );
    stage.approve(&seen, "two", "reviewer@example.com", json!({"capacity": "EmergencyApprover"}));
    stage.request("r-1", "Packaging").await;
    assert_eq!(run_job(&stage, &asked).await.outcome, Ending::Delivered);
    let done = stage.request("r-1", "Delivered").await;
    assert_eq!(reason(&done, "FollowedUp").as_deref(), Some("Due"));
    until("it to be overdue", async || {
        let seen = get(cluster, "disclosurerequest", "r-1")?;
        (reason(&seen, "FollowedUp")? == "Overdue").then_some(())
    })
    .await;
    until("the metrics to say so", async || {
        let metrics = reqwest::get(cluster.metrics()).await.ok()?.text().await.ok()?;
        let lines = [
            "camerafleet_disclosure_follow_ups_overdue 1",
            "camerafleet_disclosure_requests{basis=\"Emergency\",state=\"Delivered\"} 1",
        ];
        lines.iter().all(|line| metrics.contains(line)).then_some(())
    })
    .await;
    let follows = json!({"requestRef": {"name": "r-1", "uid": uid(&asked)}});
    let mut warrant = order(&stage, "w-1", follows);
    court.sign(&mut warrant);
    cluster.create_as(OFFICER, &warrant).unwrap();
    until("the order to arrive", async || {
        let seen = get(cluster, "disclosurerequest", "r-1")?;
        (reason(&seen, "FollowedUp")? == "Arrived").then_some(())
    })
    .await;
    assert!(stage.told_of(&uid(&asked)).await.contains(&"FollowedUp".to_owned()));
    assert_eq!(stage.hooks.of(&uid(&asked)), ["requested", "delivered"]);
}
