//! All that is read: the log since the last look, and what is there already.

use std::collections::HashMap;

use camerafleet_crds::Tenant;
use camerafleet_footage::{
    log::{Content, LogError, Snapshot},
    report::{Checkpoint, Ledger, Seen},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::{
    core::v1::ConfigMap,
    rbac::v1::{Role, RoleBinding},
};
use kube::Api;

use super::{READ_LIMIT, selector};
use crate::{context::Context, error::Error, kube_api, log::LogProblem};

/// Entries that are read at a time.
const CONCURRENCY: usize = 8;
/// Entries that are taken at once, or not at all.
const BATCH: usize = 256;

/// What is there.
#[derive(Default)]
pub struct Observed {
    /// The reports.
    pub maps: Vec<ConfigMap>,
    /// The right to read them, and who has it.
    pub roles: Vec<Role>,
    /// See there.
    pub bindings: Vec<RoleBinding>,
}

/// Reads what is there.
pub async fn observe(tenant: &Tenant, context: &Context) -> Result<Observed, Error> {
    let (client, namespace) = (&context.client, &tenant.spec.namespace);
    Ok(Observed {
        maps: kube_api::list(&Api::<ConfigMap>::namespaced(client.clone(), namespace), &selector()).await?,
        roles: kube_api::list(&Api::<Role>::namespaced(client.clone(), namespace), &selector()).await?,
        bindings: kube_api::list(&Api::<RoleBinding>::namespaced(client.clone(), namespace), &selector())
            .await?,
    })
}

/// Reads the log to its newest checkpoint, which it returns. What was read stays read when it fails.
pub async fn read(ledger: &mut Ledger, tenant: &Tenant, context: &Context) -> Result<Checkpoint, LogProblem> {
    let snapshot = context.logs.snapshot(tenant, context).await?;
    if ledger.next() > snapshot.checkpoint().size() {
        // It was put back, and somebody has told the operator to take it so.
        *ledger = Ledger::default();
    }
    match tokio::time::timeout(READ_LIMIT, follow(ledger, &snapshot)).await {
        Ok(read) => read?,
        Err(_) => return Err(LogProblem::Timeout),
    }
    Ok(snapshot.checkpoint().into())
}

async fn follow(ledger: &mut Ledger, snapshot: &Snapshot) -> Result<(), LogError> {
    let leaves = snapshot.leaves(ledger.next());
    let mut batches = std::pin::pin!(leaves.try_chunks(BATCH));
    while let Some(batch) = batches.try_next().await.map_err(|stopped| stopped.1)? {
        let wanted = batch.iter().filter(|(_, leaf)| Ledger::wants(leaf)).map(|(index, _)| *index);
        let contents: HashMap<u64, Option<Content>> = stream::iter(wanted.collect::<Vec<_>>())
            .map(|index| async move { Ok::<_, LogError>((index, content(snapshot, index).await?)) })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        for (index, leaf) in &batch {
            let seen = match contents.get(index) {
                None => Seen::Unread,
                Some(None) => Seen::Damaged,
                Some(Some(content)) => Seen::Content(content),
            };
            ledger.take(*index, leaf, seen);
        }
    }
    Ok(())
}

/// None where it should be there and is not, or not as the leaf has it: the report tells it, and is not stopped by it.
async fn content(snapshot: &Snapshot, index: u64) -> Result<Option<Content>, LogError> {
    match snapshot.entry(index).await {
        Ok(entry) => Ok(Some(entry.content)),
        Err(LogError::PayloadMissing { .. } | LogError::PayloadAltered { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
