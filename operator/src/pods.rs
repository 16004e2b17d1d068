//! Recorders write nothing to Kubernetes: the operator asks each pod how its cameras are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use camerafleet_footage::{
    ids::CameraId,
    shard::{CameraState, CameraStatus, STATUS_PORT, ShardStatus, StoreState, StreamInfo},
};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use crate::{config::POLL_INTERVAL, context::Context};

/// How many pods are asked at once.
const CONCURRENCY: usize = 32;
/// A recorder that does not answer within this is silent.
const TIMEOUT: Duration = Duration::from_secs(2);
/// An answer's greatest size: a thousand cameras need a tenth of it.
const MAX_ANSWER: usize = 8 << 20;

/// The last answer of each pod.
#[derive(Default)]
pub struct Answers(Mutex<HashMap<PodKey, Option<Arc<ShardStatus>>>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PodKey {
    namespace: String,
    uid: String,
}

impl Answers {
    /// What the recorders of a namespace say of a camera: the best of them where two overlap in a roll-over.
    pub fn of(&self, namespace: &str, camera: &CameraId) -> Option<CameraStatus> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let statuses = answers
            .iter()
            .filter(|(pod, _)| pod.namespace == namespace)
            .filter_map(|(_, status)| status.as_ref()?.cameras.get(camera));
        statuses
            .min_by_key(|status| (rank(status.state), matches!(status.stored, StoreState::Waiting)))
            .cloned()
    }

    /// The last answer of each recorder of a namespace, by the pod's uid; none from one that was silent.
    pub fn by_pod(&self, namespace: &str) -> HashMap<String, Option<Arc<ShardStatus>>> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = answers.iter().filter(|(pod, _)| pod.namespace == namespace);
        ours.map(|(pod, status)| (pod.uid.clone(), status.clone())).collect()
    }

    /// Whether any recorder of the namespace answers.
    pub fn any(&self, namespace: &str) -> bool {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.iter().any(|(pod, status)| pod.namespace == namespace && status.is_some())
    }

    fn swap(&self, pod: PodKey, status: Option<ShardStatus>) -> Vec<CameraId> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let status = status.map(Arc::new);
        let old = answers.insert(pod, status.clone()).flatten();
        changed(old.as_deref(), status.as_deref())
    }

    fn retain(&self, alive: &[PodKey]) -> Vec<(PodKey, Vec<CameraId>)> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<PodKey> = answers.keys().filter(|pod| !alive.contains(pod)).cloned().collect();
        gone.into_iter()
            .map(|pod| {
                let old = answers.remove(&pod).flatten();
                let cameras = changed(old.as_deref(), None);
                (pod, cameras)
            })
            .collect()
    }
}

/// The lower, the better a recorder does for the camera.
fn rank(state: CameraState) -> u8 {
    match state {
        CameraState::Recording => 0,
        CameraState::ScheduledOff | CameraState::Off => 1,
        CameraState::Connecting => 3,
        _ => 2,
    }
}

/// What of a camera's status people are told; the rest changes with every segment.
fn told(status: &CameraStatus) -> (CameraState, &str, Option<&StreamInfo>, &StoreState) {
    (status.state, &status.message, status.stream.as_ref(), &status.stored)
}

fn changed(old: Option<&ShardStatus>, new: Option<&ShardStatus>) -> Vec<CameraId> {
    let cameras = |status: Option<&ShardStatus>| status.map(|s| s.cameras.clone()).unwrap_or_default();
    let (old, new) = (cameras(old), cameras(new));
    let mut ids: Vec<CameraId> = old.keys().chain(new.keys()).cloned().collect();
    ids.sort();
    ids.dedup();
    ids.retain(|id| old.get(id).map(told) != new.get(id).map(told));
    ids
}

/// Asks every recorder, for ever.
pub async fn poll(context: Arc<Context>) {
    let http = match reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
    {
        Ok(http) => http,
        Err(error) => {
            tracing::error!(%error, "no HTTP client: recorders cannot be asked");
            return;
        }
    };
    let mut ticks = tokio::time::interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        ask_all(&context, &http).await;
    }
}

async fn ask_all(context: &Context, http: &reqwest::Client) {
    let pods: Vec<(PodKey, String)> =
        context.index.pods.state().iter().filter_map(|pod| target(pod)).collect();
    let alive: Vec<PodKey> = pods.iter().map(|(key, _)| key.clone()).collect();
    for (pod, cameras) in context.answers.retain(&alive) {
        tell(context, &pod.namespace, &cameras);
    }
    stream::iter(pods)
        .for_each_concurrent(CONCURRENCY, |(key, address)| async move {
            let answer = ask(http, &key, &address).await;
            if let Err(why) = &answer {
                tracing::debug!(namespace = key.namespace, uid = key.uid, why, "recorder is silent");
            }
            let namespace = key.namespace.clone();
            let cameras = context.answers.swap(key, answer.ok());
            tell(context, &namespace, &cameras);
        })
        .await;
}

/// Where to ask a pod, if it can be asked.
fn target(pod: &Pod) -> Option<(PodKey, String)> {
    let status = pod.status.as_ref()?;
    if status.phase.as_deref() != Some("Running") {
        return None;
    }
    let address: std::net::IpAddr = status.pod_ip.as_deref()?.parse().ok()?;
    let key = PodKey { namespace: pod.namespace()?, uid: pod.uid()? };
    Some((key, format!("http://{}/status", std::net::SocketAddr::new(address, STATUS_PORT))))
}

async fn ask(http: &reqwest::Client, pod: &PodKey, url: &str) -> Result<ShardStatus, String> {
    let mut response = http.get(url).send().await.map_err(|e| e.to_string())?;
    if !response.status().is_success() {
        return Err(format!("answered {}", response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| e.to_string())? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err("the answer is too long".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    let status: ShardStatus = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
    // Pods' addresses are used again: an answer counts only for the pod that it names.
    if status.pod_uid != pod.uid {
        return Err("another pod answered".to_owned());
    }
    Ok(status)
}

/// Wakes the pipelines of the cameras for which something changed.
fn tell(context: &Context, namespace: &str, ids: &[CameraId]) {
    if ids.is_empty() {
        return;
    }
    for camera in context.index.cameras_in(namespace) {
        if crate::identity::of(&*camera).is_some_and(|id| ids.iter().any(|i| i.as_str() == id)) {
            context.router.camera_news(namespace, &camera.name_any());
        }
    }
}
