//! Each command as a person runs it, under the role that it is meant for, against a real API server with the charts.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code, reason = "the operator's tests use more of it")]
#[path = "../../../operator/tests/admission/fixtures.rs"]
mod fixtures;
#[allow(dead_code, reason = "the operator's tests use more of it")]
#[path = "../../../operator/tests/admission/server.rs"]
mod server;

mod audit;
mod doctor;
mod fetch;
#[allow(dead_code, reason = "the tests of packages use more of it")]
#[path = "../evidence/ledger.rs"]
mod ledger;
mod report;

use std::{fs, path::Path, process::Command, sync::Arc};

use reqwest::Method;
use serde_json::{Value, json};

use fixtures::{TENANT, must};
use server::{Actor, Server, shared};

const ID: &str = "3f0c2a52-7f3e-4a51-9d27-6a1f0a8e5b11";
const RECIPIENT: &str = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";
const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn api(rest: &str) -> String {
    format!("/apis/camerafleet.io/v1alpha1/namespaces/{TENANT}/{rest}")
}

/// What a command ended with, and said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

struct Stage {
    server: Arc<Server>,
    folder: tempfile::TempDir,
}

impl Stage {
    /// With a camera of this name.
    async fn new(camera: &str) -> Self {
        let server = shared().await;
        let spec = json!({"source": {"url": "rtsp://198.51.100.7/stream"}});
        let object = json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": "Camera",
            "metadata": {"name": camera, "annotations": {"camerafleet.io/id": ID}}, "spec": spec});
        must(&server, Actor::Administrator, &api("cameras"), &object).await;
        Self { server, folder: tempfile::tempdir().unwrap() }
    }

    async fn run(&self, user: &'static str, arguments: &[&str]) -> Said {
        let path = self.folder.path().join(format!("{user}.kubeconfig"));
        fs::write(&path, self.server.kubeconfig(Actor::User(user), TENANT).to_string()).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_kubectl-footage"));
        program.args(arguments).arg("--kubeconfig").arg(path).current_dir(self.folder.path());
        let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    async fn get(&self, path: &str) -> Value {
        let (code, found) = self.server.ask(Actor::Administrator, Method::GET, &api(path), None).await;
        assert_eq!(code, 200, "{found}");
        found
    }

    /// The operator takes a request up: it tells its digest and what is missing, and who may see it.
    async fn take_up(&self, request: &str, digest: Option<&str>) {
        let found = self.get(&format!("disclosurerequests/{request}")).await;
        let computed = camerafleet_footage::disclosure::Frozen::read(
            "DisclosureRequest",
            &found,
            camerafleet_footage::disclosure::Logged { index: 0, at: jiff::Timestamp::UNIX_EPOCH },
        );
        let computed = computed.unwrap().digest("DisclosureRequest").to_string();
        let status = json!({"status": {"digest": digest.unwrap_or(&computed), "decision": {
            "verdict": "Pending", "reasons": [],
            "needs": [{"who": "owner", "what": "approve", "satisfied": false}],
        }}});
        let path = api(&format!("disclosurerequests/{request}/status"));
        let (code, said) = self.server.ask(Actor::OPERATOR, Method::PATCH, &path, Some(&status)).await;
        assert_eq!(code, 200, "{said}");
        for (name, rule) in [
            (
                format!("see-{request}"),
                json!({"apiGroups": ["camerafleet.io"], "resources": ["disclosurerequests"], "resourceNames": [request], "verbs": ["get"]}),
            ),
            (
                format!("withdraw-{request}"),
                json!({"apiGroups": ["camerafleet.io"], "resources": ["approvals"], "verbs": ["patch"]}),
            ),
        ] {
            let rbac = |kind: &str| format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{TENANT}/{kind}");
            let role = json!({"metadata": {"name": name}, "rules": [rule]});
            must(&self.server, Actor::Administrator, &rbac("roles"), &role).await;
            let binding = json!({
                "metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "owner"}],
            });
            must(&self.server, Actor::Administrator, &rbac("rolebindings"), &binding).await;
        }
        // RBAC learns of it by a watch.
        for _ in 0..50 {
            let path = api(&format!("disclosurerequests/{request}"));
            if self.server.ask(Actor::User("owner"), Method::GET, &path, None).await.0 == 200 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the owner cannot see {request}");
    }

    async fn request(&self, name: &str, camera: &str) -> Said {
        self.run(
            "requester",
            &[
                "request",
                name,
                "--camera",
                camera,
                "--from",
                "2026-11-01T10:00:00Z",
                "--to",
                "2026-11-01T11:00:00Z",
                "--basis",
                "consent",
                "--recipient",
                RECIPIENT,
                "--case",
                "7",
                "--organisation",
                "Police",
                "--callback",
                "+1 555 0100",
                "--purpose",
                "report.txt",
            ],
        )
        .await
    }
}

#[tokio::test]
async fn an_officer_asks_and_an_owner_agrees_and_takes_it_back() {
    let stage = Stage::new("door").await;
    fs::write(stage.folder.path().join("report.txt"), "what happened").unwrap();
    let said = stage.request("r-1", "door").await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("next:  kubectl footage show r-1 -n elm-street"), "{said:?}");
    let spec = stage.get("disclosurerequests/r-1").await["spec"].clone();
    assert_eq!(spec["requester"]["user"], "requester");
    assert_eq!(spec["cameras"], json!([{"name": "door", "id": ID}]));
    assert!(spec["purposeDigest"].as_str().unwrap().starts_with("sha256:"));

    // Before the operator has seen it there is nothing to agree to, and nobody else may look.
    assert_eq!(stage.run("owner", &["approve", "r-1", "--yes"]).await.code, 3);
    stage.take_up("r-1", None).await;
    let pending = stage.run("owner", &["pending"]).await;
    assert!(pending.out.contains("r-1") && pending.out.contains("owner: approve"), "{pending:?}");

    // Without a yes nothing is answered.
    let unanswered = stage.run("owner", &["approve", "r-1"]).await;
    assert_eq!(unanswered.code, 2, "{unanswered:?}");
    assert!(unanswered.err.contains("Police, to be called back at +1 555 0100"), "{unanswered:?}");
    let json =
        stage.run("owner", &["approve", "r-1", "--yes", "--to", "2026-11-01T10:30:00Z", "-o", "json"]).await;
    assert_eq!(json.code, 0, "{json:?}");
    let made: Value = serde_json::from_str(&json.out).unwrap();
    let spec = &made["spec"];
    assert_eq!(
        (&spec["approver"], &spec["capacity"], &spec["decision"]),
        (&json!("owner"), &json!("Owner"), &json!("Approve"))
    );
    assert_eq!(spec["requestDigest"], stage.get("disclosurerequests/r-1").await["status"]["digest"]);
    assert_eq!(
        spec["narrowTo"]["window"],
        json!({"from": "2026-11-01T10:00:00Z", "to": "2026-11-01T10:30:00Z"})
    );

    let back = stage.run("owner", &["withdraw", "r-1"]).await;
    assert_eq!(back.code, 0, "{back:?}");
    let name = made["metadata"]["name"].as_str().unwrap();
    assert_eq!(stage.get(&format!("approvals/{name}")).await["spec"]["withdrawn"], true);
    // Another answer has a name of its own.
    let denied = stage.run("owner", &["deny", "r-1", "--yes"]).await;
    assert_eq!(denied.code, 0, "{denied:?}");
    assert_eq!(stage.get(&format!("approvals/{name}-2")).await["spec"]["decision"], "Deny");
}

