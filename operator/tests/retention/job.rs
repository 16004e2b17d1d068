//! What the job reads at a real API server, under the account and the roles that the operator made for it.

use camerafleet_footage::ids::CameraId;
use jiff::Timestamp;
use jobs::retention::{Declared, JobError, KubePolicy, PolicySource as _};
use kube::ResourceExt;
use serde_json::json;

use crate::{
    NAMESPACE,
    cluster::{Cluster, until},
    get,
    holds::{id, stage, submit},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_job_reads_its_policy_the_holds_and_the_cameras_and_fails_where_it_may_not() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut cluster = Cluster::start().await;
    let (_, policy_id) = stage(&mut cluster).await;
    let account = format!("system:serviceaccount:{NAMESPACE}:retention");
    let source = |client: &kube::Client, name: &str| {
        KubePolicy::new(client.clone(), NAMESPACE.to_owned(), name.to_owned())
    };
    let client = cluster.client(&account).await;
    let short = source(&client, "short");
    let answer = short.read().await.unwrap();
    assert_eq!(
        answer.policy.as_ref().and_then(|p| id(&serde_json::to_value(p).unwrap())),
        Some(policy_id.to_string())
    );
    let date = answer.date.expect("the server says what time it is");
    assert!(Timestamp::now().duration_since(date).as_secs().abs() < 60, "{date}");

    assert!(short.holds().await.unwrap().is_empty());
    submit(&cluster, "matter-7", "30d");
    let holds = short.holds().await.unwrap();
    assert_eq!(holds.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["matter-7"]);

    cluster.apply(&json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "Camera",
        "metadata": {"name": "door", "namespace": NAMESPACE},
        "spec": {"source": {"url": "rtsp://198.51.100.7/1"}},
    }));
    let camera = until("the camera's id", async || id(&get(&cluster, "camera", "door")?)).await;
    assert_eq!(short.declares(&CameraId::parse(camera).unwrap()).await.unwrap(), Declared::Yes);
    assert_eq!(short.declares(&CameraId::parse("c-9").unwrap()).await.unwrap(), Declared::No);

    // One whose rights are gone reads nothing: that is a failure, and never "there is none".
    assert!(short.read().await.is_ok() && source(&client, "other").read().await.is_err());
    let client = cluster.client(&format!("system:serviceaccount:{NAMESPACE}:stranger")).await;
    let stranger = source(&client, "short");
    assert!(matches!(stranger.read().await, Err(JobError::Policy { .. })));
    assert!(matches!(stranger.holds().await, Err(JobError::Holds { .. })));
    assert!(matches!(
        stranger.declares(&CameraId::parse("c-9").unwrap()).await,
        Err(JobError::Policy { .. })
    ));
}
