//! The Jobs: one that opens what was granted, and one that only lists owners' shares.

use camerafleet_footage::disclosure::job::{CONFIG_KEY, PREPARE_KEY};
use k8s_openapi::api::batch::v1::Job;
use serde_json::{Value, json};

use super::{ACCOUNT, Parts};
use crate::{config::RunArgs, error::Error};

/// A package of a long window takes a while; one that hangs is ended, and made anew.
const ACTIVE_DEADLINE_SECONDS: u32 = 6 * 3_600;
/// What is over is looked at for so long.
const KEPT_SECONDS: u32 = 7 * 86_400;
/// A token is needed at each login, for some minutes; the kubelet renews it.
const TOKEN_SECONDS: u32 = 600;
/// The account of the Job that has no role in Vault.
const PREPARE_ACCOUNT: &str = "prepare";

impl Parts<'_> {
    pub(super) fn job(&self, name: &str, args: &RunArgs) -> Result<Job, Error> {
        let vault = "--vault-token-file=/var/run/secrets/vault/token".to_owned();
        let arguments = vec![
            format!("--config=/etc/camerafleet/disclosure/{CONFIG_KEY}"),
            "--store-dir=/etc/camerafleet/store".to_owned(),
            vault,
            "--termination-log=/dev/termination-log".to_owned(),
        ];
        let token = json!({"name": "vault-token", "projected": {"defaultMode": 0o440, "sources": [{"serviceAccountToken": {
            "audience": args.vault.audience, "expirationSeconds": TOKEN_SECONDS, "path": "token",
        }}]}});
        let volumes = vec![config_volume(name), store_volume(name), token];
        let mounts = json!([
            mount("config", "/etc/camerafleet/disclosure"),
            mount("store", "/etc/camerafleet/store"),
            mount("vault-token", "/var/run/secrets/vault"),
        ]);
        self.build(name, ACCOUNT, arguments, volumes, mounts, args)
    }

    pub(super) fn prepare_job(&self, name: &str, args: &RunArgs) -> Result<Job, Error> {
        let arguments = vec![
            "prepare".to_owned(),
            format!("--config=/etc/camerafleet/disclosure/{PREPARE_KEY}"),
            "--store-dir=/etc/camerafleet/store".to_owned(),
            "--termination-log=/dev/termination-log".to_owned(),
        ];
        let volumes = vec![config_volume(name), store_volume(name)];
        let mounts =
            json!(
                [mount("config", "/etc/camerafleet/disclosure"), mount("store", "/etc/camerafleet/store"),]
            );
        self.build(name, PREPARE_ACCOUNT, arguments, volumes, mounts, args)
    }

    fn build(
        &self,
        name: &str,
        account: &str,
        arguments: Vec<String>,
        volumes: Vec<Value>,
        mounts: Value,
        args: &RunArgs,
    ) -> Result<Job, Error> {
        let labels = self.labels();
        let pod = json!({
            "serviceAccountName": account,
            "automountServiceAccountToken": true,
            "enableServiceLinks": false,
            "restartPolicy": "Never",
            "imagePullSecrets": self.tenant.spec.ingest.image_pull_secrets,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "disclosure",
                "image": args.image,
                "imagePullPolicy": args.image_pull_policy,
                "command": ["disclosure"],
                "args": arguments,
                "env": [{"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "128Mi"},
                    "limits": {"memory": "256Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": mounts,
            }],
            "volumes": volumes,
        });
        let spec = json!({
            "backoffLimit": 2,
            "activeDeadlineSeconds": ACTIVE_DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            // What another try at once does not change: arguments, and a refusal.
            "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {
                "containerName": "disclosure", "operator": "In", "values": [2, 3],
            }}]},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        });
        let build = |source| Error::Build { doing: format!("build the Job {name}"), source };
        Ok(Job {
            metadata: self.meta(name),
            spec: Some(serde_json::from_value(spec).map_err(build)?),
            ..Job::default()
        })
    }
}

fn mount(name: &str, path: &str) -> Value {
    json!({"name": name, "mountPath": path, "readOnly": true})
}

fn config_volume(name: &str) -> Value {
    json!({"name": "config", "configMap": {"name": name}})
}

fn store_volume(name: &str) -> Value {
    json!({"name": "store", "secret": {"secretName": name, "defaultMode": 0o440}})
}
