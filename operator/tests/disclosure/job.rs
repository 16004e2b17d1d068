//! The Job controller's and the kubelet's part: a pod as the Job says, and in it the Job's own code with its own files.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use camerafleet_footage::disclosure::job::{Ending, JobConfig, PrepareConfig, RunSummary};
use jiff::Timestamp;
use jobs::disclosure::{Job, Keys, KubeObjects, exit_code, failed, prepare, read_config, read_store, run};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    cluster::until,
    stage::{NAMESPACE, Stage, get, uid},
};

const CONTROLLER: &str = "system:serviceaccount:kube-system:job-controller";
/// Of the cluster's controllers the one that may write a pod's status; kubelets are not there.
const STATUS: &str = "system:serviceaccount:kube-system:pod-garbage-collector";

/// Writes a pod's files as the kubelet mounts them.
fn mount(stage: &Stage, name: &str, folder: &Path) {
    let decode = |value: &Value| BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
    let map = get(&stage.cluster, "configmap", name).unwrap();
    for (file, text) in map["data"].as_object().unwrap() {
        fs::write(folder.join(file), text.as_str().unwrap()).unwrap();
    }
    let secret = get(&stage.cluster, "secret", name).unwrap();
    for (file, value) in secret["data"].as_object().unwrap() {
        fs::write(folder.join(file), decode(value)).unwrap();
    }
}

/// Runs the request's Job, as often as its pod would be run: once.
pub async fn run_job(stage: &Stage, request: &Value) -> RunSummary {
    let name = format!("disclosure-{}", uid(request));
    let job = until("the Job", async || get(&stage.cluster, "job", &name)).await;
    let folder = tempfile::tempdir().unwrap();
    mount(stage, &name, folder.path());
    let token = folder.path().join("token");
    fs::write(&token, stage.cluster.token("disclosure", NAMESPACE)).unwrap();
    let config: JobConfig = read_config(&folder.path().join("disclosure.json")).unwrap();
    let client = stage.cluster.client(&format!("system:serviceaccount:{NAMESPACE}:disclosure")).await;
    let request = config.request.clone();
    let this = Job {
        store: read_store(&config.store, folder.path(), "").unwrap(),
        log_store: read_store(&config.log.store, folder.path(), "log.").unwrap(),
        objects: KubeObjects::new(client, NAMESPACE.to_owned(), request),
        keys: Keys::Login { token_file: token },
        config,
        now: Timestamp::now,
    };
    let summary = run(&this).await;
    ended(stage, &job, &summary).await;
    summary
}

/// Runs the Job that lists owners' shares.
pub async fn run_prepare(stage: &Stage, request: &Value) {
    let name = format!("prepare-{}", uid(request));
    let job = until("the Job that prepares", async || get(&stage.cluster, "job", &name)).await;
    assert_eq!(job["spec"]["template"]["spec"]["serviceAccountName"], "prepare");
    let folder = tempfile::tempdir().unwrap();
    mount(stage, &name, folder.path());
    let config: PrepareConfig = read_config(&folder.path().join("prepare.json")).unwrap();
    let store = read_store(&config.store, folder.path(), "").unwrap();
    let client = stage.cluster.client(&format!("system:serviceaccount:{NAMESPACE}:prepare")).await;
    let lists = prepare::KubeLists::new(client, NAMESPACE);
    let summary = match prepare::run(&config, &store, &lists).await {
        Ok(_) => RunSummary {
            outcome: Ending::Delivered,
            reason: "Prepared".into(),
            message: "The owners' shares are listed.".into(),
            package: None,
        },
        Err(error) => failed(&error),
    };
    assert_eq!(summary.outcome, Ending::Delivered, "{summary:?}");
    ended(stage, &job, &summary).await;
}

/// The pod of a run, as controller and kubelet leave it.
async fn ended(stage: &Stage, job: &Value, summary: &RunSummary) {
    let name = job["metadata"]["name"].as_str().unwrap();
    let template = &job["spec"]["template"];
    let mut labels: BTreeMap<String, String> =
        serde_json::from_value(template["metadata"]["labels"].clone()).unwrap();
    labels.insert("batch.kubernetes.io/job-name".into(), name.into());
    let pod = format!("{name}-0");
    let made = stage.cluster.create_as(
        CONTROLLER,
        &json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": pod, "namespace": NAMESPACE, "labels": labels, "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid(job), "controller": true,
            }]},
            "spec": template["spec"],
        }),
    );
    made.unwrap();
    let status = json!({"status": {"phase": "Succeeded", "containerStatuses": [{
        "name": "disclosure", "image": "i", "imageID": "i", "ready": false, "restartCount": 0,
        "state": {"terminated": {
            "exitCode": exit_code(summary.outcome), "finishedAt": Timestamp::now(),
            "message": serde_json::to_string(summary).unwrap(),
        }},
    }]}});
    // Without a GET before it, for which this account has no right.
    let pods = Api::<Pod>::namespaced(stage.cluster.client(STATUS).await, NAMESPACE);
    pods.patch_status(&pod, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
}
