//! A package on a real S3 server, by a URL that the operator signs.

use std::time::Duration;

use camerafleet_testkit::S3;
use object_store::{ObjectStoreExt as _, aws::AmazonS3Builder, path::Path, signer::Signer as _};
use sha2::{Digest as _, Sha256};

use super::*;

const KEY: &str = "elm-street/t-1/packages/r/package.tar.age";

/// The package, and what the operator says of it, for the requester alone.
async fn offer(stage: &Stage, s3: &S3, request: &str, body: &[u8], sha256: &str) {
    let store = AmazonS3Builder::new()
        .with_endpoint(s3.endpoint())
        .with_allow_http(true)
        .with_region(S3::REGION)
        .with_bucket_name("footage")
        .with_access_key_id("root")
        .with_secret_access_key("rootsecret")
        .build()
        .unwrap();
    store.put(&Path::from(KEY), body.to_vec().into()).await.unwrap();
    let url =
        store.signed_url(reqwest::Method::GET, &Path::from(KEY), Duration::from_secs(600)).await.unwrap();
    let name = format!("package-{request}");
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {
        "url": url.to_string(), "key": KEY, "sha256": sha256, "bytes": body.len().to_string(),
    }});
    must(&stage.server, Actor::Administrator, &format!("/api/v1/namespaces/{TENANT}/configmaps"), &map).await;
    let rule =
        json!({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": ["get"]});
    allow(stage, &name, rule, &format!("/api/v1/namespaces/{TENANT}/configmaps/{name}")).await;
}

/// What the operator lets the requester see.
async fn allow(stage: &Stage, name: &str, rule: Value, path: &str) {
    let rbac = |kind: &str| format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{TENANT}/{kind}");
    let role = json!({"metadata": {"name": name}, "rules": [rule]});
    must(&stage.server, Actor::Administrator, &rbac("roles"), &role).await;
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "requester"}],
    });
    must(&stage.server, Actor::Administrator, &rbac("rolebindings"), &binding).await;
    for _ in 0..50 {
        if stage.server.ask(Actor::User("requester"), Method::GET, path, None).await.0 == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the requester cannot see {path}");
}

fn digest(body: &[u8]) -> String {
    format!("sha256:{}", camerafleet_footage::digest::hex(&Sha256::digest(body)))
}

#[tokio::test]
async fn a_package_is_fetched_by_its_requester_and_goes_on_where_it_was_interrupted() {
    let (stage, s3) = (Stage::new("porch").await, S3::start(&["footage"], &[]));
    let body: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    offer(&stage, &s3, "p-1", &body, &digest(&body)).await;
    let part = stage.folder.path().join("package.tar.age.part");
    fs::write(&part, &body[..100_000]).unwrap();
    let said = stage.run("requester", &["fetch", "p-1"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let path = stage.folder.path().join("package.tar.age");
    assert_eq!(fs::read(&path).unwrap(), body);
    assert!(!part.exists());
    assert_eq!(stage.run("requester", &["fetch", "p-1"]).await.code, 2, "it is there already");
    assert_eq!(stage.run("owner", &["fetch", "p-1"]).await.code, 3, "another may not");
}

#[tokio::test]
async fn what_is_not_the_package_is_not_kept_and_no_error_shows_the_url() {
    let (stage, s3) = (Stage::new("shed").await, S3::start(&["footage"], &[]));
    offer(&stage, &s3, "p-2", b"another package", &digest(b"the package")).await;
    let said = stage.run("requester", &["fetch", "p-2"]).await;
    assert_eq!(said.code, 6, "{said:?}");
    assert_eq!(fs::read_dir(stage.folder.path()).unwrap().count(), 1, "the kubeconfig alone");
    drop(s3);
    let away = stage.run("requester", &["fetch", "p-2"]).await;
    assert_eq!(away.code, 5, "{away:?}");
    assert!(!away.err.contains("X-Amz") && !away.err.contains("http"), "{away:?}");
}

#[tokio::test]
async fn a_package_is_waited_for_until_it_is_made_or_nobody_will_make_it() {
    let (stage, s3) = (Stage::new("hatch").await, S3::start(&["footage"], &[]));
    fs::write(stage.folder.path().join("report.txt"), "what happened").unwrap();
    let late = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        offer(&stage, &s3, "p-3", b"the package", &digest(b"the package")).await;
    };
    let (said, ()) = tokio::join!(stage.run("requester", &["fetch", "p-3", "--wait", "1m"]), late);
    assert_eq!(said.code, 0, "{said:?}");

    assert_eq!(stage.request("p-4", "hatch").await.code, 0);
    let ready = json!({"type": "Ready", "status": "False", "reason": "Denied", "message": "No policy allows it.",
        "lastTransitionTime": "2026-11-25T12:00:00Z"});
    let path = api("disclosurerequests/p-4");
    let status = json!({"status": {"conditions": [ready]}});
    let told =
        stage.server.ask(Actor::OPERATOR, Method::PATCH, &format!("{path}/status"), Some(&status)).await;
    assert_eq!(told.0, 200, "{told:?}");
    let rule = json!({"apiGroups": ["camerafleet.io"], "resources": ["disclosurerequests"],
        "resourceNames": ["p-4"], "verbs": ["get"]});
    allow(&stage, "see-p-4", rule, &path).await;
    let said = stage.run("requester", &["fetch", "p-4", "--wait", "1m"]).await;
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.err.contains("No policy allows it."), "{said:?}");
}
