//! Logs what happens without a reconciliation of ours: keys and streams that are new, chains that grew. It has a task
//! of its own, so that a log that does not answer keeps no recorder from its configuration.

use std::{collections::HashMap, sync::Arc, time::Duration};

use camerafleet_crds::Tenant;
use camerafleet_footage::log::Entry;
use futures::{StreamExt as _, stream};
use kube::ResourceExt;

use super::{
    keys,
    streams::{Logged, Statuses, heads_id, image_digest, merge, moved, started},
};
use crate::{context::Context, watch::in_namespace};

/// How often the recorders' last answers are looked at for new streams.
const LOOK: Duration = Duration::from_secs(15);
/// Tenants at a time.
const CONCURRENCY: usize = 8;

/// Logs for ever. What could not be logged is tried again.
pub async fn run(context: Arc<Context>) {
    let mut logged: HashMap<String, Logged> = HashMap::new();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !context.answers.asked() {
            continue;
        }
        let tenants = context.index.tenants.state();
        logged.retain(|namespace, _| tenants.iter().any(|tenant| tenant.spec.namespace == *namespace));
        let work = tenants.into_iter().map(|tenant| {
            let known = logged.remove(&tenant.spec.namespace).unwrap_or_default();
            (tenant, known)
        });
        let work: Vec<_> = work.collect();
        let context = &context;
        let done: Vec<_> = stream::iter(work)
            .map(|(tenant, known)| async move {
                let known = look(&tenant, known, context).await;
                (tenant.spec.namespace.clone(), known)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        logged.extend(done);
    }
}

async fn look(tenant: &Tenant, logged: Logged, context: &Context) -> Logged {
    let namespace = &tenant.spec.namespace;
    let answers: Statuses = context
        .answers
        .by_pod(namespace)
        .into_iter()
        .filter_map(|(uid, answer)| Some((uid, answer?)))
        .collect();
    if answers.is_empty() {
        return logged;
    }
    let pods = in_namespace(&context.index.pods, namespace);
    let images: HashMap<String, String> =
        pods.iter().filter_map(|pod| Some((pod.uid()?, image_digest(pod)?))).collect();
    let now = context.now();
    let maps = in_namespace(&context.index.config_maps, namespace);
    let mut entries = keys::created(maps.iter().map(|map| &**map), now);
    entries.extend(started(&answers, &images, now));
    // One that this or an earlier process logged stands.
    let heads = match context.logs.find(tenant, &heads_id(now)).await {
        Some(_) => None,
        None => moved(&answers, &logged, now),
    };
    entries.extend(heads.clone());
    if entries.is_empty() {
        return logged;
    }
    match context.logs.append(tenant, &entries, context).await {
        Ok(_) => match heads.map(|new| new.entry) {
            Some(Entry::ChainHeads(heads)) => merge(logged, &answers, heads),
            _ => logged,
        },
        Err(problem) => {
            // The Tenant's LogReady says it to people.
            tracing::debug!(namespace, %problem, "keys and streams are not logged yet");
            logged
        }
    }
}