#[tokio::test]
async fn an_answer_is_to_what_was_shown_and_to_nothing_else() {
    let stage = Stage::new("gate").await;
    fs::write(stage.folder.path().join("report.txt"), "what happened").unwrap();
    assert_eq!(stage.request("r-2", "gate").await.code, 0);
    stage.take_up("r-2", Some(DIGEST)).await;
    let said = stage.run("owner", &["approve", "r-2", "--yes"]).await;
    assert_eq!(said.code, 6, "{said:?}");
    assert!(said.err.contains("next:  Do not answer."), "{said:?}");
}

#[tokio::test]
async fn a_mistake_is_a_sentence_and_a_next_step() {
    let stage = Stage::new("yard").await;
    fs::write(stage.folder.path().join("report.txt"), "what happened").unwrap();
    let missing = stage.request("r-3", "cellar").await;
    assert_eq!(missing.code, 4, "{missing:?}");
    assert!(missing.err.contains("cellar") && missing.err.contains("\nnext:  "), "{missing:?}");
    let hold = ["--camera", "yard", "--from", "2h ago", "--to", "now", "--matter", "12", "--duration", "30d"];
    let not_allowed = stage.run("viewer", &[&["hold", "h-1"], &hold[..]].concat()).await;
    assert_eq!(not_allowed.code, 3, "{not_allowed:?}");
    assert!(not_allowed.err.contains("Ask whoever manages the Tenant"), "{not_allowed:?}");
    let held = stage.run("manager", &[&["hold", "h-1"], &hold[..]].concat()).await;
    assert_eq!(held.code, 0, "{held:?}");
    assert_eq!(stage.get("legalholds/h-1").await["spec"]["duration"], "30d");
    let backwards = stage
        .run(
            "manager",
            &[
                "hold",
                "h-2",
                "--camera",
                "yard",
                "--from",
                "now",
                "--to",
                "2h ago",
                "--matter",
                "1",
                "--duration",
                "1d",
            ],
        )
        .await;
    assert_eq!(backwards.code, 2, "{backwards:?}");
}

