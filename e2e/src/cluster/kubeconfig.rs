//! Kubeconfigs: who a component is, and where the API server is.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use super::{folders, pki::Pki};
use crate::instance::Instance;

/// Writes the kubeconfig of the holder of the certificate `user`, with everything in it.
pub(super) fn write(instance: Instance, pki: &Pki, user: &str, path: &Path) -> Result<()> {
    let cluster = format!("camerafleet-{}", instance.name());
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [{"name": cluster, "cluster": {
            "server": instance.server(),
            "certificate-authority-data": encoded(&pki.certificate("ca"))?,
        }}],
        "users": [{"name": user, "user": {
            "client-certificate-data": encoded(&pki.certificate(user))?,
            "client-key-data": encoded(&pki.key(user))?,
        }}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
    });
    let text = serde_yaml_ng::to_string(&config).context("writing a kubeconfig")?;
    folders::write(path, &text, 0o600)
}

fn encoded(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(BASE64_STANDARD.encode(bytes))
}
