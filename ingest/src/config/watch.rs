//! Watches the shard's own ConfigMap and Secret by name: the pod's Role allows no other.

use std::time::Duration;

use camerafleet_footage::shard::CONFIG_KEY;
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, runtime::watcher};
use tokio_util::sync::CancellationToken;

use super::{Intake, Secrets};
use crate::{camera::retry, metrics::Metrics};

/// Starts both watches. Each fails, waits and heals alone.
pub fn start(
    client: &Client,
    namespace: &str,
    shard: &str,
    intake: &Intake,
    metrics: &Metrics,
    stop: &CancellationToken,
) {
    let configs: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let taken = (intake.clone(), metrics.clone());
    supervise("configmap", configs, shard, metrics, stop, move |object: Option<ConfigMap>| {
        let text = object.and_then(|object| object.data?.remove(CONFIG_KEY));
        if !taken.0.config(text.as_deref()) {
            taken.1.config_errors.inc();
        }
    });
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let taken = intake.clone();
    supervise("secret", secrets, shard, metrics, stop, move |object: Option<Secret>| {
        // A Secret that is deleted takes nothing back: what was received still has to reach the store, also while all
        // around this pod is being deleted.
        let Some(data) = object.map(|object| object.data.unwrap_or_default()) else { return };
        taken.secrets(Secrets::new(data.into_iter().map(|(key, value)| (key, value.0))));
    });
}

fn supervise<K>(
    kind: &'static str,
    api: Api<K>,
    name: &str,
    metrics: &Metrics,
    stop: &CancellationToken,
    take: impl Fn(Option<K>) + Send + 'static,
) where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + Sync + 'static,
    K::DynamicType: Default,
{
    let events = watcher::watch_object(api, name);
    let (metrics, stop) = (metrics.clone(), stop.clone());
    tokio::spawn(async move {
        stop.run_until_cancelled(follow(kind, events, metrics, take)).await;
    });
}

async fn follow<K>(
    kind: &'static str,
    events: impl Stream<Item = watcher::Result<Option<K>>>,
    metrics: Metrics,
    take: impl Fn(Option<K>),
) {
    let mut events = std::pin::pin!(events);
    let mut failures = 0;
    while let Some(event) = events.next().await {
        match event {
            Ok(object) => {
                failures = 0;
                take(object);
            }
            Err(error) => {
                metrics.watch_errors.with_label_values(&[kind]).inc();
                let bound = Duration::from_secs(1 << failures.min(5));
                failures += 1;
                let wait = bound / 2 + bound.mul_f64(0.5 * (retry::random() % 1_000) as f64 / 1_000.0);
                tracing::warn!(kind, %error, "watch failed, trying again");
                tokio::time::sleep(wait).await;
            }
        }
    }
    tracing::error!(kind, "watch ended, which it never should");
}
