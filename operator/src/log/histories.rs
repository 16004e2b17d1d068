//! What a log says of the requests that are under way, read once and then only as it grows.

use std::collections::HashMap;

use camerafleet_crds::Tenant;
use camerafleet_footage::{
    disclosure::History,
    ids::RequestUid,
    log::{Leaf, LogError, Snapshot},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use std::sync::PoisonError;

use super::{LogProblem, Logs, OPEN_TIMEOUT, limited};
use crate::context::Context;

/// Entries that are read at a time.
const CONCURRENCY: usize = 8;
/// So many are kept. What is forgotten is read again.
const MAX_KEPT: usize = 512;

/// By request: what is known, and the index of the first entry that is not.
pub(super) type Histories = HashMap<RequestUid, (History, u64)>;

impl Logs {
    /// What the log says of a request; none if it has not been logged.
    pub async fn history(
        &self,
        tenant: &Tenant,
        request: &RequestUid,
        window: (Timestamp, Timestamp),
        context: &Context,
    ) -> Result<Option<History>, LogProblem> {
        let Some(index) = self.find(tenant, &History::request_id(request), context).await? else {
            return Ok(None);
        };
        let snapshot = self.snapshot(tenant, context).await?;
        let known = self.histories.lock().unwrap_or_else(PoisonError::into_inner).remove(request);
        let (mut history, from) = known.unwrap_or_else(|| (History::of(request.clone(), index), 0));
        limited(OPEN_TIMEOUT, read(&snapshot, &mut history, from, window)).await?;
        let mut kept = self.histories.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(request.clone(), (history.clone(), snapshot.checkpoint().size()));
        Ok(Some(history))
    }

    /// A request is over.
    pub fn forget_history(&self, request: &RequestUid) {
        self.histories.lock().unwrap_or_else(PoisonError::into_inner).remove(request);
    }
}

async fn read(
    snapshot: &Snapshot,
    history: &mut History,
    from: u64,
    window: (Timestamp, Timestamp),
) -> Result<(), LogError> {
    let mut wanted = Vec::new();
    let mut leaves = std::pin::pin!(snapshot.leaves(from));
    while let Some((index, leaf)) = leaves.try_next().await? {
        let leaf = Leaf::decode(&leaf).ok_or(LogError::Newer(index))?;
        if history.wants(index, &leaf, window) {
            wanted.push(index);
        }
    }
    let mut entries = stream::iter(wanted).map(|index| snapshot.entry(index)).buffered(CONCURRENCY);
    while let Some(entry) = entries.try_next().await? {
        // An entry that was erased or that a newer release wrote may be the one that forbids it.
        history.take(entry.index, entry.record()?);
    }
    Ok(())
}
