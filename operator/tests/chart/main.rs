//! The chart `camerafleet` without a cluster: what Helm makes of it, its rules by promtool, its dashboard.

#![allow(clippy::unwrap_used, missing_docs)]

mod dashboard;
mod golden;
mod metrics;
mod pods;
mod roles;
mod rules;
mod values;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use camerafleet_testkit::tool;
use serde_json::Value;

/// A path below the folder `charts`.
fn charts(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts").join(path)
}

/// The values that have no default.
const REQUIRED: &str = "image.repository=registry.example.com/camerafleet,vault.address=https://vault.example.com:8200,\
    log.s3.endpoint=https://s3.example.com,log.s3.bucket=camerafleet-log";

/// `helm template` with the values that have no default and these.
fn template(values: &[&str]) -> Output {
    let mut helm = Command::new(tool("helm"));
    helm.args(["template", "camerafleet"]).arg(charts("camerafleet"));
    helm.args(["--namespace", "camerafleet-system", "--set", REQUIRED]);
    for value in values {
        helm.args(["--set", value]);
    }
    helm.output().unwrap()
}

/// What `helm template` makes, document by document.
fn rendered(values: &[&str]) -> Vec<Value> {
    documents(&done(template(values)))
}

/// The documents of a YAML text.
fn documents(text: &str) -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(text)
        .map(|document| serde::Deserialize::deserialize(document).unwrap())
        .filter(|document: &Value| !document.is_null())
        .collect()
}

/// What a program that must succeed wrote.
fn done(output: Output) -> String {
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}

/// Runs promtool.
fn promtool(arguments: &[&str], files: &[PathBuf]) -> String {
    done(Command::new(tool("promtool")).args(arguments).args(files).output().unwrap())
}

/// The files of a folder below `charts`, in order.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = charts(folder).read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{folder}");
    files.sort();
    files
}
