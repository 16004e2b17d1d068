//! The operator's proof: it holds on what the chart installs, and a policy that is gone, bound to nothing or changed is
//! named.

use operator::admission::{Fault, Finding, Operator, prove, shipped};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    fixtures::{TENANT_ROLE, policies, rendered},
    server::{Actor, Server, shared},
};

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";

/// Helm and the operator read the same files: what they make of them is the same, whatever the values.
#[test]
fn helm_and_the_operator_make_the_same_of_the_templates() {
    let values = ["operator.namespace=fleet", "operator.serviceAccount=pilot"];
    let documents = rendered("camerafleet-crds", &values);
    let operator = Operator { namespace: "fleet".into(), service_account: "pilot".into() };
    let mut compared = 0;
    for shipped in shipped(&operator).unwrap() {
        let find = |kind: &str| {
            let mut found = documents
                .iter()
                .filter(|d| d["kind"] == kind && d["metadata"]["name"] == shipped.name().as_str());
            found.next().unwrap().clone()
        };
        let policy = find("ValidatingAdmissionPolicy");
        let binding = find("ValidatingAdmissionPolicyBinding");
        assert_eq!(serde_json::to_value(&shipped.policy.spec).unwrap(), policy["spec"]);
        assert_eq!(serde_json::to_value(&shipped.binding.spec).unwrap(), binding["spec"]);
        for object in [policy, binding] {
            assert_eq!(object["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
        }
        compared += 1;
    }
    assert_eq!(compared, documents.iter().filter(|d| d["kind"] == "ValidatingAdmissionPolicy").count());
}

/// On a server of its own: the tests of the policies run on the shared one meanwhile.
#[tokio::test]
async fn a_policy_that_does_not_hold_is_named() {
    let server = Server::own().await;
    // The API server takes up a policy that changed a moment later, and until then the proof rightly says so.
    let find = async |expected: &[Finding], when: &str| {
        let client = server.client(Actor::OPERATOR);
        let mut found = Vec::new();
        for _ in 0..50 {
            found = prove(&client, &policies(), TENANT_ROLE).await.unwrap();
            if found == expected {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{when}: {found:?} instead of {expected:?}");
    };
    find(&[], "as installed").await;

    let id = format!("{BINDINGS}/camerafleet-id");
    let was = server.ask(Actor::Administrator, Method::GET, &id, None).await.1;
    server.ask(Actor::Administrator, Method::DELETE, &id, None).await;
    find(&[finding("camerafleet-id", Fault::Missing)], "without its binding").await;
    restore(&server, BINDINGS, was).await;

    // A policy that audits only, one that fails open, and one that matches nothing.
    let changes = [
        (BINDINGS, "camerafleet-exec", json!({"spec": {"validationActions": ["Audit"]}})),
        (POLICIES, "camerafleet-jobs", json!({"spec": {"failurePolicy": "Ignore"}})),
        (
            POLICIES,
            "camerafleet-tokens",
            json!({"spec": {"matchConstraints": {"objectSelector": {"matchLabels": {"a": "b"}}}}}),
        ),
    ];
    for (path, name, change) in changes {
        let path = format!("{path}/{name}");
        let was = server.ask(Actor::Administrator, Method::GET, &path, None).await.1;
        let (code, answer) = server.ask(Actor::Administrator, Method::PATCH, &path, Some(&change)).await;
        assert_eq!(code, 200, "{answer}");
        find(&[finding(name, Fault::Differs)], "changed").await;
        let back = json!({"spec": was["spec"]});
        let back = if name == "camerafleet-tokens" {
            json!({"spec": {"matchConstraints": {"objectSelector": {"matchLabels": null}}}})
        } else {
            back
        };
        server.ask(Actor::Administrator, Method::PATCH, &path, Some(&back)).await;
    }
    find(&[], "put right again").await;

    // What is written there is right, and still nothing is refused: only trying tells.
    let relaxed = json!({"metadata": {"labels": {"camerafleet.io/managed": "no"}}});
    let path = "/api/v1/namespaces/camerafleet-admission-probe";
    server.ask(Actor::OPERATOR, Method::PATCH, path, Some(&relaxed)).await;
    let names = [
        "camerafleet-job-images",
        "camerafleet-jobs",
        "camerafleet-pod-images",
        "camerafleet-secrets",
        "camerafleet-tokens",
    ];
    find(&names.map(|name| finding(name, Fault::Accepts)), "with a label taken from the namespace").await;
}

/// A proof that cannot be made because the operator lacks the right to ask is no proof.
#[tokio::test]
async fn a_refusal_by_rbac_is_no_proof() {
    let server = shared().await;
    // This one may read the policies and create nothing.
    let role = json!({"metadata": {"name": "reader"}, "rules": [
        {"apiGroups": ["admissionregistration.k8s.io"], "resources": ["*"], "verbs": ["get"]}]});
    super::fixtures::must(
        &server,
        Actor::Administrator,
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        &role,
    )
    .await;
    let binding = json!({
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}],
    });
    let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    super::fixtures::must(&server, Actor::Administrator, path, &binding).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let client = server.client(Actor::User("reader"));
    let findings = prove(&client, &policies(), TENANT_ROLE).await.unwrap();
    assert_eq!(findings.len(), policies().len() - 2, "{findings:?}");
    assert!(findings.iter().all(|f| matches!(f.fault, Fault::Unproved(_))), "{findings:?}");
}

fn finding(policy: &str, fault: Fault) -> Finding {
    Finding { policy: policy.into(), fault }
}

async fn restore(server: &Server, path: &str, mut object: Value) {
    object["metadata"].as_object_mut().unwrap().retain(|key, _| key == "name");
    let (code, answer) = server.ask(Actor::Administrator, Method::POST, path, Some(&object)).await;
    assert_eq!(code, 201, "{answer}");
    for _ in 0..50 {
        let client = server.client(Actor::OPERATOR);
        if prove(&client, &policies(), TENANT_ROLE).await.unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
