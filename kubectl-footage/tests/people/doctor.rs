//! What is missing, seen by people of several roles.

use super::*;

fn line<'s>(said: &'s Said, check: &str) -> &'s str {
    said.out
        .lines()
        .find(|line| line.get(8..).is_some_and(|rest| rest.starts_with(check)))
        .unwrap_or_default()
}

#[tokio::test]
async fn each_role_is_told_what_it_may_and_nobody_is_blamed_for_what_they_may_not_see() {
    let server = shared().await;
    let stage = Stage { server, folder: tempfile::tempdir().unwrap() };
    let said = stage.run("requester", &["doctor"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(line(&said, "cluster").starts_with("ok ") && said.out.contains("Kubernetes v1."), "{said:?}");
    assert!(line(&said, "you").contains("requester, in the namespace elm-street"), "{said:?}");
    for (check, result) in [
        ("clock", "ok "),
        ("api", "ok "),
        ("release", "note "),
        ("operator", "note "),
        ("tenants", "note "),
        ("request", "ok "),
        ("approve, deny", "note "),
        ("order", "ok "),
        ("hold", "note "),
        ("verify-log", "note "),
    ] {
        assert!(line(&said, check).starts_with(result), "{check}: {said:?}");
    }
    let said = stage.run("owner", &["doctor"]).await;
    assert!(line(&said, "approve, deny").starts_with("ok "), "{said:?}");
    let said = stage.run("auditor", &["doctor"]).await;
    assert!(line(&said, "show, pending").contains("every request in elm-street"), "{said:?}");
}

#[tokio::test]
async fn an_administrator_is_told_what_to_do() {
    let server = shared().await;
    let stage = Stage { server, folder: tempfile::tempdir().unwrap() };
    // The chart's Deployment is there, and nothing runs here.
    let said = stage.run("power", &["doctor"]).await;
    assert_eq!(said.code, 6, "{said:?}");
    assert!(
        line(&said, "operator").starts_with("FAILED  operator") && said.out.contains("0 of 2 replicas"),
        "{said:?}"
    );
    assert!(line(&said, "release").starts_with("ok "), "{said:?}");
    let elsewhere = stage.run("power", &["doctor", "--operator-namespace", "elsewhere"]).await;
    assert!(line(&elsewhere, "operator").contains("There is no Deployment"), "{elsewhere:?}");

    let json = stage.run("power", &["doctor", "-o", "json"]).await;
    let report: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(report["healthy"], false);

    // A server that does not answer.
    let mut config = stage.server.kubeconfig(Actor::User("power"), TENANT);
    config["clusters"][0]["cluster"]["server"] =
        json!(format!("https://127.0.0.1:{}", camerafleet_testkit::free_port()));
    let path = stage.folder.path().join("away");
    fs::write(&path, config.to_string()).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_kubectl-footage"));
    program.arg("doctor").arg("--kubeconfig").arg(&path);
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("FAILED  cluster"));
}
