//! Recorders write nothing to Kubernetes: the operator asks each pod how its cameras are.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use camerafleet_footage::{
    ids::CameraId,
    shard::{CameraState, CameraStatus, STATUS_PORT, ShardStatus, StoreState, StreamInfo},
};
use futures::{StreamExt, stream};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::ResourceExt;

use crate::{config::POLL_INTERVAL, context::Context, controllers::ingest::SHARD_LABEL};

/// How many pods are asked at once.
const CONCURRENCY: usize = 32;
/// A recorder that does not answer within this is silent.
const TIMEOUT: Duration = Duration::from_secs(2);
/// An answer's greatest size: a thousand cameras need a tenth of it.
const MAX_ANSWER: usize = 8 << 20;

/// A recorder is silent when it did not answer so often in a row; until then its last answer stands.
const MISSES: u8 = 3;

/// The last answer of each pod.
#[derive(Default)]
pub struct Answers {
    pods: Mutex<HashMap<PodKey, Answer>>,
    asked: AtomicBool,
}

#[derive(Clone, Default)]
struct Answer {
    status: Option<Arc<ShardStatus>>,
    misses: u8,
}

/// How many recorders answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Those of which a pod answers.
    pub answering: usize,
    /// Those of which none does.
    pub silent: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PodKey {
    namespace: String,
    uid: String,
}

impl Answers {
    /// What the recorders of a namespace say of a camera: the best of them where two overlap in a roll-over.
    pub fn of(&self, namespace: &str, camera: &CameraId) -> Option<CameraStatus> {
        let pods = self.pods();
        let statuses = pods
            .iter()
            .filter(|(pod, _)| pod.namespace == namespace)
            .filter_map(|(_, answer)| answer.status.as_ref()?.cameras.get(camera));
        statuses
            .min_by_key(|status| (rank(status.state), matches!(status.stored, StoreState::Waiting)))
            .cloned()
    }

    /// What each recorder of a namespace said when it was last asked, by the pod's uid; none from one that did not
    /// answer, however short its silence is: on this hangs which keys are destroyed.
    pub fn by_pod(&self, namespace: &str) -> HashMap<String, Option<Arc<ShardStatus>>> {
        let pods = self.pods();
        let ours = pods.iter().filter(|(pod, _)| pod.namespace == namespace);
        ours.map(|(pod, answer)| (pod.uid.clone(), answer.status.clone().filter(|_| answer.misses == 0)))
            .collect()
    }

    /// How many recorders answer. One whose pods were never asked, because they do not run, is silent, too.
    pub fn silence(&self, recorders: &[Arc<Deployment>], pods: &[Arc<Pod>]) -> Silence {
        let answers = self.pods();
        let answers: HashSet<&str> = answers
            .iter()
            .filter(|(_, answer)| answer.status.is_some())
            .map(|(pod, _)| pod.uid.as_str())
            .collect();
        let ours =
            pods.iter().filter(|pod| pod.metadata.uid.as_deref().is_some_and(|uid| answers.contains(uid)));
        let shards: HashSet<_> = ours.map(|pod| shard(&**pod)).collect();
        let answering = recorders.iter().filter(|recorder| shards.contains(&shard(&***recorder))).count();
        Silence { answering, silent: recorders.len() - answering }
    }

    /// Whether every pod was asked since this process began to lead: before that, silence says nothing.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    fn pods(&self) -> MutexGuard<'_, HashMap<PodKey, Answer>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a pod's answer, or that it gave none; gives the cameras for which that is news.
    fn take(&self, pod: PodKey, status: Option<ShardStatus>) -> Vec<CameraId> {
        let mut pods = self.pods();
        let answer = pods.entry(pod).or_default();
        let old = answer.status.clone();
        match status {
            Some(status) => *answer = Answer { status: Some(Arc::new(status)), misses: 0 },
            None => {
                answer.misses = answer.misses.saturating_add(1);
                if answer.misses >= MISSES {
                    answer.status = None;
                }
            }
        }
        changed(old.as_deref(), answer.status.as_deref())
    }

    /// Forgets the pods that are gone; gives the cameras for which that is news.
    fn retain(&self, alive: &[PodKey]) -> Vec<(PodKey, Vec<CameraId>)> {
        let mut pods = self.pods();
        let gone: Vec<PodKey> = pods.keys().filter(|pod| !alive.contains(pod)).cloned().collect();
        gone.into_iter()
            .map(|pod| {
                let old = pods.remove(&pod).and_then(|answer| answer.status);
                let cameras = changed(old.as_deref(), None);
                (pod, cameras)
            })
            .collect()
    }
}

/// Which recorder an object is of.
fn shard(object: &impl ResourceExt) -> (Option<String>, Option<String>) {
    (object.namespace(), object.labels().get(SHARD_LABEL).cloned())
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
    // Before the pods are known, nobody can be said to be silent.
    if context.index.pods.wait_until_ready().await.is_err() {
        return;
    }
    ask_all(&context, &http).await;
    context.answers.asked.store(true, Ordering::Relaxed);
    for camera in context.index.cameras.state() {
        if let Some(namespace) = camera.namespace() {
            context.router.camera_news(&namespace, &camera.name_any());
        }
    }
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
            let cameras = context.answers.take(key, answer.ok());
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of<K: serde::de::DeserializeOwned>(namespace: &str, shard: &str, uid: &str) -> Arc<K> {
        let metadata: Value = json!({"namespace": namespace, "uid": uid, "labels": {SHARD_LABEL: shard}});
        Arc::new(serde_json::from_value(json!({"metadata": metadata})).unwrap())
    }

    #[test]
    fn a_recorder_answers_when_one_of_its_pods_does_and_is_silent_without_any() {
        let recorders: Vec<Arc<Deployment>> =
            vec![of("elm", "ingest-0", "d1"), of("oak", "ingest-0", "d2"), of("ash", "ingest-0", "d3")];
        let pods: Vec<Arc<Pod>> =
            vec![of("elm", "ingest-0", "p1"), of("elm", "ingest-0", "p2"), of("oak", "ingest-0", "p3")];
        let answers = Answers::default();
        let key = |namespace: &str, uid: &str| PodKey { namespace: namespace.into(), uid: uid.into() };
        let status = |uid: &str| ShardStatus {
            pod_uid: uid.into(),
            config_digest: String::new(),
            draining: false,
            spool_bytes: 0,
            other_pending_epochs: Default::default(),
            cameras: Default::default(),
        };
        answers.take(key("elm", "p2"), Some(status("p2")));
        answers.take(key("oak", "p3"), Some(status("p3")));
        assert_eq!(answers.silence(&recorders, &pods), Silence { answering: 2, silent: 1 });
        // Its last answer stands until it has missed so many.
        answers.take(key("oak", "p3"), None);
        assert_eq!(answers.silence(&recorders, &pods).silent, 1);
        for _ in 1..MISSES {
            answers.take(key("oak", "p3"), None);
        }
        assert_eq!(answers.silence(&recorders, &pods), Silence { answering: 1, silent: 2 });
    }
}
