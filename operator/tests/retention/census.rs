//! What the jobs counted is told on Cameras and Tenant, when a run is told.

use camerafleet_footage::{
    ids::CameraId,
    retention::{Census, Counted, census_key},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    NAMESPACE,
    cluster::{Cluster, until},
    get,
    holds::{STORED, id, stage},
    policy, ran, reason,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_told_with_a_run_and_a_store_that_fills_up_is() {
    let mut cluster = Cluster::start().await;
    let (tenant, policy_id) = stage(&mut cluster).await;
    let quota = r#"{"spec":{"quota":{"storage":"1k"}}}"#;
    cluster.kubectl(&["patch", "tenant", "elm-street", "--type=merge", "-p", quota]);
    let told = |cluster: &Cluster| cluster.kubectl(&["get", "tenant", "elm-street", "-o", "json"]);
    until("nothing to be known yet", async || {
        (reason(&told(&cluster), "WithinStorageQuota")? == "NotCounted").then_some(())
    })
    .await;
    cluster.apply(&json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "Camera",
        "metadata": {"name": "door", "namespace": NAMESPACE},
        "spec": {"source": {"url": "rtsp://198.51.100.7/1"}, "retentionPolicyRef": {"name": "short"}},
    }));
    let camera = until("the camera's id", async || id(&get(&cluster, "camera", "door")?)).await;
    let oldest = Timestamp::from_second(1_795_000_000).unwrap();
    let write = |cluster: &Cluster, bytes: u64| {
        let counted = Counted { oldest_ms: oldest.as_millisecond() + 400, segments: 3, bytes };
        let cameras = [(CameraId::parse(camera.as_str()).unwrap(), counted)].into();
        let census = Census { made_at: Timestamp::now(), cameras };
        let file = cluster.put(&census_key(STORED, &tenant, &policy_id), Timestamp::now());
        std::fs::write(file, serde_json::to_vec(&census).unwrap()).unwrap();
    };
    let stored = |cluster: &Cluster| get(cluster, "camera", "door").unwrap()["status"].clone();
    let wake = |what: &str| {
        let annotate = format!("test={what}");
        cluster.kubectl(&["-n", NAMESPACE, "annotate", "--overwrite", "retentionpolicy", "short", &annotate]);
    };
    write(&cluster, 950);
    wake("census");
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(stored(&cluster)["storedBytes"].is_null(), "numbers move with a run and not before");

    let cron_job = get(&cluster, "cronjob", &format!("retention-{}", &policy_id.to_string()[..12])).unwrap();
    ran(&cluster, &cron_job, &policy_id.to_string(), "run-1");
    until("the run to be told", async || {
        (reason(&policy(&cluster)?, "RunSucceeded")? == "Done").then_some(())
    })
    .await;
    let status = stored(&cluster);
    let figures = [&status["storedBytes"], &status["oldestFootageTime"]];
    assert_eq!(figures, [&json!(950), &json!(oldest)]);
    let full = until("the tenant to be nearly full", async || {
        let tenant = told(&cluster);
        (reason(&tenant, "WithinStorageQuota")? == "NearlyFull").then_some(tenant)
    })
    .await;
    assert_eq!(full["status"]["storedBytes"], 950);
    assert_eq!(reason(&full, "Ready").as_deref(), Some("Active"), "it stops nothing");

    // The next run: nothing of the camera is left.
    let census = Census { made_at: Timestamp::now(), cameras: Default::default() };
    let file = cluster.put(&census_key(STORED, &tenant, &policy_id), Timestamp::now());
    std::fs::write(file, serde_json::to_vec(&census).unwrap()).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    ran(&cluster, &cron_job, &policy_id.to_string(), "run-2");
    until("the next run to be told", async || {
        let status = stored(&cluster);
        (status["storedBytes"] == 0 && status["oldestFootageTime"] == Value::Null).then_some(())
    })
    .await;
    until("the tenant to have room", async || {
        (reason(&told(&cluster), "WithinStorageQuota")? == "WithinQuota").then_some(())
    })
    .await;
}
