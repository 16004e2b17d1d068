//! A shard's Deployment. Nothing that changes with the cameras is in it: they come by the ConfigMap, and no
//! change of one restarts the others.

use camerafleet_crds::Tenant;
use camerafleet_footage::shard::STATUS_PORT;
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};
use serde_json::json;

use super::{SHARD, labels, meta};
use crate::{config::RunArgs, error::Error};

/// A pod may take so much longer than its drain before it is killed.
const GRACE_MARGIN: u32 = 30;

/// What a recorder asks for where nothing is said of it: a quota refuses pods that ask for nothing.
const REQUESTS: [(&str, &str); 2] = [("cpu", "100m"), ("memory", "128Mi")];

/// The declared requests and limits; a limit is a request, too.
fn resources(declared: &ResourceRequirements) -> ResourceRequirements {
    let mut resources = declared.clone();
    for (name, amount) in REQUESTS {
        if resources.limits.as_ref().is_none_or(|limits| !limits.contains_key(name)) {
            let requests = resources.requests.get_or_insert_default();
            requests.entry(name.to_owned()).or_insert_with(|| Quantity(amount.to_owned()));
        }
    }
    resources
}

/// The Deployment.
pub fn deployment(tenant: &Tenant, args: &RunArgs) -> Result<Deployment, Error> {
    let build = |source| Error::Build { doing: format!("build the Deployment {SHARD}"), source };
    let ingest = &tenant.spec.ingest;
    let labels = labels(tenant);
    let grace = ingest.drain_seconds + GRACE_MARGIN;
    // The kubelet evicts a pod that is over the limit; the recorder's own bound must come first.
    let spool_limit = ingest.spool.size.value() / 4 * 5;
    let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    let spec = json!({
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {
            "metadata": {
                "labels": labels,
                "annotations": {"kubectl.kubernetes.io/default-container": "ingest"},
            },
            "spec": {
                "serviceAccountName": SHARD,
                "automountServiceAccountToken": true,
                "enableServiceLinks": false,
                "terminationGracePeriodSeconds": grace,
                "nodeSelector": ingest.node_selector,
                "tolerations": ingest.tolerations,
                "priorityClassName": ingest.priority_class_name,
                "imagePullSecrets": ingest.image_pull_secrets,
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [{
                    "name": "ingest",
                    "image": args.image,
                    "imagePullPolicy": args.image_pull_policy,
                    "command": ["ingest"],
                    "args": [
                        format!("--shard={SHARD}"),
                        "--spool-dir=/spool",
                        format!("--listen=0.0.0.0:{STATUS_PORT}"),
                        format!("--drain-seconds={}", ingest.drain_seconds),
                    ],
                    "env": [
                        {"name": "POD_NAME", "valueFrom": field("metadata.name")},
                        {"name": "POD_NAMESPACE", "valueFrom": field("metadata.namespace")},
                        {"name": "POD_UID", "valueFrom": field("metadata.uid")},
                    ],
                    "ports": [{"name": "status", "containerPort": STATUS_PORT}],
                    "resources": resources(&ingest.resources),
                    "readinessProbe": {"httpGet": {"path": "/readyz", "port": "status"}, "periodSeconds": 5},
                    "livenessProbe": {"httpGet": {"path": "/healthz", "port": "status"}, "periodSeconds": 10, "failureThreshold": 6},
                    "securityContext": {
                        "allowPrivilegeEscalation": false,
                        "readOnlyRootFilesystem": true,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [{"name": "spool", "mountPath": "/spool"}],
                }],
                "volumes": [{"name": "spool", "emptyDir": {"sizeLimit": spool_limit.to_string()}}],
            },
        },
    });
    Ok(Deployment {
        metadata: meta(tenant),
        spec: Some(serde_json::from_value(spec).map_err(build)?),
        ..Deployment::default()
    })
}
