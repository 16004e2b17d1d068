//! Our own kinds: who asks, who approves, and what is whose (camerafleet-identity, camerafleet-id).

use serde_json::{Value, json};

use super::{
    super::{fixtures::must, server::shared},
    *,
};

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
const ID: &str = "00000000-0000-0000-0000-000000000000";
const RECIPIENT: &str = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";

fn request(name: &str, user: &str) -> Value {
    json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": "DisclosureRequest", "metadata": {"name": name}, "spec": {
        "requester": {"user": user},
        "cameras": [{"name": "door", "id": ID}],
        "window": {"from": "2026-11-01T10:00:00Z", "to": "2026-11-01T11:00:00Z"},
        "basis": "SubjectAccess",
        "recipient": RECIPIENT,
    }})
}

fn approval(name: &str, user: &str) -> Value {
    json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": "Approval", "metadata": {"name": name}, "spec": {
        "requestRef": {"name": "r-1", "uid": ID},
        "requestDigest": DIGEST,
        "approver": user,
        "capacity": "Owner",
        "decision": "Approve",
        "notAfter": "2026-12-01T00:00:00Z",
    }})
}

fn camera(name: &str) -> Value {
    json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": "Camera", "metadata": {"name": name},
        "spec": {"source": {"url": "rtsp://198.51.100.7/stream"}}})
}

fn tenant(name: &str) -> Value {
    json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": {
        "namespace": name,
        "storage": {"s3": {"endpoint": "https://s3.example.com", "bucket": "footage", "credentials": {
            "ingest": {"name": "i"}, "retention": {"name": "r"}, "disclosure": {"name": "d"}}}},
        "cameraNetworks": ["198.51.100.0/24"],
    }})
}

#[tokio::test]
async fn who_asks_and_who_approves_is_who_is_logged_in() {
    let server = shared().await;
    must(&server, POWER, &fleet("disclosurerequests"), &request("mine", "power")).await;
    must(&server, POWER, &fleet("approvals"), &approval("mine", "power")).await;
    let refused = Refused("camerafleet-identity");
    let (requests, approvals) = (fleet("disclosurerequests"), fleet("approvals"));
    let withdraw = json!({"spec": {"withdrawn": true}});
    let mut cases = vec![
        create("one's own request", Actor::User("requester"), &requests, request("r", "requester"), Passes),
        create("another's request", Actor::User("requester"), &requests, request("r", "owner"), refused),
        create("another's request", ADMINISTRATOR, &requests, request("r", "requester"), refused),
        create("another's request", OPERATOR, &requests, request("r", "requester"), Reaches(403)),
        create("one's own request", ADMINISTRATOR, &requests, request("r", "root"), Passes),
        create("one's own approval", Actor::User("owner"), &approvals, approval("a", "owner"), Passes),
        create("another's approval", Actor::User("reviewer"), &approvals, approval("a", "owner"), refused),
        create("another's approval", ADMINISTRATOR, &approvals, approval("a", "owner"), refused),
    ];
    for path in [format!("{requests}/mine"), format!("{approvals}/mine")] {
        cases.extend([
            patch("withdraw one's own", POWER, &path, withdraw.clone(), Passes),
            patch("withdraw another's", ADMINISTRATOR, &path, withdraw.clone(), refused),
            patch(
                "give the id",
                ADMINISTRATOR,
                &path,
                annotated("mine", json!({"camerafleet.io/id": ID})),
                Passes,
            ),
            patch(
                "a label on another's",
                ADMINISTRATOR,
                &path,
                json!({"metadata": {"labels": {"a": "b"}}}),
                Passes,
            ),
        ]);
    }
    check(&server, cases).await;
}

