//! Logs what happens without a reconciliation of ours: keys and streams that are new, chains that grew, streams that are
//! over. It has a task of its own, so that a log that does not answer keeps no recorder from its configuration.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use camerafleet_crds::Tenant;
use camerafleet_footage::{
    ids::CameraId,
    log::{NewEntry, entry::ChainHeads},
    shard::{CONFIG_KEY, ShardConfig},
};
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use super::{
    LogProblem, keys,
    open::{self, Open},
    streams::{Logged, Statuses, heads_id, heard, image_digest, moved, started},
};
use crate::{context::Context, watch::in_namespace};

/// How often the recorders' last answers are looked at for new streams.
const LOOK: Duration = Duration::from_secs(15);
/// Tenants at a time.
const CONCURRENCY: usize = 8;
/// What is looked at: what one of these watches has not seen may be there.
const KINDS: [&str; 4] = ["tenants", "namespaces", "configmaps", "pods"];

/// What is known of a tenant's streams.
#[derive(Default)]
struct Known {
    logged: Logged,
    /// As it is remembered; absent until it was read.
    open: Option<Open>,
}

/// Logs for ever. What could not be logged is tried again.
pub async fn run(context: Arc<Context>) {
    let mut known: HashMap<String, Known> = HashMap::new();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !context.answers.asked() || !context.index.synced.seen(&KINDS) {
            continue;
        }
        let namespaces: BTreeSet<String> =
            context.index.tenants.state().iter().map(|tenant| tenant.spec.namespace.clone()).collect();
        known.retain(|namespace, _| namespaces.contains(namespace));
        let tenants = namespaces.iter().filter_map(|namespace| context.index.bound_tenant(namespace));
        let work: Vec<_> = tenants
            .map(|tenant| {
                let known = known.remove(&tenant.spec.namespace).unwrap_or_default();
                (tenant, known)
            })
            .collect();
        let context = &context;
        let done: Vec<_> = stream::iter(work)
            .map(|(tenant, mut known)| async move {
                if let Err(problem) = look(&tenant, &mut known, context).await {
                    // The Tenant's LogReady says it to people.
                    tracing::debug!(tenant = tenant.name_any(), %problem, "keys and streams are not logged yet");
                }
                (tenant.spec.namespace.clone(), known)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        known.extend(done);
    }
}

async fn look(tenant: &Tenant, known: &mut Known, context: &Context) -> Result<(), LogProblem> {
    let namespace = &tenant.spec.namespace;
    let answers = context.answers.by_pod(namespace);
    let answers: Statuses = answers.into_iter().filter_map(|(uid, answer)| Some((uid, answer?))).collect();
    let pods = in_namespace(&context.index.pods, namespace);
    let maps = in_namespace(&context.index.config_maps, namespace);
    let heard = heard(&answers, &given(&maps));
    let remembered = match known.open.take() {
        Some(open) => open,
        None => open::recall(tenant, context).await?,
    };
    // Before they are logged: one that is logged and not remembered would never be over.
    let open = open::with(remembered.clone(), &heard);
    if open != remembered {
        open::remember(tenant, &open, context).await?;
    }
    let open = known.open.insert(open);
    let alive: HashSet<String> = pods.iter().filter_map(|pod| pod.uid()).collect();
    let over = open::over(open, &answers, &alive);
    if heard.is_empty() && over.is_empty() {
        return Ok(());
    }

    let now = context.now();
    let images: HashMap<String, String> =
        pods.iter().filter_map(|pod| Some((pod.uid()?, image_digest(pod)?))).collect();
    let mut entries = keys::created(maps.iter().map(|map| &**map), now);
    entries.extend(started(&heard, &images, now));
    // One that this or an earlier process logged stands, and says nothing of what moved since.
    let heads = match context.logs.has(tenant, &heads_id(now), context).await? {
        true => Vec::new(),
        false => moved(&heard, &known.logged),
    };
    if !heads.is_empty() {
        let entry = ChainHeads { at: now, heads: heads.clone() };
        entries.push(NewEntry { id: heads_id(now), at: now, entry: entry.into() });
    }
    let ends = over.iter().filter_map(|id| Some((id, open.get(id)?)));
    entries.extend(ends.map(|(id, stream)| open::closed(id, stream, known.logged.get(id), now)));
    context.logs.append(tenant, &entries, context).await?;

    known.logged.extend(heads.into_iter().map(|head| (head.stream.clone(), head)));
    known.logged.retain(|stream, _| open.contains_key(stream) && !over.contains(stream));
    if !over.is_empty() {
        open.retain(|stream, _| !over.contains(stream));
        let open = open.clone();
        // What is remembered although it is over is found again.
        open::remember(tenant, &open, context).await?;
    }
    Ok(())
}

/// The cameras that the recorders were given.
fn given(maps: &[Arc<ConfigMap>]) -> BTreeSet<CameraId> {
    let configs = maps.iter().filter_map(|map| map.data.as_ref()?.get(CONFIG_KEY));
    let configs = configs.filter_map(|json| serde_json::from_str::<ShardConfig>(json).ok());
    configs.flat_map(|config| config.cameras.into_keys()).collect()
}