#[tokio::test]
async fn an_order_is_signed_without_a_cluster_and_submitted_by_whoever_serves_it() {
    let stage = Stage::new("lobby").await;
    let folder = stage.folder.path();
    let key = folder.join("court");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    let order = json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalOrder", "metadata": {"name": "warrant-7"},
        "spec": {
            "kind": "Warrant", "authority": "court", "court": "A court", "docket": "7",
            "issuedAt": "2026-11-01T00:00:00Z", "expiresAt": "2026-12-01T00:00:00Z", "documentDigest": DIGEST,
            "scope": {"tenant": ID, "cameras": [{"name": "lobby", "id": ID}],
                "window": {"from": "2026-11-01T10:00:00Z", "to": "2026-11-01T11:00:00Z"}},
        },
    });
    fs::write(folder.join("order.json"), order.to_string()).unwrap();
    let signed =
        stage.run("requester", &["order", "-f", "order.json", "--ssh-key", "court", "--print"]).await;
    assert_eq!(signed.code, 0, "{signed:?}");
    fs::write(folder.join("signed.yaml"), &signed.out).unwrap();
    let submitted = stage.run("requester", &["order", "-f", "signed.yaml"]).await;
    assert_eq!(submitted.code, 0, "{submitted:?}");
    // What ssh-keygen finds signed is what the API server stored.
    let mut spec = stage.get("legalorders/warrant-7").await["spec"].clone();
    let signature = spec["signature"].as_str().unwrap().to_owned();
    spec.as_object_mut().unwrap().remove("signature");
    assert!(checks(folder, &signature, &serde_jcs::to_vec(&spec).unwrap()));
    assert!(!checks(folder, &signature, b"something else"));
}

/// `ssh-keygen -Y check-novalidate` over a message.
fn checks(folder: &Path, signature: &str, message: &[u8]) -> bool {
    fs::write(folder.join("signature"), signature).unwrap();
    fs::write(folder.join("message"), message).unwrap();
    Command::new("ssh-keygen")
        .args(["-Y", "check-novalidate", "-n", "order.camerafleet.io", "-s", "signature"])
        .stdin(fs::File::open(folder.join("message")).unwrap())
        .current_dir(folder)
        .output()
        .unwrap()
        .status
        .success()
}

#[tokio::test]
async fn a_key_is_readable_by_its_owner_alone_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let keygen = || {
        Command::new(env!("CARGO_BIN_EXE_kubectl-footage"))
            .arg("keygen")
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let made = keygen();
    assert!(made.status.success());
    let recipient = String::from_utf8(made.stdout).unwrap();
    assert!(recipient.trim().parse::<age::x25519::Recipient>().is_ok(), "{recipient}");
    let path = folder.path().join("owner.key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept.contains(recipient.trim()) && kept.contains("AGE-SECRET-KEY-1"));
    assert!(!String::from_utf8(made.stderr).unwrap().contains("AGE-SECRET-KEY-1"));
    assert_eq!(keygen().status.code(), Some(2));
    assert_eq!(fs::read_to_string(&path).unwrap(), kept);
}
