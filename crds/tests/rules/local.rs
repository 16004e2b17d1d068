//! The rules without an API server, by an implementation of CEL in Rust. It knows every function that they use.

use camerafleet_crds::generated;
use kube_cel::Validator;
use serde_json::{Value, json};

use crate::table::{Kind, kinds, messages};

/// What the rules say of an object.
fn check(schema: &Value, object: &Value, old: Option<&Value>) -> Vec<String> {
    match Validator::new().validate(schema, object, old) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.iter().map(|e| format!("{}: {}", e.field_path, e.message)).collect(),
    }
}

fn each_case(mut test: impl FnMut(&Kind, &Value, &str, Option<Value>, &Value, bool)) {
    for (kind, definition) in kinds() {
        let schema = generated::schema(&definition);
        for case in &kind.rules {
            let old = case.old.as_ref().map(|old| kind.object(old));
            for (patches, good) in [(&case.good, true), (&case.bad, false)] {
                for patch in patches {
                    test(&kind, &schema, &case.says, old.clone(), patch, good);
                }
            }
        }
    }
}

#[test]
fn each_rule_takes_what_is_right_and_says_what_is_wrong() {
    let mut failures = Vec::new();
    each_case(|kind, schema, says, old, patch, good| {
        let errors = check(schema, &kind.object(patch), old.as_ref());
        let fits = if good { errors.is_empty() } else { errors.iter().any(|e| e.contains(says)) };
        if !fits {
            failures.push(format!("{} {says:?}, {patch}: {errors:?}", kind.name));
        }
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_rule_has_a_case_that_passes_and_one_that_does_not() {
    for (kind, definition) in kinds() {
        for message in messages(&definition) {
            let cases = || kind.rules.iter().filter(|case| message.starts_with(&case.says));
            assert!(cases().any(|case| !case.good.is_empty()), "{}: nothing passes {message:?}", kind.name);
            assert!(cases().any(|case| !case.bad.is_empty()), "{}: nothing fails {message:?}", kind.name);
        }
    }
}

#[test]
fn a_complete_object_and_the_least_one_pass_and_are_what_the_types_read() {
    for (kind, definition) in kinds() {
        let schema = generated::schema(&definition);
        for object in [kind.object(&json!({})), kind.least()] {
            assert_eq!(check(&schema, &object, None), Vec::<String>::new(), "{}", kind.name);
        }
        let complete = kind.object(&json!({}));
        let read = super::read(&complete);
        // Every field of the schema is in it, so that the cases below leave none out.
        let missing = missing(&schema["properties"]["spec"], &complete["spec"], "spec");
        assert_eq!(missing, Vec::<String>::new(), "{}", kind.name);
        assert_eq!(read["spec"], complete["spec"], "{}", kind.name);
    }
}

fn missing(schema: &Value, value: &Value, path: &str) -> Vec<String> {
    const KNOWN_ELSEWHERE: [&str; 2] = ["tolerations", "resources"];
    let fields = schema["properties"].as_object().into_iter().flatten();
    fields
        .filter(|(name, _)| !KNOWN_ELSEWHERE.contains(&name.as_str()))
        .flat_map(|(name, field)| match value.get(name) {
            None => vec![format!("{path}.{name}")],
            Some(value) => missing(field, value, &format!("{path}.{name}")),
        })
        .collect()
}

#[test]
fn an_immutable_kind_lets_no_field_change_but_those_it_names() {
    for (kind, definition) in kinds() {
        let Some(says) = &kind.immutable else { continue };
        let schema = generated::schema(&definition);
        let old = kind.object(&json!({}));
        let mut changes = Vec::new();
        leaves(&old["spec"], "/spec", &mut changes);
        assert!(changes.len() > 5, "{}", kind.name);
        for pointer in changes {
            let top = pointer.split('/').nth(2).expect("a field of spec");
            if kind.may_change.iter().any(|name| name == top) {
                continue;
            }
            let mut changed = old.clone();
            let leaf = changed.pointer_mut(&pointer).expect("the leaf was found there");
            *leaf = match &*leaf {
                Value::Bool(value) => json!(!*value),
                Value::String(text) if text.starts_with("20") => json!("2026-11-25T18:30:00Z"),
                Value::String(text) if text.ends_with(['h', 'd']) => json!("1h"),
                other => json!(format!("{}x", other.as_str().unwrap_or_default())),
            };
            let errors = check(&schema, &changed, Some(&old));
            assert!(errors.iter().any(|e| e.contains(says.as_str())), "{} {pointer}: {errors:?}", kind.name);

            let mut gone = old.clone();
            let fields = gone["spec"].as_object_mut().expect("a spec is an object");
            if fields.get(top) == kind_default(&definition, top).as_ref() {
                continue; // leaving it out says the same
            }
            fields.remove(top);
            let errors = check(&schema, &gone, Some(&old));
            assert!(!errors.is_empty(), "{} without {top}", kind.name);
        }
    }
}

fn kind_default(definition: &super::Definition, field: &str) -> Option<Value> {
    generated::schema(definition)["properties"]["spec"]["properties"][field].get("default").cloned()
}

fn leaves(value: &Value, pointer: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(k, v)| leaves(v, &format!("{pointer}/{k}"), into)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, v)| leaves(v, &format!("{pointer}/{n}"), into));
        }
        _ => into.push(pointer.to_owned()),
    }
}
