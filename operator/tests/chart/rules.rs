//! The alerts and recorded series.

use std::{collections::BTreeSet, fs};

use camerafleet_crds::reasons;
use serde_json::{Value, json};

use crate::{files, metrics, promtool, rendered};

fn groups() -> Vec<Value> {
    let read = |file| -> Value { serde_yaml_ng::from_str(&fs::read_to_string(file).unwrap()).unwrap() };
    files("camerafleet/rules")
        .into_iter()
        .flat_map(|file| read(file)["groups"].as_array().unwrap().clone())
        .collect()
}

pub fn rules() -> Vec<Value> {
    groups().iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// The names of the recorded series.
pub fn recorded() -> Vec<String> {
    rules().iter().filter_map(|rule| Some(rule["record"].as_str()?.to_owned())).collect()
}

fn expr(rule: &Value) -> &str {
    rule["expr"].as_str().unwrap()
}

#[test]
fn every_rule_queries_series_that_exist() {
    let (rules, mut known) = (rules(), metrics::series());
    known.extend(recorded());
    for rule in &rules {
        let queried = metrics::queried(expr(rule));
        assert!(!queried.is_empty(), "{rule}");
        for series in queried {
            assert!(known.contains(&series), "there is no {series}: {rule}");
        }
    }
}

/// A misspelt reason would make an alert that never fires, or one that always does.
#[test]
fn every_reason_that_a_rule_names_exists() {
    let of = |series: &str| {
        Some(match series.strip_prefix("camerafleet_").unwrap_or(series) {
            "cameras" | "ingest_camera_state" => ("Camera", "Ready"),
            "cameras_without_keys" => ("Camera", "KeysReady"),
            "tenant_logs" => ("Tenant", "LogReady"),
            "storage_quotas" => ("Tenant", "WithinStorageQuota"),
            "retention_policies" => ("RetentionPolicy", "RunSucceeded"),
            "legal_holds" => ("LegalHold", "Ready"),
            "disclosure_requests" | "disclosure_oldest_open_timestamp_seconds" => {
                ("DisclosureRequest", "Ready")
            }
            // Words of their own, in docs/monitoring.md.
            "recorders" | "vault_logins_total" | "disclosure_notices_total" | "reconciliations_total" => {
                return None;
            }
            other => panic!("say here what the labels of {other} are"),
        })
    };
    let mut seen = BTreeSet::new();
    for rule in rules() {
        for (series, value) in metrics::compared(expr(&rule)) {
            let Some((kind, condition)) = of(&series) else { continue };
            // Of an object without a status, and of every kind's copies.
            let general = ["New", "DuplicateId"].contains(&value.as_str());
            assert!(
                general || reasons::known(kind, condition, &value),
                "no {condition} {value} of a {kind}: {rule}"
            );
            seen.insert(series);
        }
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
}

#[test]
fn every_alert_says_what_to_do_and_stands_on_the_page_for_people() {
    let mut alerts = BTreeSet::new();
    for rule in rules().iter().filter(|rule| rule["alert"].is_string()) {
        let (name, severity) =
            (rule["alert"].as_str().unwrap(), rule["labels"]["severity"].as_str().unwrap());
        assert!(["critical", "warning", "info"].contains(&severity), "{rule}");
        for text in ["summary", "description"] {
            let text = rule["annotations"][text].as_str().unwrap();
            assert!(text.ends_with(['.', ')']) && !text.contains("  "), "{rule}");
            // A runbook that is named is there.
            for word in text.split_whitespace().filter(|word| word.starts_with("docs/")) {
                let page = word.trim_end_matches(['.', ':', ',']);
                assert!(crate::charts("..").join(page).is_file(), "{page}: {rule}");
            }
        }
        assert!(alerts.insert(vec![name.to_owned(), severity.to_owned()]), "{name} stands twice");
    }
    let told: BTreeSet<_> = metrics::rows("Camerafleet").into_iter().map(|row| row[..2].to_vec()).collect();
    assert_eq!(alerts, told);
}

#[test]
fn promtool_takes_the_rules_and_each_alert_fires_when_it_should_and_not_otherwise() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &files("camerafleet/rules"));
    let tests = files("tests/rules");
    promtool(&["test", "rules"], &tests);
    let read = |file| -> Value { serde_yaml_ng::from_str(&fs::read_to_string(file).unwrap()).unwrap() };
    let tests: Vec<Value> =
        tests.into_iter().flat_map(|file| read(file)["tests"].as_array().unwrap().clone()).collect();
    let alerts: Vec<Value> = rules().into_iter().filter(|rule| rule["alert"].is_string()).collect();
    assert_eq!(tests.len(), 2 * alerts.len());
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        for (kind, samples) in [("fires", 1), ("is quiet", 0)] {
            let begin = format!("{name} {kind} ");
            let mut ours = tests.iter().filter(|test| test["name"].as_str().unwrap().starts_with(&begin));
            let (test, None) = (ours.next().expect(&begin), ours.next()) else {
                panic!("{begin} stands twice")
            };
            let [asked] = &test["promql_expr_test"].as_array().unwrap()[..] else { panic!("{begin}") };
            assert_eq!(asked["expr"], format!(r#"ALERTS{{alertname="{name}", alertstate="firing"}}"#));
            assert_eq!(asked["exp_samples"].as_array().unwrap().len(), samples, "{begin}");
            // Silence proves something only where the alert has something to look at.
            let given = test["input_series"].as_array().unwrap();
            assert!(samples == 1 || !given.is_empty(), "{begin}");
        }
    }
}

#[test]
fn the_chart_makes_of_them_one_object_and_only_when_asked() {
    let is_rule = |object: &Value| object["kind"] == "PrometheusRule";
    assert!(!rendered(&[]).iter().any(is_rule));
    let objects = rendered(&["prometheusRule.enabled=true,prometheusRule.labels.release=prometheus"]);
    let [rule] = &objects.iter().filter(|object| is_rule(object)).collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(rule["metadata"]["labels"]["release"], "prometheus");
    let mut made = rule["spec"]["groups"].as_array().unwrap().clone();
    made.sort_by_key(|group| group["name"].to_string());
    let mut own = groups();
    own.sort_by_key(|group| group["name"].to_string());
    assert_eq!(made, own);
    // As Prometheus takes them, after Helm had them in its hands.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, json!({"groups": made}).to_string()).unwrap();
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &[file]);
}
