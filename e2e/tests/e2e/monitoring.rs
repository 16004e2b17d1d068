//! A real Prometheus in the cluster: it finds the operator and the recorders as the chart's monitors say, is let in, and
//! evaluates the chart's rules on what they tell.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use camerafleet_crds::Camera;
use camerafleet_e2e::{
    demo::{CAMERAS, MONITORING_NAMESPACE, OPERATOR_NAMESPACE, TENANT, apply_one, wait},
    suite::{Fleet, installed},
    tools::{self, command},
};
use k8s_openapi::api::{
    core::v1::{Namespace, Pod},
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::process::Command;

/// A scrape is due every five seconds, a rule likewise.
const SOON: Duration = Duration::from_secs(90);
/// What lets Prometheus look for targets.
const ROLE: &str = "camerafleet-e2e-prometheus";

fn charts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../charts")
}

/// The chart's monitors, as Helm makes them.
async fn monitors(fleet: &Fleet) -> Result<[Value; 2]> {
    let mut helm = Command::new(fleet.ground.tools.bin("helm"));
    helm.args(["template", "camerafleet"]).arg(charts().join("camerafleet"));
    helm.args(["--namespace", OPERATOR_NAMESPACE, "--values"])
        .arg(charts().join("tests/values/monitored.yaml"));
    let made = command::output("template the monitors", &mut helm, Duration::from_secs(30)).await?;
    let documents: Vec<Value> = serde_yaml_ng::Deserializer::from_str(&made)
        .map(serde::Deserialize::deserialize)
        .collect::<Result<_, _>>()?;
    let of = |kind: &str| {
        documents.iter().find(|object| object["kind"] == kind).cloned().with_context(|| format!("no {kind}"))
    };
    Ok([of("ServiceMonitor")?, of("PodMonitor")?])
}

/// What the Prometheus operator would make of a monitor: who is found by its labels, under the port that it names.
fn scrape(monitor: &Value) -> Result<Value> {
    let labels = monitor["spec"]["selector"]["matchLabels"].as_object().context("no labels")?;
    let selector: Vec<String> =
        labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let selector = selector.join(",");
    let keep =
        |label: &str, value: &Value| json!({"source_labels": [label], "regex": value, "action": "keep"});
    let copy = |from: &str, to: &str| json!({"source_labels": [from], "target_label": to});
    let (discovery, port) = if monitor["kind"] == "ServiceMonitor" {
        let endpoints = json!({
            "role": "endpointslice", "namespaces": {"names": [monitor["metadata"]["namespace"]]},
            "selectors": [{"role": "service", "label": selector}],
        });
        (
            endpoints,
            keep("__meta_kubernetes_endpointslice_port_name", &monitor["spec"]["endpoints"][0]["port"]),
        )
    } else {
        let pods = json!({"role": "pod", "selectors": [{"role": "pod", "label": selector}]});
        let port = &monitor["spec"]["podMetricsEndpoints"][0]["port"];
        (pods, keep("__meta_kubernetes_pod_container_port_name", port))
    };
    Ok(json!({
        "job_name": monitor["metadata"]["name"],
        "kubernetes_sd_configs": [discovery],
        "relabel_configs": [
            port, copy("__meta_kubernetes_namespace", "namespace"), copy("__meta_kubernetes_pod_name", "pod"),
        ],
    }))
}

