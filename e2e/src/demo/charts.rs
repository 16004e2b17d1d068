//! The charts, and the one step that takes an administrator of Vault.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use k8s_openapi::api::{batch::v1::Job, core::v1::Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use tokio::process::Command;

use super::{Ground, MONITORING_NAMESPACE, OPERATOR_NAMESPACE, wait};
use crate::{
    fixtures::{Credentials, Fixtures, NAMESPACE, S3Fixture},
    tools::command,
};

/// The Secret with the certificate authority of the logs' store.
const LOG_CA: &str = "camerafleet-log-ca";
const HELM: Duration = Duration::from_secs(180);
/// What this program applies belongs to it.
pub const FIELD_MANAGER: &str = "camerafleet-e2e";

/// Installs or upgrades both charts of this checkout and waits for the operator.
pub async fn install(ground: &Ground, fixtures: &Fixtures) -> Result<()> {
    let values = values(&ground.images.camerafleet, fixtures)?;
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts");
    upgrade(ground, "camerafleet-crds", &charts.join("camerafleet-crds"), &json!({})).await?;
    // The operator starts with them, in the namespace that the first chart made.
    log_secrets(ground, &fixtures.s3).await?;
    upgrade(ground, "camerafleet", &charts.join("camerafleet"), &values).await
}

/// The values of the chart `camerafleet` for an image and the fixtures.
pub fn values(image: &str, fixtures: &Fixtures) -> Result<serde_json::Value> {
    let (repository, tag) = image
        .rsplit_once(':')
        .context("the image needs a tag, as in registry.example.com/camerafleet:0.1.0")?;
    let s3 = &fixtures.s3;
    Ok(json!({
        "image": {"repository": repository, "tag": tag},
        "vault": {"address": fixtures.vault.address, "caPem": fixtures.vault.ca_pem},
        "network": {
            "vaultCidrs": fixtures.vault.networks, "logCidrs": s3.networks, "monitoringNamespaces": [MONITORING_NAMESPACE],
        },
        "log": {"s3": {
            "endpoint": s3.endpoint, "region": s3.region, "bucket": s3.log_bucket, "caBundleSecret": LOG_CA,
        }},
    }))
}

/// What the chart's values `log.s3` name.
async fn log_secrets(ground: &Ground, s3: &S3Fixture) -> Result<()> {
    let secrets = Api::<Secret>::namespaced(ground.client.clone(), OPERATOR_NAMESPACE);
    let credential = |of: &Credentials| json!({"accessKeyId": of.access, "secretAccessKey": of.secret});
    for (name, data) in [
        ("camerafleet-log", credential(&s3.log)),
        ("camerafleet-log-reader", credential(&s3.log_reader)),
        (LOG_CA, json!({"ca.crt": s3.ca_pem})),
    ] {
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
        let apply = PatchParams::apply(FIELD_MANAGER).force();
        let what = || format!("create the Secret {name}");
        secrets.patch(name, &apply, &Patch::Apply(secret)).await.with_context(what)?;
    }
    Ok(())
}

/// Installs or upgrades a release from a chart's folder, and waits for what is in it.
pub async fn upgrade(ground: &Ground, release: &str, chart: &Path, values: &serde_json::Value) -> Result<()> {
    let file = tempfile::NamedTempFile::with_suffix(".json").context("make a file for the chart's values")?;
    std::fs::write(file.path(), values.to_string()).context("write the chart's values")?;
    let arguments = ["upgrade", "--install", release, "--create-namespace", "--wait", "--timeout", "150s"];
    let mut helm = helm(ground, &arguments);
    helm.arg(chart).arg("--values").arg(file.path());
    command::output(&format!("install the release {release}"), &mut helm, HELM).await.map(drop)
}

/// Helm with these arguments, in the operator's namespace.
pub fn helm(ground: &Ground, arguments: &[&str]) -> Command {
    let mut helm = Command::new(ground.tools.bin("helm"));
    helm.args(arguments).args(["--namespace", OPERATOR_NAMESPACE]);
    if let Some(kubeconfig) = &ground.kubeconfig {
        helm.env("KUBECONFIG", kubeconfig);
    }
    helm
}

/// Runs `operator vault-setup` as a Job beside Vault, with the demo's root token.
pub async fn vault_setup(ground: &Ground, fixtures: &Fixtures) -> Result<()> {
    const NAME: &str = "vault-setup";
    let jobs = Api::<Job>::namespaced(ground.client.clone(), NAMESPACE);
    let secrets = Api::<Secret>::namespaced(ground.client.clone(), NAMESPACE);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME},
        "stringData": {"token": fixtures.vault.root_token, "ca.crt": fixtures.vault.ca_pem},
    });
    let apply = PatchParams::apply(FIELD_MANAGER).force();
    secrets.patch(NAME, &apply, &Patch::Apply(secret)).await.context("create the Secret vault-setup")?;
    // A Job's template cannot change: an earlier run's goes first.
    let _ = jobs.delete(NAME, &DeleteParams::foreground()).await;
    wait::until("the earlier vault-setup Job is gone", Duration::from_secs(30), async || {
        Ok(jobs.get_opt(NAME).await?.is_none().then_some(()))
    })
    .await?;
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": NAME},
        "spec": {"backoffLimit": 2, "activeDeadlineSeconds": 90, "template": {"spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": NAME,
                "image": ground.images.camerafleet,
                "command": ["operator", "vault-setup"],
                "env": [
                    {"name": "VAULT_ADDR", "value": fixtures.vault.address},
                    {"name": "VAULT_CACERT", "value": "/vault/ca.crt"},
                    {"name": "VAULT_TOKEN", "valueFrom": {"secretKeyRef": {"name": NAME, "key": "token"}}},
                ],
                "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [{"name": "ca", "mountPath": "/vault", "readOnly": true}],
            }],
            "volumes": [{"name": "ca", "secret": {"secretName": NAME, "items": [{"key": "ca.crt", "path": "ca.crt"}]}}],
        }}},
    });
    jobs.patch(NAME, &apply, &Patch::Apply(job)).await.context("create the Job vault-setup")?;
    let done = wait::until("operator vault-setup succeeded", Duration::from_secs(90), async || {
        let status = jobs.get(NAME).await?.status.unwrap_or_default();
        Ok(status.succeeded.filter(|n| *n > 0))
    })
    .await;
    // The root token goes as soon as it has served.
    let _ = secrets.delete(NAME, &DeleteParams::default()).await;
    if done.is_err() {
        let pods = Api::<k8s_openapi::api::core::v1::Pod>::namespaced(ground.client.clone(), NAMESPACE);
        for pod in pods.list(&kube::api::ListParams::default().labels("job-name=vault-setup")).await?.items {
            let log = pods.logs(&pod.name_any(), &kube::api::LogParams::default()).await.unwrap_or_default();
            crate::progress::say(&log);
        }
    }
    done.map(drop)
}