#[tokio::test]
async fn the_id_is_the_operators_and_an_administrators_who_restores() {
    let server = shared().await;
    must(&server, POWER, &fleet("cameras"), &camera("door")).await;
    must(
        &server,
        ADMINISTRATOR,
        &fleet("cameras"),
        &and(camera("marked"), annotated("marked", json!({"camerafleet.io/id": ID}))),
    )
    .await;
    must(&server, ADMINISTRATOR, "/apis/camerafleet.io/v1alpha1/tenants", &tenant("oak")).await;
    let refused = Refused("camerafleet-id");
    let id = |value: Value| json!({"metadata": {"annotations": {"camerafleet.io/id": value}}});
    let backup = Actor::Account(OTHER, "backup");
    let (cameras, door, marked) = (fleet("cameras"), fleet("cameras/door"), fleet("cameras/marked"));
    let oak = "/apis/camerafleet.io/v1alpha1/tenants/oak";
    let elsewhere = format!("/api/v1/namespaces/{OTHER}");
    let mut cases = vec![
        create("without an id", Actor::User("manager"), &cameras, camera("new"), Passes),
        create("with an id", Actor::User("manager"), &cameras, and(camera("new"), id(ID.into())), refused),
        create("restore", ADMINISTRATOR, &cameras, and(camera("new"), id(ID.into())), Passes),
        patch("set", OPERATOR, &door, id(ID.into()), Passes),
        patch("set", POWER, &door, id(ID.into()), refused),
        patch("set", IMPOSTOR, &door, id(ID.into()), refused),
        patch("set", controller("generic-garbage-collector"), &door, id(ID.into()), refused),
        patch("set", ADMINISTRATOR, &door, id(ID.into()), Passes),
        patch("change", POWER, &marked, id("other".into()), refused),
        patch("remove", POWER, &marked, id(Value::Null), refused),
        patch("another annotation", POWER, &marked, annotated("marked", json!({"a": "b"})), Passes),
        patch("a tenant's", POWER, oak, id(ID.into()), refused),
        patch("a tenant's", backup, oak, id(ID.into()), Passes),
        patch("a namespace's", POWER, &elsewhere, id(ID.into()), refused),
        patch("a namespace's by its status", POWER, &format!("{elsewhere}/status"), id(ID.into()), refused),
        patch("a namespace's", ADMINISTRATOR, &elsewhere, id(ID.into()), Passes),
    ];
    for (plural, object) in every_kind() {
        let path = if plural == "tenants" {
            "/apis/camerafleet.io/v1alpha1/tenants".to_owned()
        } else {
            fleet(plural)
        };
        cases.push(create(plural, POWER, &path, object.clone(), Passes));
        cases.push(create(plural, POWER, &path, and(object, id(ID.into())), refused));
    }
    check(&server, cases).await;
}

/// Metadata does not change by a custom resource's status.
#[tokio::test]
async fn the_id_is_not_set_by_way_of_the_status() {
    let server = shared().await;
    must(&server, POWER, &fleet("cameras"), &camera("porch")).await;
    let change =
        json!({"metadata": {"annotations": {"camerafleet.io/id": ID}}, "status": {"shard": "ingest-0"}});
    let path = fleet("cameras/porch/status");
    let (code, answer) = server.ask(POWER, Method::PATCH, &path, Some(&change)).await;
    assert_eq!(code, 200, "{answer}");
    assert_eq!(answer["status"]["shard"], "ingest-0");
    assert_eq!(answer["metadata"]["annotations"], Value::Null);
}

/// A valid object of each kind, as `power` may make it.
fn every_kind() -> [(&'static str, Value); 8] {
    let object = |kind: &str, spec: Value| json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": kind, "metadata": {"name": "any"}, "spec": spec});
    let window = json!({"from": "2026-11-01T10:00:00Z", "to": "2026-11-01T11:00:00Z"});
    let key = format!("ssh-ed25519 {}", "A".repeat(68));
    let signature = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n";
    [
        ("tenants", tenant("any")),
        ("cameras", camera("any")),
        ("retentionpolicies", object("RetentionPolicy", json!({"keepFor": "1d"}))),
        (
            "sharingpolicies",
            object(
                "SharingPolicy",
                json!({"owners": [{"name": "a", "user": "a", "sshPublicKey": key}], "bases": {}}),
            ),
        ),
        (
            "legalholds",
            object(
                "LegalHold",
                json!({"allCameras": true, "window": window, "duration": "2160h", "reference": {"kind": "LegalOrder", "name": "po-17"}}),
            ),
        ),
        ("disclosurerequests", request("any", "power")),
        ("approvals", approval("any", "power")),
        (
            "legalorders",
            object(
                "LegalOrder",
                json!({
                    "kind": "Warrant", "authority": "court", "court": "court", "docket": "1",
                    "issuedAt": "2026-11-01T00:00:00Z", "expiresAt": "2026-12-01T00:00:00Z",
                    "scope": {"tenant": ID, "cameras": [{"name": "door", "id": ID}], "window": window, "audio": false},
                    "documentDigest": DIGEST, "signature": signature,
                }),
            ),
        ),
    ]
}
