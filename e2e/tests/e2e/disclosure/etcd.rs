//! The cluster's own store, past the API server: what a backup saves and a restore brings back.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use camerafleet_e2e::instance::Instance;
use serde_json::{Value, json};

/// An object's bytes, as they were.
pub struct Saved {
    key: String,
    value: String,
}

/// Saves an object by its key under /registry.
pub fn save(instance: Instance, key: &str) -> Result<Saved> {
    let key = BASE64_STANDARD.encode(format!("/registry/{key}"));
    let found = call(instance, "range", &json!({"key": key}))?;
    let value = found["kvs"][0]["value"].as_str().with_context(|| format!("nothing to save: {found}"))?;
    Ok(Saved { value: value.to_owned(), key })
}

/// Brings it back.
pub fn restore(instance: Instance, saved: &Saved) -> Result<()> {
    call(instance, "put", &json!({"key": saved.key, "value": saved.value})).map(drop)
}

/// etcd's JSON gateway. It listens in the cluster's network namespace only.
fn call(instance: Instance, what: &str, body: &Value) -> Result<Value> {
    let pki = |file: &str| instance.state().join("pki").join(file).display().to_string();
    let output = Command::new("nsenter")
        .arg(format!("--net=/run/netns/{}", instance.netns()))
        .args(["--", "curl", "--silent", "--show-error", "--fail", "--max-time", "10"])
        .args([
            "--cacert",
            &pki("etcd-ca.crt"),
            "--cert",
            &pki("etcd-client.crt"),
            "--key",
            &pki("etcd-client.key"),
        ])
        .args(["--data", &body.to_string(), &format!("https://127.0.0.1:2379/v3/kv/{what}")])
        .output()
        .context("start curl in the cluster's network namespace")?;
    ensure!(output.status.success(), "etcd does not {what}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}
