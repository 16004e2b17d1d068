//! What members may do with Secrets, and that no answer shows them one (camerafleet-secrets).

use serde_json::{Value, json};

use super::{
    super::{fixtures::must, server::shared},
    *,
};

const MANAGER: Actor = Actor::User("manager");
const REFUSED: Expect = Refused("camerafleet-secrets");

fn secret(name: &str, kind: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "stringData": {"password": "not-to-be-shown"}})
}

#[tokio::test]
async fn members_write_two_types_and_delete_without_seeing() {
    let server = shared().await;
    let secrets = core(TENANT, "secrets");
    for (name, kind) in
        [("door", "camerafleet.io/camera"), ("opaque", "Opaque"), ("finalized", "camerafleet.io/camera")]
    {
        must(&server, ADMINISTRATOR, &secrets, &secret(name, kind)).await;
    }
    let finalizer = json!({"metadata": {"finalizers": ["example.com/later"]}});
    let path = core(TENANT, "secrets/finalized");
    server.ask(ADMINISTRATOR, Method::PATCH, &path, Some(&finalizer)).await;
    let put = |name: &str, kind: &str| secret(name, kind);
    let (door, opaque, finalized) =
        (core(TENANT, "secrets/door"), core(TENANT, "secrets/opaque"), core(TENANT, "secrets/finalized"));
    let camera = "camerafleet.io/camera";
    let finalized_new = and(secret("new", camera), finalizer.clone());
    let mut cases = vec![
        create("a camera's", MANAGER, &secrets, secret("new", camera), Passes),
        create("a webhook's", MANAGER, &secrets, secret("new", "camerafleet.io/webhook"), Passes),
        create("any", MANAGER, &secrets, secret("new", "Opaque"), REFUSED),
        create("any, without a type", POWER, &secrets, json!({"metadata": {"name": "new"}}), REFUSED),
        create("a recorder's", POWER, &secrets, secret("new", "camerafleet.io/shard"), REFUSED),
        create("any", OPERATOR, &secrets, secret("new", "camerafleet.io/shard"), Passes),
        create("any", ADMINISTRATOR, &secrets, secret("new", "Opaque"), Passes),
        create("any elsewhere", POWER, &core(OTHER, "secrets"), secret("new", "Opaque"), Passes),
        create("with a finalizer", MANAGER, &secrets, finalized_new, REFUSED),
        case("a camera's", MANAGER, Method::PUT, &door, put("door", camera), Passes),
        case("any", MANAGER, Method::PUT, &opaque, put("opaque", "Opaque"), REFUSED),
        patch("add a finalizer", POWER, &door, finalizer, REFUSED),
        delete("a camera's", MANAGER, &door, Passes),
        delete("any", MANAGER, &opaque, REFUSED),
        delete("any", OPERATOR, &opaque, Passes),
        delete("any", controller("namespace-controller"), &opaque, Passes),
        delete("any", controller("generic-garbage-collector"), &opaque, Passes),
        delete("one that stays for a finalizer", MANAGER, &finalized, REFUSED),
    ];
    for (policy, expect) in [("Background", Passes), ("Foreground", REFUSED), ("Orphan", REFUSED)] {
        let query = format!("{door}?propagationPolicy={policy}");
        cases.push(delete(policy, MANAGER, &query, expect));
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy});
        cases.push(case(policy, MANAGER, Method::DELETE, &door, options, expect));
    }
    for (orphan, expect) in [(true, REFUSED), (false, Passes)] {
        let query = format!("{door}?orphanDependents={orphan}");
        cases.push(delete("orphanDependents", MANAGER, &query, expect));
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "orphanDependents": orphan});
        cases.push(case("orphanDependents", MANAGER, Method::DELETE, &door, options, expect));
    }
    check(&server, cases).await;
}

/// Every way in which a Manager may ask for a Secret's deletion, and that no answer holds what is in it.
#[tokio::test]
async fn no_answer_to_a_member_shows_a_secret() {
    let server = shared().await;
    let queries = [
        "",
        "?dryRun=All",
        "?propagationPolicy=Background",
        "?propagationPolicy=Foreground",
        "?propagationPolicy=Foreground&dryRun=All",
        "?propagationPolicy=Orphan",
        "?propagationPolicy=Orphan&dryRun=All",
        "?orphanDependents=true",
        "?orphanDependents=false",
        "?gracePeriodSeconds=600",
        "?gracePeriodSeconds=600&dryRun=All",
        "?ignoreStoreReadErrorWithClusterBreakingPotential=true",
    ];
    let ask = async |method: Method, path: &str, body: Option<&Value>| {
        let (code, answer) = server.ask(MANAGER, method.clone(), path, body).await;
        let text = answer.to_string();
        let shown = text.contains("not-to-be-shown") || text.contains("bm90LXRvLWJlLXNob3du");
        assert!(!shown, "{method} {path} answered {code} {text}");
        code
    };
    let mut deleted = 0;
    for (at, query) in queries.iter().enumerate() {
        let name = format!("shown-{at}");
        must(&server, ADMINISTRATOR, &core(TENANT, "secrets"), &secret(&name, "camerafleet.io/camera")).await;
        let path = format!("{}{query}", core(TENANT, &format!("secrets/{name}")));
        deleted += usize::from(ask(Method::DELETE, &path, None).await == 200);
    }
    assert!(deleted >= 6, "only {deleted} were deleted");
    let secrets = core(TENANT, "secrets");
    must(&server, ADMINISTRATOR, &secrets, &secret("kept", "camerafleet.io/camera")).await;
    let kept = core(TENANT, "secrets/kept");
    let mut empty = secret("kept", "camerafleet.io/camera");
    empty.as_object_mut().unwrap().remove("stringData");
    for method in [Method::GET, Method::PATCH, Method::POST, Method::DELETE] {
        ask(method.clone(), &secrets, Some(&empty)).await;
        if method != Method::DELETE {
            ask(method, &kept, Some(&empty)).await;
        }
    }
    ask(Method::PUT, &format!("{kept}?dryRun=All"), Some(&empty)).await;
}
