//! What each member's role allows, verb by verb: generated from the API's own table, and asked of a real API server.

use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    fixtures::{OTHER, TENANT},
    server::{Actor, Server, shared},
};

/// "Who may do what", as the API's description has it. What stands behind a semicolon, and the whole row of a ConfigMap
/// that is named, is given by Roles with resourceNames, which the operator makes: no ClusterRole has it.
const TABLE: &str = "
| | Manager | Owner | Requester | Reviewer | Auditor | Viewer |
|---|---|---|---|---|---|---|
| Camera, RetentionPolicy | all | get, list | get | get, list | get, list | get, list |
| SharingPolicy | all | get, list | - | get, list | get, list | - |
| Secret | create, update, delete | - | - | - | - | - |
| LegalHold | create, get, list | - | - | all | get, list | - |
| DisclosureRequest | get, list | create; get of one's own and of those one must decide | create; get of one's own | get, list | get, list | - |
| Approval | - | create; withdraw one's own | - | create | get, list | - |
| LegalOrder | - | - | create | create, get, list | get, list | - |
| ConfigMap `transparency-report-<month>` | ; get, list | - | - | ; get, list | ; get, list | - |
| ConfigMap `camerafleet-log` | - | - | - | - | get | - |
";

const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// What nobody but the operator has, whatever the role.
const NOBODY: [(&str, &str); 17] = [
    ("", "pods"),
    ("", "pods/log"),
    ("", "pods/exec"),
    ("", "pods/attach"),
    ("", "pods/ephemeralcontainers"),
    ("", "pods/portforward"),
    ("", "serviceaccounts"),
    ("", "serviceaccounts/token"),
    ("", "services"),
    ("", "services/proxy"),
    ("", "events"),
    ("apps", "deployments"),
    ("apps", "deployments/scale"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("camerafleet.io", "tenants"),
];

/// A question to the API server and the answer that the table gives.
#[derive(Debug)]
struct Question {
    role: String,
    namespace: &'static str,
    group: &'static str,
    resource: String,
    name: &'static str,
    verb: &'static str,
    allowed: bool,
}

/// The group, the plural and, where only one object is meant, its name.
fn resource(kind: &str) -> (&'static str, String, &'static str) {
    match kind.split(' ').next().unwrap() {
        "Secret" => ("", "secrets".into(), ""),
        "ConfigMap" if kind.contains("camerafleet-log") => ("", "configmaps".into(), "camerafleet-log"),
        "ConfigMap" => ("", "configmaps".into(), "transparency-report-202611"),
        kind => match kind.to_lowercase().strip_suffix('y') {
            Some(stem) => ("camerafleet.io", format!("{stem}ies"), ""),
            None => ("camerafleet.io", format!("{}s", kind.to_lowercase()), ""),
        },
    }
}

/// The verbs that a cell gives to all objects of a kind. `watch` goes with `list`.
fn verbs(cell: &str) -> Vec<&str> {
    let cell = cell.split(';').next().unwrap().trim();
    let mut verbs: Vec<&str> = match cell {
        "" | "-" => Vec::new(),
        "all" => VERBS[..7].to_vec(),
        words => words.split(", ").collect(),
    };
    if verbs.contains(&"list") && !verbs.contains(&"watch") {
        verbs.push("watch");
    }
    verbs
}

/// Every role, kind and verb.
fn questions() -> Vec<Question> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = TABLE.trim().lines();
    let roles: Vec<String> = cells(lines.next().unwrap())[1..].iter().map(|r| r.to_lowercase()).collect();
    let mut questions = Vec::new();
    for line in lines.skip(1) {
        let row = cells(line);
        for kind in row[0].split(", ") {
            let (group, resource, name) = resource(kind);
            for (role, cell) in roles.iter().zip(&row[1..]) {
                let given = verbs(cell);
                let ask = |namespace, resource: String, name, verb, allowed| Question {
                    role: role.clone(),
                    namespace,
                    group,
                    resource,
                    name,
                    verb,
                    allowed,
                };
                for verb in VERBS {
                    let allowed = given.contains(&verb);
                    questions.push(ask(TENANT, resource.clone(), name, verb, allowed));
                    questions.push(ask(OTHER, resource.clone(), name, verb, false));
                    if group == "camerafleet.io" {
                        questions.push(ask(TENANT, format!("{resource}/status"), "", verb, false));
                    }
                    if !name.is_empty() {
                        questions.push(ask(TENANT, resource.clone(), "another", verb, false));
                    }
                }
            }
        }
    }
    for role in &roles {
        for (group, resource) in NOBODY {
            for verb in VERBS {
                let resource = resource.to_owned();
                questions.push(Question {
                    role: role.clone(),
                    namespace: TENANT,
                    group,
                    resource,
                    name: "",
                    verb,
                    allowed: false,
                });
            }
        }
    }
    questions
}

async fn ask(server: &Server, question: &Question) -> bool {
    let (resource, subresource) = question.resource.split_once('/').unwrap_or((&question.resource, ""));
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": question.role,
            "groups": ["system:authenticated"],
            "resourceAttributes": {
                "namespace": question.namespace,
                "group": question.group,
                "version": "*",
                "resource": resource,
                "subresource": subresource,
                "name": question.name,
                "verb": question.verb,
            },
        },
    });
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let (code, answer) = server.ask(Actor::Administrator, Method::POST, path, Some(&review)).await;
    assert_eq!(code, 201, "{answer}");
    answer["status"]["allowed"] == Value::Bool(true)
}

#[tokio::test]
async fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let server = shared().await;
    let questions = questions();
    let allowed = questions.iter().filter(|question| question.allowed).count();
    assert!(
        allowed > 80 && questions.len() > 1000,
        "{allowed} of {}: the table was not read",
        questions.len()
    );
    let answers = stream::iter(questions).map(async |question| {
        let answer = ask(&server, &question).await;
        (answer != question.allowed).then(|| format!("{question:?}"))
    });
    let wrong: Vec<Option<String>> = answers.buffer_unordered(8).collect().await;
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "not as the table says:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_is_read_as_people_read_it() {
    assert_eq!(verbs("all"), VERBS[..7]);
    assert_eq!(verbs("get, list"), ["get", "list", "watch"]);
    assert_eq!(verbs("create; get of one's own"), ["create"]);
    assert_eq!(verbs("-"), [""; 0]);
    assert_eq!(verbs("; get, list"), [""; 0]);
    assert_eq!(resource("RetentionPolicy").1, "retentionpolicies");
    assert_eq!(resource("ConfigMap `camerafleet-log`").2, "camerafleet-log");
    assert_eq!(resource("ConfigMap `transparency-report-<month>`").2, "transparency-report-202611");
}
