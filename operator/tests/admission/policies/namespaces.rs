//! Namespaces, and rights in them (camerafleet-namespaces, camerafleet-bindings).

use serde_json::{Value, json};

use super::{
    super::{
        fixtures::{TENANT_ROLE, must},
        server::shared,
    },
    *,
};

const REFUSED: Expect = Refused("camerafleet-namespaces");
const NAMESPACES: &str = "/api/v1/namespaces";

/// As the operator applies a tenant's namespace.
fn namespace(name: &str, tenant: &str, id: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"camerafleet.io/managed": "true", "camerafleet.io/tenant": tenant},
            "annotations": {"camerafleet.io/id": id},
        },
    })
}

fn apply(what: &str, actor: Actor, object: Value, expect: Expect) -> Case {
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    patch(
        what,
        actor,
        &format!("{NAMESPACES}/{name}?fieldManager=camerafleet-operator&force=true"),
        object,
        expect,
    )
}

#[tokio::test]
async fn a_namespace_is_taken_with_consent_and_stays_the_tenants() {
    let server = shared().await;
    let plain = |name: &str, annotations: Value| annotated(name, annotations);
    for (name, annotations) in [
        ("bare", json!({})),
        ("consenting", json!({"camerafleet.io/adopt": "oak"})),
        ("consenting-to-another", json!({"camerafleet.io/adopt": "ash"})),
        ("restored", json!({"camerafleet.io/id": "t-2"})),
        ("kube-own", json!({"camerafleet.io/adopt": "oak"})),
    ] {
        must(&server, ADMINISTRATOR, NAMESPACES, &plain(name, annotations)).await;
    }
    let tenant = format!("{NAMESPACES}/{TENANT}");
    let bare = format!("{NAMESPACES}/bare");
    let label = |key: &str, value: Value| json!({"metadata": {"labels": {key: value}}});
    let annotation = |key: &str, value: Value| json!({"metadata": {"annotations": {key: value}}});
    let cases = vec![
        apply("make", OPERATOR, namespace("new", "oak", "t-2"), Passes),
        apply("make one of the cluster's names", OPERATOR, namespace("kube-new", "oak", "t-2"), REFUSED),
        apply("adopt without consent", OPERATOR, namespace("bare", "oak", "t-2"), REFUSED),
        apply("adopt with consent", OPERATOR, namespace("consenting", "oak", "t-2"), Passes),
        apply("adopt with another's", OPERATOR, namespace("consenting-to-another", "oak", "t-2"), REFUSED),
        apply("adopt with its id", OPERATOR, namespace("restored", "oak", "t-2"), Passes),
        apply("adopt with another id", OPERATOR, namespace("restored", "oak", "t-3"), REFUSED),
        apply("adopt the cluster's", OPERATOR, namespace("kube-own", "oak", "t-2"), REFUSED),
        apply("adopt default", OPERATOR, namespace("default", "oak", "t-2"), REFUSED),
        apply("adopt the operator's", OPERATOR, namespace("camerafleet-system", "oak", "t-2"), REFUSED),
        apply("apply again", OPERATOR, namespace(TENANT, TENANT, "t-1"), Passes),
        apply("bind to another id", OPERATOR, namespace(TENANT, TENANT, "t-2"), REFUSED),
        patch(
            "consent for others",
            OPERATOR,
            &bare,
            annotation("camerafleet.io/adopt", "oak".into()),
            REFUSED,
        ),
        patch(
            "mark without consent",
            OPERATOR,
            &bare,
            annotation("camerafleet.io/id", "t-2".into()),
            REFUSED,
        ),
        patch("consent", POWER, &bare, annotation("camerafleet.io/adopt", "oak".into()), Passes),
        patch("a label of ours", POWER, &bare, label("camerafleet.io/managed", "true".into()), REFUSED),
        patch(
            "a label of ours",
            ADMINISTRATOR,
            &bare,
            label("camerafleet.io/managed", "true".into()),
            REFUSED,
        ),
        patch(
            "a label of ours by its status",
            POWER,
            &format!("{bare}/status"),
            label("camerafleet.io/managed", "true".into()),
            REFUSED,
        ),
        patch("a label of their own", POWER, &tenant, label("team", "night".into()), Passes),
        patch("take a label away", POWER, &tenant, label("camerafleet.io/managed", Value::Null), REFUSED),
        patch(
            "take a label away",
            ADMINISTRATOR,
            &tenant,
            label("camerafleet.io/tenant", Value::Null),
            REFUSED,
        ),
        patch(
            "change a label",
            ADMINISTRATOR,
            &tenant,
            label("camerafleet.io/managed", "false".into()),
            REFUSED,
        ),
        create(
            "one with our labels",
            POWER,
            NAMESPACES,
            and(plain("new", json!({})), label("camerafleet.io/tenant", "oak".into())),
            REFUSED,
        ),
        create("restore", ADMINISTRATOR, NAMESPACES, namespace("new", "oak", "t-2"), Passes),
        create("any", POWER, NAMESPACES, plain("new", json!({})), Passes),
        delete("a tenant's", POWER, &tenant, REFUSED),
        delete("a tenant's", ADMINISTRATOR, &tenant, REFUSED),
        delete("a tenant's", controller("namespace-controller"), &tenant, REFUSED),
        delete("any", POWER, &bare, Passes),
        delete("the probes'", POWER, &format!("{NAMESPACES}/camerafleet-admission-probe"), REFUSED),
        delete("the probes'", ADMINISTRATOR, &format!("{NAMESPACES}/camerafleet-admission-probe"), Passes),
    ];
    check(&server, cases).await;
}

/// By RBAC it may delete any, since names cannot be told apart there.
#[tokio::test]
async fn the_operator_deletes_and_gives_back_tenants_namespaces_and_no_other() {
    let server = shared().await;
    let tenant = format!("{NAMESPACES}/{TENANT}");
    let back =
        json!({"metadata": {"labels": {"camerafleet.io/managed": null, "camerafleet.io/tenant": null}}});
    let cases = vec![
        delete("another's", OPERATOR, &format!("{NAMESPACES}/{OTHER}"), REFUSED),
        delete("a tenant's", OPERATOR, &tenant, Passes),
        patch("give back", ADMINISTRATOR, &tenant, back.clone(), REFUSED),
        patch("give back", OPERATOR, &tenant, back, Passes),
    ];
    check(&server, cases).await;
}

#[tokio::test]
async fn the_operator_gives_rights_in_tenants_namespaces_only() {
    let server = shared().await;
    let refused = Refused("camerafleet-bindings");
    let own = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "camerafleet-operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": TENANT_ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": "camerafleet-operator", "namespace": "camerafleet-system"}],
    });
    let path = |namespace: &str| {
        format!(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings/camerafleet-operator?fieldManager=camerafleet-operator&force=true"
        )
    };
    let anyones = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{OTHER}/rolebindings");
    check(
        &server,
        vec![
            patch("itself", OPERATOR, &path(TENANT), own.clone(), Passes),
            patch("itself elsewhere", OPERATOR, &path(OTHER), own.clone(), refused),
            patch("itself in kube-system", OPERATOR, &path("kube-system"), own.clone(), refused),
            create("anyone elsewhere", POWER, &anyones, own, Passes),
        ],
    )
    .await;
}
