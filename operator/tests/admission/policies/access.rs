//! What the operator made, and the ways around it (camerafleet-managed, camerafleet-scale, camerafleet-exec,
//! camerafleet-tokens).

use serde_json::{Value, json};

use super::{
    super::{fixtures::must, server::shared},
    *,
};

const REFUSED: Expect = Refused("camerafleet-managed");

fn pod(name: &str) -> Value {
    and(managed(name), json!({"spec": {"containers": [{"name": "main", "image": "any"}]}}))
}

fn deployment(name: &str, labels: &Value) -> Value {
    json!({"metadata": {"name": name, "labels": labels}, "spec": {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "any"}]}},
    }})
}

#[tokio::test]
async fn what_the_operator_made_is_changed_by_it_alone() {
    let server = shared().await;
    let (maps, pods) = (core(TENANT, "configmaps"), core(TENANT, "pods"));
    let labels = managed("x")["metadata"]["labels"].clone();
    must(&server, OPERATOR, &maps, &managed("made")).await;
    must(&server, POWER, &maps, &json!({"metadata": {"name": "theirs"}})).await;
    must(&server, controller("replicaset-controller"), &pods, &pod("made")).await;
    must(&server, OPERATOR, &tenants("apps/v1", "deployments"), &deployment("made", &labels)).await;
    let (made, theirs) = (format!("{maps}/made"), format!("{maps}/theirs"));
    let label = json!({"metadata": {"labels": labels}});
    let unlabel = json!({"metadata": {"labels": {"camerafleet.io/managed": null}}});
    let data = json!({"data": {"a": "b"}});
    let pod_made = format!("{pods}/made");
    let status = format!("{pod_made}/status");
    let failed = json!({"status": {"phase": "Failed"}});
    let mut cases = vec![
        create("make", OPERATOR, &maps, managed("new"), Passes),
        create("make", POWER, &maps, managed("new"), REFUSED),
        create("make elsewhere", POWER, &core(OTHER, "configmaps"), managed("new"), REFUSED),
        create("make", IMPOSTOR, &maps, managed("new"), REFUSED),
        create("make one's own", POWER, &maps, json!({"metadata": {"name": "new"}}), Passes),
        patch("change", OPERATOR, &made, data.clone(), Passes),
        patch("change", POWER, &made, data.clone(), REFUSED),
        patch("change", ADMINISTRATOR, &made, data.clone(), REFUSED),
        patch("change one's own", POWER, &theirs, data, Passes),
        patch("take the label", POWER, &theirs, label, REFUSED),
        patch("drop the label", ADMINISTRATOR, &made, unlabel.clone(), REFUSED),
        patch("drop the label", OPERATOR, &made, unlabel, Passes),
        delete("delete", OPERATOR, &made, Passes),
        delete("delete", ADMINISTRATOR, &made, REFUSED),
        delete("delete", Actor::Kubelet, &made, REFUSED),
        delete("delete all", POWER, &maps, REFUSED),
        delete("delete all", controller("namespace-controller"), &maps, Passes),
        delete("collect", controller("generic-garbage-collector"), &made, Passes),
        create("make a pod", controller("replicaset-controller"), &pods, pod("new"), Passes),
        create("make a pod", Actor::Kubelet, &pods, pod("new"), REFUSED),
        create("make a pod", POWER, &pods, pod("new"), REFUSED),
        patch("report", Actor::Kubelet, &status, failed.clone(), Passes),
        patch("report", POWER, &status, failed.clone(), REFUSED),
        patch("mark", controller("pod-garbage-collector"), &status, failed, Passes),
        delete("let go", Actor::Kubelet, &pod_made, Passes),
        delete("let go", Actor::User("system:kube-scheduler"), &pod_made, Passes),
        delete("let go", controller("node-controller"), &pod_made, Passes),
        delete("kill", POWER, &pod_made, REFUSED),
        create(
            "bind",
            Actor::User("system:kube-scheduler"),
            &format!("{pod_made}/binding"),
            json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "made"}, "target": {"kind": "Node", "name": "node-1"}}),
            Passes,
        ),
        create(
            "evict",
            POWER,
            &format!("{pod_made}/eviction"),
            json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "made"}}),
            Passes,
        ),
    ];
    let sets = tenants("apps/v1", "replicasets");
    let slices = tenants("discovery.k8s.io/v1", "endpointslices");
    let slice = and(managed("new"), json!({"addressType": "IPv4", "endpoints": []}));
    let deployments = tenants("apps/v1", "deployments/made");
    let mut counted = server.ask(POWER, Method::GET, &deployments, None).await.1;
    counted["status"] = json!({"observedGeneration": 1});
    cases.extend([
        create(
            "follow a Deployment",
            controller("deployment-controller"),
            &sets,
            deployment("new", &labels),
            Passes,
        ),
        create("follow a Deployment", POWER, &sets, deployment("new", &labels), REFUSED),
        create("follow a Service", controller("endpointslice-controller"), &slices, slice, Passes),
        case(
            "count",
            controller("deployment-controller"),
            Method::PUT,
            &format!("{deployments}/status"),
            counted,
            Passes,
        ),
        patch(
            "restart",
            ADMINISTRATOR,
            &deployments,
            json!({"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}),
            REFUSED,
        ),
    ]);
    check(&server, cases).await;
}

/// A name that no controller has would be an account that anyone may make.
#[tokio::test]
async fn the_controllers_that_are_let_through_are_the_clusters_own() {
    let server = shared().await;
    let policy = include_str!("../../../../charts/camerafleet-crds/templates/admission/managed.yaml");
    let names: Vec<&str> = policy
        .split('\'')
        .filter(|name| name.ends_with("-controller") || name.ends_with("-collector"))
        .collect();
    assert!(names.len() > 12, "{names:?}");
    for name in names {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:controller:{name}");
        let (code, _) = server.ask(ADMINISTRATOR, Method::GET, &path, None).await;
        assert_eq!(code, 200, "{name} is no controller of Kubernetes");
    }
}

#[tokio::test]
async fn what_the_operator_made_is_scaled_by_it_alone() {
    let server = shared().await;
    let labels = managed("x")["metadata"]["labels"].clone();
    let deployments = tenants("apps/v1", "deployments");
    must(&server, OPERATOR, &deployments, &deployment("scaled", &labels)).await;
    must(&server, POWER, &deployments, &deployment("theirs", &json!({"app": "theirs"}))).await;
    let none = json!({"spec": {"replicas": 0}});
    let refused = Refused("camerafleet-scale");
    let scale = |name: &str| format!("{deployments}/{name}/scale");
    check(
        &server,
        vec![
            patch("theirs", POWER, &scale("theirs"), none.clone(), Passes),
            patch("the operator's", POWER, &scale("scaled"), none.clone(), refused),
            patch("the operator's", ADMINISTRATOR, &scale("scaled"), none.clone(), refused),
            // It has no right to scale, and sets replicas in the Deployment.
            patch("the operator's", OPERATOR, &format!("{deployments}/scaled"), none, Passes),
        ],
    )
    .await;
}

#[tokio::test]
async fn nobody_enters_a_tenants_pods() {
    let server = shared().await;
    let refused = Refused("camerafleet-exec");
    let debug = json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": "any"}]}});
    let mut cases = Vec::new();
    for namespace in [TENANT, OTHER] {
        must(&server, POWER, &core(namespace, "pods"), &json!({"metadata": {"name": "theirs"}, "spec": {"containers": [{"name": "main", "image": "any"}]}})).await;
        let at = |rest: &str| core(namespace, &format!("pods/theirs/{rest}"));
        let expect = |elsewhere| if namespace == TENANT { refused } else { elsewhere };
        for actor in [POWER, ADMINISTRATOR] {
            for verb in ["exec?command=id", "attach?stdin=true"] {
                // Elsewhere only the node is missing.
                cases.push(connect(actor, Method::POST, &at(verb), expect(Reaches(400))));
                cases.push(connect(actor, Method::GET, &at(verb), expect(Reaches(400))));
            }
            cases.push(patch("debug", actor, &at("ephemeralcontainers"), debug.clone(), expect(Passes)));
        }
    }
    check(&server, cases).await;
}

#[tokio::test]
async fn only_kubelets_make_the_jobs_tokens() {
    let server = shared().await;
    let refused = Refused("camerafleet-tokens");
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["vault"]}});
    let mut cases = Vec::new();
    for account in ["retention", "disclosure", "prepare", "ingest-0"] {
        for namespace in [TENANT, OTHER] {
            let object = json!({"metadata": {"name": account}});
            must(&server, ADMINISTRATOR, &core(namespace, "serviceaccounts"), &object).await;
            let path = core(namespace, &format!("serviceaccounts/{account}/token"));
            let guarded = namespace == TENANT && account != "ingest-0";
            let expect = if guarded { refused } else { Passes };
            cases.extend([
                create(account, POWER, &path, request.clone(), expect),
                create(account, ADMINISTRATOR, &path, request.clone(), expect),
                create(account, Actor::Kubelet, &path, request.clone(), Passes),
            ]);
        }
        let secret = json!({"type": "kubernetes.io/service-account-token",
            "metadata": {"name": "token", "annotations": {"kubernetes.io/service-account.name": account}}});
        cases.extend([
            create("a token's Secret", ADMINISTRATOR, &core(TENANT, "secrets"), secret.clone(), refused),
            create("a token's Secret", OPERATOR, &core(TENANT, "secrets"), secret.clone(), refused),
            create("a token's Secret", ADMINISTRATOR, &core(OTHER, "secrets"), secret, Passes),
        ]);
    }
    cases.push(create(
        "the operator's own",
        ADMINISTRATOR,
        &core("camerafleet-system", "serviceaccounts/camerafleet-operator/token"),
        request,
        Passes,
    ));
    check(&server, cases).await;
}
