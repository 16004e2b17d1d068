//! When and how the job runs.

use camerafleet_footage::retention::CONFIG_KEY;
use k8s_openapi::api::batch::v1::CronJob;
use kube::ResourceExt;
use serde_json::json;

use super::{ACCOUNT, Parts};
use crate::{config::RunArgs, error::Error};

/// A run that could not start for so long is left out; the next one does its work. Not longer: the controller
/// gives up counting at a hundred missed runs, and one may be due each minute.
const STARTING_DEADLINE_SECONDS: u32 = 3_600;
/// A run that hangs is ended, as the next one does not begin before.
pub(in crate::controllers::retention_policy) const ACTIVE_DEADLINE_SECONDS: u32 = 3_600;
/// And begins nothing new a while before, so that it can report.
const TIME_LIMIT_SECONDS: u32 = 3_000;
/// A token is needed once, at a login.
const TOKEN_SECONDS: u32 = 600;

impl Parts<'_> {
    pub(super) fn cron_job(&self, args: &RunArgs) -> Result<CronJob, Error> {
        let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
        let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path, "readOnly": true});
        let pod = json!({
            "serviceAccountName": ACCOUNT,
            "automountServiceAccountToken": true,
            "enableServiceLinks": false,
            "restartPolicy": "Never",
            "imagePullSecrets": self.observed.tenant.spec.ingest.image_pull_secrets,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "retention",
                "image": args.image,
                "imagePullPolicy": args.image_pull_policy,
                "command": ["retention"],
                "args": [
                    format!("--policy={}", self.policy.name_any()),
                    format!("--config=/etc/camerafleet/retention/{CONFIG_KEY}"),
                    "--store-dir=/etc/camerafleet/store",
                    "--vault-token-file=/var/run/secrets/vault/token",
                    format!("--time-limit={TIME_LIMIT_SECONDS}"),
                ],
                "env": [
                    {"name": "POD_NAMESPACE", "valueFrom": field("metadata.namespace")},
                    {"name": "JOB_NAME", "valueFrom": field("metadata.labels['batch.kubernetes.io/job-name']")},
                ],
                "resources": {
                    "requests": {"cpu": "50m", "memory": "64Mi"},
                    "limits": {"memory": "256Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    mount("config", "/etc/camerafleet/retention"),
                    mount("store", "/etc/camerafleet/store"),
                    mount("vault-token", "/var/run/secrets/vault"),
                ],
            }],
            "volumes": [
                {"name": "config", "configMap": {"name": self.name}},
                {"name": "store", "secret": {"secretName": self.name, "defaultMode": 0o440}},
                {"name": "vault-token", "projected": {"defaultMode": 0o440, "sources": [{"serviceAccountToken": {
                    "audience": args.vault.audience, "expirationSeconds": TOKEN_SECONDS, "path": "token",
                }}]}},
            ],
        });
        let spec = json!({
            "schedule": self.policy.spec.schedule,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "suspend": false,
            "startingDeadlineSeconds": STARTING_DEADLINE_SECONDS,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 2,
            "jobTemplate": {
                "metadata": {"labels": self.labels},
                "spec": {
                    "backoffLimit": 2,
                    "activeDeadlineSeconds": ACTIVE_DEADLINE_SECONDS,
                    // What another try at once does not change: arguments, a clock, another policy.
                    "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {
                        "containerName": "retention", "operator": "In", "values": [2, 3],
                    }}]},
                    "template": {"metadata": {"labels": self.labels}, "spec": pod},
                },
            },
        });
        let build = |source| Error::Build { doing: format!("build the CronJob {}", self.name), source };
        Ok(CronJob {
            metadata: self.meta(),
            spec: Some(serde_json::from_value(spec).map_err(build)?),
            ..CronJob::default()
        })
    }
}
