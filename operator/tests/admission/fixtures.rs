//! What the tests find on the server: both charts, a tenant's namespace, and people.

use std::{process::Command, time::Duration};

use camerafleet_testkit::tool;
use operator::admission::{Operator, Shipped, prove, shipped};
use reqwest::Method;
use serde_json::{Value, json};

use super::server::{Actor, Server};

/// The tenant's namespace.
pub const TENANT: &str = "elm-street";
/// A namespace of someone else.
pub const OTHER: &str = "elsewhere";
/// The image that the charts are installed with.
pub const IMAGE: &str = "registry.example.com/camerafleet:v1";
/// Who may do everything to every object, and is no administrator of Camerafleet.
pub const POWER: Actor = Actor::User("power");
/// The ClusterRole by which the operator acts in a tenant's namespace.
pub const TENANT_ROLE: &str = "camerafleet-operator-tenant";

/// Whom the policies of the tests name.
pub fn operator() -> Operator {
    Operator { namespace: "camerafleet-system".into(), service_account: "camerafleet-operator".into() }
}

/// The policies as the charts' default values make them.
pub fn policies() -> Vec<Shipped> {
    shipped(&operator()).unwrap()
}

/// What `helm template` makes of a chart, document by document.
pub fn rendered(chart: &str, values: &[&str]) -> Vec<Value> {
    let folder = format!("{}/../charts/{chart}", env!("CARGO_MANIFEST_DIR"));
    let mut helm = Command::new(tool("helm"));
    helm.args(["template", chart, &folder, "--namespace", "camerafleet-system"]);
    for value in values {
        helm.args(["--set", value]);
    }
    let made = helm.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let text = String::from_utf8(made.stdout).unwrap();
    serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| serde::Deserialize::deserialize(document).unwrap())
        .filter(|document: &Value| !document.is_null())
        .collect()
}

/// Installs everything. A step that fails ends the tests.
pub async fn install(server: &Server) {
    for namespace in ["camerafleet-system", OTHER] {
        let namespace = json!({"metadata": {"name": namespace}});
        must(server, Actor::Administrator, "/api/v1/namespaces", &namespace).await;
    }
    // Namespaces come first, as Helm installs them; the policies last, and they must not mind what is there.
    let mut objects = rendered("camerafleet-crds", &[]);
    let image = IMAGE.rsplit_once(':').unwrap();
    objects.extend(rendered(
        "camerafleet",
        &[
            &format!("image.repository={}", image.0),
            &format!("image.tag={}", image.1),
            "vault.address=https://vault.example.com",
            "log.s3.endpoint=https://s3.example.com",
            "log.s3.bucket=log",
        ],
    ));
    objects.sort_by_key(|object| object["kind"] != "Namespace");
    for object in &objects {
        let path = collection(object);
        must(server, Actor::Administrator, &path, object).await;
    }
    power(server).await;
    enforced(server).await;
    tenant(server).await;
}

/// Users with every right that RBAC knows, so that what refuses them is a policy.
async fn power(server: &Server) {
    let verbs = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind"];
    let role = json!({"metadata": {"name": "power"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": verbs}]});
    must(server, Actor::Administrator, "/apis/rbac.authorization.k8s.io/v1/clusterroles", &role).await;
    // A kubelet's rights are the Node authorizer's, which needs a node to say what they are.
    let binding = json!({
        "metadata": {"name": "power"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "power"},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "power"},
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"},
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "officer@example.gov"},
            {"kind": "ServiceAccount", "name": "impostor", "namespace": OTHER},
            {"kind": "ServiceAccount", "name": "camerafleet-operator", "namespace": OTHER},
        ],
    });
    must(server, Actor::Administrator, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding)
        .await;
    let administrator = json!({
        "metadata": {"name": "backup"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "camerafleet-administrator"},
        "subjects": [{"kind": "ServiceAccount", "name": "backup", "namespace": OTHER}],
    });
    must(
        server,
        Actor::Administrator,
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        &administrator,
    )
    .await;
}

/// Waits until the API server has taken up every policy, which is what the operator waits for, too.
async fn enforced(server: &Server) {
    let client = server.client(Actor::OPERATOR);
    let mut last = String::new();
    for _ in 0..150 {
        match prove(&client, &policies(), TENANT_ROLE).await {
            Ok(findings) if findings.is_empty() => return,
            Ok(findings) => last = format!("{findings:?}"),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the policies were not enforced within 30 s: {last}");
}

/// A tenant's namespace as the operator makes it, with the members of every role.
async fn tenant(server: &Server) {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": TENANT,
            "labels": {"camerafleet.io/managed": "true", "camerafleet.io/tenant": TENANT},
            "annotations": {"camerafleet.io/id": "t-1"},
        },
    });
    let apply = format!("/api/v1/namespaces/{TENANT}?fieldManager=camerafleet-operator&force=true");
    let (code, answer) = server.ask(Actor::OPERATOR, Method::PATCH, &apply, Some(&namespace)).await;
    assert_eq!(code, 201, "{answer}");
    let bind = format!(
        "/apis/rbac.authorization.k8s.io/v1/namespaces/{TENANT}/rolebindings/camerafleet-operator?fieldManager=camerafleet-operator&force=true"
    );
    let own = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "camerafleet-operator", "labels": {"camerafleet.io/managed": "true"}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": TENANT_ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": "camerafleet-operator", "namespace": "camerafleet-system"}],
    });
    let (code, answer) = server.ask(Actor::OPERATOR, Method::PATCH, &bind, Some(&own)).await;
    assert_eq!(code, 201, "{answer}");
    // RBAC learns of it by a watch.
    for _ in 0..50 {
        let path = format!("/api/v1/namespaces/{TENANT}/serviceaccounts");
        if server.ask(Actor::OPERATOR, Method::GET, &path, None).await.0 == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for role in ["manager", "owner", "requester", "reviewer", "auditor", "viewer"] {
        let name = format!("camerafleet-member-{role}");
        let binding = json!({
            "metadata": {"name": name, "labels": {"camerafleet.io/managed": "true"}},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": role}],
        });
        let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{TENANT}/rolebindings");
        must(server, Actor::OPERATOR, &path, &binding).await;
    }
}

/// Creates an object that must be there.
pub async fn must(server: &Server, actor: Actor, path: &str, object: &Value) {
    let (code, answer) = server.ask(actor, Method::POST, path, Some(object)).await;
    assert_eq!(code, 201, "{actor:?} POST {path}: {answer}");
}

/// Where an object of a chart is created.
fn collection(object: &Value) -> String {
    let version = object["apiVersion"].as_str().unwrap();
    let kind = object["kind"].as_str().unwrap().to_lowercase();
    let plural = match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    };
    let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
        None => format!("{root}/{plural}"),
    }
}
