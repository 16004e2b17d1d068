//! The same table against a real API server, which also counts the rules' cost, checks the schema, puts in the
//! defaults, and warns.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Definition,
    apiserver::{Answer, ApiServer, Authorization},
    table::{Case, Kind, kinds},
};

/// A kind at the server.
struct At<'a> {
    server: &'a ApiServer,
    kind: &'a Kind,
    definition: &'a Definition,
    failures: &'a mut Vec<String>,
    /// For names that are not part of a case.
    made: usize,
}

#[tokio::test]
async fn the_api_server_takes_and_refuses_what_the_table_says() {
    let server = ApiServer::start(Authorization::AlwaysAllow).await.unwrap();
    let kinds = kinds();
    for (_, definition) in &kinds {
        install(&server, definition).await;
    }
    let mut failures = Vec::new();
    for (kind, definition) in &kinds {
        established(&server, definition).await;
        let mut at = At { server: &server, kind, definition, failures: &mut failures, made: 0 };
        at.defaults().await;
        for case in kind.rules.iter().chain(&kind.schema) {
            at.case(case).await;
        }
    }
    for example in examples() {
        let kind = kinds.iter().find(|(kind, _)| example["kind"] == kind.name.as_str());
        let Some((kind, definition)) = kind else { continue };
        let mut at = At { server: &server, kind, definition, failures: &mut failures, made: 1000 };
        let answer = at.create(example).await;
        assert_eq!(answer.status, StatusCode::CREATED, "an example of {}: {}", kind.name, answer.message());
    }
    assert!(failures.is_empty(), "{} of the cases fail:\n{}", failures.len(), failures.join("\n"));
}

/// What people start from.
fn examples() -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut objects = Vec::new();
    for file in std::fs::read_dir(folder).expect("the examples are there") {
        let file = file.expect("the folder can be read").path();
        let text = std::fs::read_to_string(&file).expect("an example can be read");
        for document in serde_yaml_ng::Deserializer::from_str(&text) {
            let mut object =
                Value::deserialize(document).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            if object["metadata"]["namespace"].is_string() {
                object["metadata"]["namespace"] = json!("default");
            }
            objects.push(object);
        }
    }
    objects
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A definition whose rules cost too much, or are no CEL, is refused; one with an unknown format is warned of.
async fn install(server: &ApiServer, definition: &Definition) {
    let body = serde_json::to_value(definition).expect("a definition is plain data");
    let answer =
        server.request(Method::POST, DEFINITIONS, Some(&body), None).await.expect("the API server answers");
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.message());
    assert_eq!(answer.warnings, Vec::<String>::new(), "{:?}", definition.metadata.name);
}

async fn established(server: &ApiServer, definition: &Definition) {
    let name = definition.metadata.name.as_deref().expect("a definition has a name");
    let started = Instant::now();
    loop {
        let answer = server
            .request(Method::GET, &format!("{DEFINITIONS}/{name}"), None, None)
            .await
            .expect("the API server answers");
        let conditions = answer.body["status"]["conditions"].as_array().cloned().unwrap_or_default();
        if conditions.iter().any(|c| c["type"] == "Established" && c["status"] == "True") {
            // A schema that is not structural is accepted, and told of here only.
            let bad = conditions.iter().find(|c| c["type"] == "NonStructuralSchema" && c["status"] == "True");
            assert!(bad.is_none(), "{name}: {bad:?}");
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{name} is not established: {conditions:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl At<'_> {
    fn path(&self) -> String {
        let plural = &self.definition.spec.names.plural;
        let space = if self.definition.spec.scope == "Namespaced" { "/namespaces/default" } else { "" };
        format!("/apis/camerafleet.io/v1alpha1{space}/{plural}")
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let answer = self.server.request(method, path, body, None).await.expect("the API server answers");
        assert_eq!(answer.warnings, Vec::<String>::new(), "{path}");
        answer
    }

    /// Under a name of its own, unless the case is about the name.
    async fn create(&mut self, mut object: Value) -> Answer {
        if object["metadata"]["name"] == self.kind.base["metadata"]["name"] {
            self.made += 1;
            object["metadata"]["name"] = json!(format!("case-{}", self.made));
        }
        // In a moment after its establishment a definition is not served yet.
        for _ in 0..100 {
            let answer = self.ask(Method::POST, &self.path(), Some(&object)).await;
            if answer.status != StatusCode::NOT_FOUND {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} is not served", self.path());
    }

    /// What the server puts in is what the types put in.
    async fn defaults(&mut self) {
        let least = self.kind.least();
        let answer = self.create(least.clone()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}: {}", self.kind.name, answer.message());
        assert_eq!(answer.body["spec"], crate::read(&least)["spec"], "{}", self.kind.name);
    }

    async fn case(&mut self, case: &Case) {
        let good = case.good.iter().map(|patch| (patch, true));
        // The refused ones first: an accepted change would be the next one's past.
        for (patch, good) in case.bad.iter().map(|patch| (patch, false)).chain(good) {
            let answer = match &case.old {
                None => self.create(self.kind.object(patch)).await,
                Some(old) => self.change(old, patch).await,
            };
            let fits = match good {
                true => answer.status.is_success(),
                false => {
                    answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.message().contains(&case.says)
                }
            };
            if !fits {
                let told = format!("{} {}", answer.status, answer.message());
                self.failures.push(format!("{} {:?}, {patch}: {told}", self.kind.name, case.says));
            }
            assert!(
                !answer.message().to_lowercase().contains("hunter2"),
                "a refusal repeats a secret: {answer:?}"
            );
            if good && answer.status.is_success() {
                // One object that the types cannot read stops every watch on its kind.
                crate::read(&answer.body);
            }
        }
    }

    async fn change(&mut self, old: &Value, patch: &Value) -> Answer {
        let made = self.create(self.kind.object(old)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{} {old}: {}", self.kind.name, made.message());
        let mut object = self.kind.object(patch);
        object["metadata"]["name"] = made.body["metadata"]["name"].clone();
        object["metadata"]["resourceVersion"] = made.body["metadata"]["resourceVersion"].clone();
        let name = made.body["metadata"]["name"].as_str().expect("an object has a name");
        self.ask(Method::PUT, &format!("{}/{name}", self.path()), Some(&object)).await
    }
}
