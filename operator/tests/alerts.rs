//! The chart's alert rules query only metrics that the operator has.

#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::Path};

use serde_json::Value;

#[test]
fn every_rule_queries_metrics_that_exist_and_is_explained() {
    // By its source: a vector that has no value yet is not gathered.
    let is_known = |name: &&str| include_str!("../src/metrics.rs").contains(&format!("\"{name}\","));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/camerafleet/rules");
    let mut rules = 0;
    for file in fs::read_dir(folder).unwrap() {
        let file: Value =
            serde_yaml_ng::from_str(&fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        for rule in file["groups"].as_array().unwrap().iter().flat_map(|g| g["rules"].as_array().unwrap()) {
            let expr = rule["expr"].as_str().unwrap();
            let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let queried: Vec<&str> = words.filter(|word| word.starts_with("camerafleet_")).collect();
            assert!(!queried.is_empty() && queried.iter().all(is_known), "{expr}");
            for text in ["summary", "description"] {
                assert!(rule["annotations"][text].is_string(), "{rule}");
            }
            rules += 1;
        }
    }
    assert!(rules > 0);
}
