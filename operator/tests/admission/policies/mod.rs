//! Each policy with users who must pass and users who must not. All have every right that RBAC knows, unless a test says
//! otherwise: what refuses them is the policy that is named.

mod access;
mod jobs;
mod namespaces;
mod objects;
mod secrets;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    fixtures::{OTHER, POWER, TENANT},
    server::{Actor, Server},
};

const OPERATOR: Actor = Actor::OPERATOR;
const ADMINISTRATOR: Actor = Actor::Administrator;
/// Has every right, and the operator's name in another namespace.
const IMPOSTOR: Actor = Actor::Account(OTHER, "camerafleet-operator");

/// A controller of the cluster's own.
fn controller(name: &'static str) -> Actor {
    Actor::Account("kube-system", name)
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// It is done.
    Passes,
    /// No policy refuses it; it ends with this code, since there is no node and no such object.
    Reaches(u16),
    /// This policy refuses it.
    Refused(&'static str),
}
use Expect::{Passes, Reaches, Refused};

/// A request, and what becomes of it.
struct Case {
    what: String,
    actor: Actor,
    method: Method,
    path: String,
    body: Option<Value>,
    expect: Expect,
}

/// A request that changes nothing, so that the cases of a table do not see each other.
fn case(
    what: &str,
    actor: Actor,
    method: Method,
    path: &str,
    body: impl Into<Option<Value>>,
    expect: Expect,
) -> Case {
    let mark = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{mark}dryRun=All");
    let mut body = body.into();
    // What a DELETE has in its body stands instead of the query.
    if let Some(body) = body.as_mut().filter(|_| method == Method::DELETE) {
        body["dryRun"] = json!(["All"]);
    }
    Case { what: what.to_owned(), actor, method, path, body, expect }
}

/// A request to a pod's own processes, of which there is no dry run.
fn connect(actor: Actor, method: Method, path: &str, expect: Expect) -> Case {
    Case { what: path.to_owned(), actor, method, path: path.to_owned(), body: None, expect }
}

fn create(what: &str, actor: Actor, path: &str, body: Value, expect: Expect) -> Case {
    case(what, actor, Method::POST, path, body, expect)
}

fn patch(what: &str, actor: Actor, path: &str, body: Value, expect: Expect) -> Case {
    case(what, actor, Method::PATCH, path, body, expect)
}

fn delete(what: &str, actor: Actor, path: &str, expect: Expect) -> Case {
    case(what, actor, Method::DELETE, path, None, expect)
}

/// Asks all of them and says everything that is wrong.
async fn check(server: &Server, cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for Case { what, actor, method, path, body, expect } in cases {
        let (code, answer) = server.ask(actor, method, &path, body.as_ref()).await;
        let message = answer["message"].as_str().unwrap_or_default();
        let by_policy = message.contains("ValidatingAdmissionPolicy");
        let right = match expect {
            Passes => (200..300).contains(&code),
            Reaches(wanted) => code == wanted && !by_policy,
            Refused(policy) => {
                matches!(code, 403 | 422)
                    && message.contains(&format!("ValidatingAdmissionPolicy '{policy}'"))
            }
        };
        if !right {
            wrong.push(format!("{what}, as {actor:?}: expected {expect:?}, got {code} {message}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// A place in the core API.
fn core(namespace: &str, rest: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/{rest}")
}

/// A place in the API of a group, in the tenant's namespace.
fn tenants(group: &str, rest: &str) -> String {
    format!("/apis/{group}/namespaces/{TENANT}/{rest}")
}

/// A place in this project's API, in the tenant's namespace.
fn fleet(rest: &str) -> String {
    tenants("camerafleet.io/v1alpha1", rest)
}

/// Something of a name with annotations.
fn annotated(name: &str, annotations: Value) -> Value {
    json!({"metadata": {"name": name, "annotations": annotations}})
}

/// On what the operator made.
fn managed(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"camerafleet.io/managed": "true", "camerafleet.io/tenant": TENANT}}})
}

/// `object` with what `with` has.
fn and(mut object: Value, with: Value) -> Value {
    fn merge(into: &mut Value, from: Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                for (key, value) in from {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            (into, from) => *into = from,
        }
    }
    merge(&mut object, with);
    object
}
