//! The table of cases: for each rule, objects that must pass and objects that must not.

use std::collections::BTreeMap;

use camerafleet_crds::generated;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Deserialize;
use serde_json::{Value, json};

/// A kind with its cases, which stand in `cases/<kind>.yaml`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kind {
    #[serde(skip)]
    pub name: String,
    /// A complete object, every optional field given. All else is patches to it.
    pub base: Value,
    /// The least that a spec must say.
    pub minimal: Value,
    /// Of an immutable kind: the top fields of its spec that may change.
    #[serde(default)]
    pub may_change: Vec<String>,
    /// Of an immutable kind: what a change is told.
    #[serde(default)]
    pub immutable: Option<String>,
    /// The rules in CEL.
    pub rules: Vec<Case>,
    /// What the schema alone refuses.
    #[serde(default)]
    pub schema: Vec<Case>,
}

/// A rule's objects, as JSON merge patches to the kind's base.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The beginning of the rule's sentence.
    pub says: String,
    /// For a rule on changes: what the object was before.
    pub old: Option<Value>,
    #[serde(default)]
    pub good: Vec<Value>,
    pub bad: Vec<Value>,
}

/// All kinds, in the order of their definitions.
pub fn kinds() -> Vec<(Kind, CustomResourceDefinition)> {
    let texts: BTreeMap<&str, &str> = [
        ("Tenant", include_str!("cases/tenant.yaml")),
        ("Camera", include_str!("cases/camera.yaml")),
        ("RetentionPolicy", include_str!("cases/retentionpolicy.yaml")),
        ("SharingPolicy", include_str!("cases/sharingpolicy.yaml")),
        ("LegalHold", include_str!("cases/legalhold.yaml")),
        ("DisclosureRequest", include_str!("cases/disclosurerequest.yaml")),
        ("Approval", include_str!("cases/approval.yaml")),
        ("LegalOrder", include_str!("cases/legalorder.yaml")),
    ]
    .into();
    camerafleet_crds::definitions()
        .into_iter()
        .map(|definition| {
            let name = definition.spec.names.kind.clone();
            let text = texts.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no cases"));
            let kind = serde_yaml_ng::from_str(text).unwrap_or_else(|e| panic!("the cases of {name}: {e}"));
            (Kind { name, ..kind }, definition)
        })
        .collect()
}

impl Kind {
    /// The base with a patch, as an object of the kind.
    pub fn object(&self, patch: &Value) -> Value {
        let mut object = json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": self.name});
        merge(&mut object, &self.base);
        merge(&mut object, patch);
        object
    }

    /// The least that can be said.
    pub fn least(&self) -> Value {
        let mut object = self.object(&json!({"spec": null}));
        object["spec"] = self.minimal.clone();
        object
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            target.as_object_mut().expect("made one above").remove(name);
        } else {
            merge(&mut target[name], value);
        }
    }
}

/// The sentences of all rules of a definition.
pub fn messages(definition: &CustomResourceDefinition) -> Vec<String> {
    let mut messages = Vec::new();
    generated::walk(&generated::schema(definition), &mut |node| {
        for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
            messages
                .push(rule["message"].as_str().unwrap_or_else(|| panic!("no sentence: {rule}")).to_owned());
        }
    });
    messages.sort();
    messages.dedup();
    messages
}