/// Starts Prometheus, as a pod with the program that the tools' cache has.
async fn install(fleet: &Fleet) -> Result<()> {
    let tools = tools::ensure_for_tests().await?;
    let [service_monitor, pod_monitor] = monitors(fleet).await?;
    let configuration = json!({
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": ["/etc/prometheus/*.yaml"],
        "scrape_configs": [scrape(&service_monitor)?, scrape(&pod_monitor)?],
    });
    let mut files =
        serde_json::Map::from_iter([("prometheus.json".to_owned(), configuration.to_string().into())]);
    for file in fs::read_dir(charts().join("camerafleet/rules"))? {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a rule file without a name")?;
        files.insert(name.to_owned(), fs::read_to_string(&path)?.into());
    }
    let meta = |name: &str| json!({"name": name, "namespace": MONITORING_NAMESPACE});
    let subject = json!({"kind": "ServiceAccount", "name": "prometheus", "namespace": MONITORING_NAMESPACE});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": meta("prometheus"),
        "spec": {
            "serviceAccountName": "prometheus",
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "prometheus", "image": fleet.ground.images.fixtures, "imagePullPolicy": "IfNotPresent",
                "command": ["/tools/prometheus"],
                "args": ["--config.file=/etc/prometheus/prometheus.json", "--storage.tsdb.path=/data"],
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
                "resources": {"limits": {"memory": "512Mi"}},
                "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [
                    {"name": "tools", "mountPath": "/tools", "readOnly": true},
                    {"name": "configuration", "mountPath": "/etc/prometheus", "readOnly": true},
                    {"name": "data", "mountPath": "/data"},
                ],
            }],
            "volumes": [
                {"name": "tools", "hostPath": {"path": tools.bin_dir(), "type": "Directory"}},
                {"name": "configuration", "configMap": {"name": "prometheus"}},
                {"name": "data", "emptyDir": {"sizeLimit": "256Mi"}},
            ],
        },
    });
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE});
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MONITORING_NAMESPACE}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("prometheus")}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role["name"]},
            "rules": [
                {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list", "watch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": role["name"]},
            "roleRef": role, "subjects": [subject],
        }),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("prometheus"), "data": files}),
        pod,
    ] {
        apply_one(&fleet.ground.client, &serde_json::from_value(object)?).await?;
    }
    let pods = Api::<Pod>::namespaced(fleet.ground.client.clone(), MONITORING_NAMESPACE);
    wait::until("Prometheus is ready", SOON, async || {
        let status = pods.get("prometheus").await?.status.unwrap_or_default();
        let container = status.container_statuses.unwrap_or_default().into_iter().next();
        let ended = container.and_then(|container| container.last_state?.terminated?.message);
        if let Some(said) = ended {
            bail!("it ended: {said}");
        }
        let conditions = status.conditions.unwrap_or_default();
        Ok(conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True").then_some(()))
    })
    .await
}

/// Asks Prometheus, through the API server.
async fn api(fleet: &Fleet, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
    let proxy = format!("/api/v1/namespaces/{MONITORING_NAMESPACE}/pods/prometheus:9090/proxy/api/v1/{path}");
    // Only path and query of it are used.
    let url = Url::parse_with_params(&format!("http://localhost{proxy}"), parameters)?;
    let path = format!("{proxy}?{}", url.query().unwrap_or_default());
    let answer: Value = fleet.ground.client.request(http::Request::get(path).body(Vec::new())?).await?;
    ensure!(answer["status"] == "success", "{answer}");
    Ok(answer["data"].clone())
}

/// The samples of a query: labels, value.
async fn query(fleet: &Fleet, query: &str) -> Result<Vec<(Value, f64)>> {
    let data = api(fleet, "query", &[("query", query)]).await?;
    let samples = data["result"].as_array().context("no vector")?.iter();
    samples
        .map(|sample| {
            let value = sample["value"][1].as_str().context("no value")?.parse()?;
            Ok((sample["metric"].clone(), value))
        })
        .collect()
}

/// Waits until a query has a sample; a comparison in it filters.
async fn holds(fleet: &Fleet, expression: &str) -> Result<()> {
    wait::until(&format!("Prometheus finds {expression}"), SOON, async || {
        Ok((!query(fleet, expression).await?.is_empty()).then_some(()))
    })
    .await
}

/// The names in the tables of docs/monitoring.md, as they stand in series.
fn documented() -> BTreeSet<String> {
    let page = include_str!("../../../docs/monitoring.md");
    let rows = page.lines().filter(|line| line.starts_with("| `camerafleet_"));
    let names = rows.flat_map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`')).skip(1);
        let (name, kind) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
    });
    names.collect()
}

async fn rules_are_evaluated(fleet: &Fleet) -> Result<()> {
    let data = api(fleet, "rules", &[]).await?;
    let groups = data["groups"].as_array().context("no groups")?;
    ensure!(groups.len() == fs::read_dir(charts().join("camerafleet/rules"))?.count(), "{data}");
    for rule in groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten()) {
        ensure!(rule["health"] == "ok", "{rule}");
    }
    Ok(())
}

/// One camera that nothing answers for makes its alert pending: `for` is not over within a test.
async fn an_alert_follows_a_camera(fleet: &Fleet) -> Result<()> {
    let cameras = Api::<Camera>::namespaced(fleet.ground.client.clone(), TENANT);
    let mut camera = Camera::new("unplugged", cameras.get(CAMERAS[0]).await?.spec);
    // The address is the camera's, and nothing listens on the port.
    let mut url = Url::parse(&camera.spec.source.url)?;
    ensure!(url.set_port(Some(9)).is_ok(), "a camera's URL without a host: {url}");
    camera.spec.source = serde_json::from_value(json!({"url": url}))?;
    cameras.create(&PostParams::default(), &camera).await?;
    let alert = format!(
        r#"ALERTS{{alertname="CamerafleetCameraNotRecording", namespace="{TENANT}", name="unplugged"}}"#
    );
    let pending = holds(fleet, &alert).await;
    cameras.delete("unplugged", &DeleteParams::default()).await?;
    pending?;
    wait::until("the alert ends with its camera", SOON, async || {
        Ok(query(fleet, &alert).await?.is_empty().then_some(()))
    })
    .await
}

async fn look(fleet: &Fleet) -> Result<()> {
    holds(fleet, r#"count(up{job="camerafleet-operator"} == 1) == 2"#).await?;
    holds(fleet, &format!(r#"up{{job="camerafleet-recorders", namespace="{TENANT}"}} == 1"#)).await?;
    for expression in [
        "sum(camerafleet_leader) == 1",
        "camerafleet_admission_enforced == 1 and camerafleet_leader == 1",
        "max(camerafleet_watches_failing) == 0",
        r#"sum(camerafleet_cameras{state="Recording"}) >= 2"#,
        r#"sum(camerafleet_recorders{state="answering"}) >= 1"#,
        "min(camerafleet_epoch_keys_end_timestamp_seconds) > time()",
        r#"sum(camerafleet_vault_logins_total{result="ok"}) >= 1"#,
        r#"sum(camerafleet_tenant_logs{state="Open"}) >= 1"#,
        r#"sum(rate(camerafleet_ingest_frames_total[30s])) > 1"#,
        "camerafleet_ingest_spool_limit_bytes > camerafleet_ingest_spool_bytes",
        // Recorded by a rule.
        "camerafleet:cameras:recording >= 2",
        r#"camerafleet:ingest_spool:used_ratio{namespace="elm-street"} < 1"#,
    ] {
        holds(fleet, expression).await?;
    }
    for camera in CAMERAS {
        holds(
            fleet,
            &format!(r#"camerafleet_ingest_camera_state{{name="{camera}", state="Recording"}} == 1"#),
        )
        .await?;
    }
    // Whatever is told is in the tables.
    let known = documented();
    let told = query(fleet, r#"count by (__name__) ({__name__=~"camerafleet_.+"})"#).await?;
    for (labels, _) in &told {
        let name = labels["__name__"].as_str().unwrap_or_default();
        ensure!(known.contains(name), "{name} is not in docs/monitoring.md");
    }
    ensure!(told.len() > 30, "{told:?}");
    rules_are_evaluated(fleet).await?;
    an_alert_follows_a_camera(fleet).await
}

#[tokio::test]
async fn prometheus_sees_the_fleet_and_evaluates_the_charts_rules() -> Result<()> {
    let fleet = installed().await?;
    install(&fleet).await?;
    let seen = look(&fleet).await;
    let namespaces = Api::<Namespace>::all(fleet.ground.client.clone());
    namespaces.delete(MONITORING_NAMESPACE, &DeleteParams::default()).await?;
    Api::<ClusterRoleBinding>::all(fleet.ground.client.clone())
        .delete(ROLE, &DeleteParams::default())
        .await?;
    Api::<ClusterRole>::all(fleet.ground.client.clone()).delete(ROLE, &DeleteParams::default()).await?;
    seen
}
