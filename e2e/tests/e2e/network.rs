//! Who reaches whom: the cluster's firewall enforces the tenants' network policies.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use camerafleet_e2e::{
    demo::{TENANT, wait},
    fixtures::NAMESPACE,
    suite::{Fleet, installed},
};
use k8s_openapi::api::{
    core::v1::{Pod, Service},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);

/// Tries each `host:port` from a pod of its own in a namespace: whether something answers there, whatever it says.
async fn reaches(
    fleet: &Fleet,
    namespace: &str,
    labels: serde_json::Value,
    targets: &BTreeMap<&str, String>,
) -> Result<BTreeMap<String, bool>> {
    let containers: Vec<_> = targets
        .iter()
        .map(|(name, target)| {
            json!({
                "name": name, "image": fleet.ground.images.fixtures, "imagePullPolicy": "IfNotPresent",
                "command": ["bao", "status", format!("-address=http://{target}")],
                "env": [{"name": "BAO_CLIENT_TIMEOUT", "value": "4"}, {"name": "BAO_MAX_RETRIES", "value": "0"}],
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            })
        })
        .collect();
    // A network takes a new pod's policies up a moment after it has begun. Silence that is played at its pace is a pause.
    let pause = json!({
        "name": "pause", "image": fleet.ground.images.fixtures, "imagePullPolicy": "IfNotPresent",
        "command": ["ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "anullsrc=duration=10", "-f", "null", "-"],
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
    });
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"generateName": "reaches-", "labels": labels},
        "spec": {
            "initContainers": [pause], "containers": containers, "restartPolicy": "Never", "automountServiceAccountToken": false,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"},
            },
        },
    }))?;
    let pods = Api::<Pod>::namespaced(fleet.ground.client.clone(), namespace);
    let name = pods.create(&PostParams::default(), &pod).await?.name_any();
    let said = wait::until(&format!("the pod {namespace}/{name} has tried"), LIMIT, async || {
        let status = pods.get(&name).await?.status.unwrap_or_default();
        let ended = status.container_statuses.unwrap_or_default().into_iter().map(|container| {
            let ended = container.state?.terminated?;
            Some((container.name, ended.message.unwrap_or_default()))
        });
        Ok(ended.collect::<Option<BTreeMap<String, String>>>().filter(|said| said.len() == targets.len()))
    })
    .await;
    pods.delete(&name, &DeleteParams::default().grace_period(0)).await?;
    let silent = ["connection refused", "timeout", "deadline exceeded", "no route", "unreachable"];
    Ok(said?.into_iter().map(|(name, said)| (name, !silent.iter().any(|word| said.contains(word)))).collect())
}

/// The addresses of what runs in the cluster.
async fn targets(fleet: &Fleet) -> Result<BTreeMap<&'static str, String>> {
    let client = fleet.ground.client.clone();
    let services = Api::<Service>::namespaced(client.clone(), NAMESPACE);
    let mut found = BTreeMap::new();
    for (name, service) in [("vault", "vault"), ("store", "s3"), ("camera", "camera-yard")] {
        let spec = services.get(service).await?.spec.unwrap_or_default();
        let address = spec.cluster_ip.context("a service has no address")?;
        let port = spec.ports.and_then(|ports| Some(ports.first()?.port)).context("a service has no port")?;
        found.insert(name, format!("{address}:{port}"));
    }
    let pods = Api::<Pod>::namespaced(client, TENANT);
    let recorders = pods.list(&ListParams::default().labels("camerafleet.io/component=ingest")).await?;
    let address = recorders.items.iter().find_map(|pod| pod.status.as_ref()?.pod_ip.clone());
    found.insert("recorder", format!("{}:8080", address.context("the recorder has no address")?));
    Ok(found)
}

#[tokio::test]
async fn a_tenants_pods_reach_what_they_need_and_nobody_reaches_them() -> Result<()> {
    let fleet = installed().await?;
    let policies = Api::<NetworkPolicy>::namespaced(fleet.ground.client.clone(), TENANT);
    let names: Vec<String> =
        policies.list(&ListParams::default()).await?.items.iter().map(ResourceExt::name_any).collect();
    ensure!(names == ["camerafleet-default", "camerafleet-jobs", "camerafleet-recorders"], "{names:?}");
    let targets = targets(&fleet).await?;
    let expected = |open: [&str; 4]| {
        let all = targets.keys().map(|name| ((*name).to_owned(), open.contains(name)));
        all.collect::<BTreeMap<String, bool>>()
    };
    let none = json!({});
    // From outside: everything but the recorder, or the test would prove nothing.
    let outside = reaches(&fleet, NAMESPACE, none.clone(), &targets).await?;
    ensure!(outside == expected(["vault", "store", "camera", ""]), "from outside: {outside:?}");
    let stray = reaches(&fleet, TENANT, none, &targets).await?;
    ensure!(stray == expected([""; 4]), "from a pod in the namespace that is neither: {stray:?}");
    let job = reaches(&fleet, TENANT, json!({"camerafleet.io/component": "disclosure"}), &targets).await?;
    ensure!(job == expected(["vault", "store", "", ""]), "from a job: {job:?}");
    Ok(())
}
