//! What follows on each other under one subject: what a SharingPolicy has been, which policy a camera had. An entry that says
//! the same as the one before it is not logged; one that says again what was said before another is.

use std::collections::HashMap;

use camerafleet_crds::Tenant;
use camerafleet_footage::log::{Entry, NewEntry};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{LogProblem, Logs};
use crate::context::Context;

/// Entries that are read at a time.
const CONCURRENCY: usize = 8;

/// The newest entry of each line, as far as it was asked for: its index and what it says.
pub(super) type Lines = HashMap<String, (u64, Entry)>;

impl Logs {
    /// Logs what each line does not end with already. A line's first entry has the line's name for its id, each other one
    /// that and the index of the one before.
    pub async fn succeed(
        &self,
        tenant: &Tenant,
        wanted: &[(String, Entry)],
        context: &Context,
    ) -> Result<(), LogProblem> {
        let lines = self.lines_of(tenant).ok_or(LogProblem::NotOpen)?;
        // Held until it is done: two pipelines must not both go on from one entry.
        let mut lines = lines.lock().await;
        if wanted.iter().all(|(line, entry)| lines.get(line).is_some_and(|(_, last)| last == entry)) {
            return Ok(());
        }
        let mut unread = Vec::new();
        let mut ids = HashMap::new();
        for (line, _) in wanted {
            let known = lines.get(line).map(|(index, _)| *index);
            let (mut last, mut id) = (known, next_id(line, known));
            while let Some(index) = self.find(tenant, &id, context).await? {
                last = Some(index);
                id = next_id(line, last);
            }
            if let Some(index) = last.filter(|_| last != known) {
                unread.push((line.clone(), index));
            }
            ids.insert(line, id);
        }
        if !unread.is_empty() {
            let snapshot = self.snapshot(tenant, context).await?;
            let mut read = stream::iter(unread)
                .map(|(line, index)| {
                    let entry = snapshot.entry(index);
                    async move { entry.await.map(|entry| (line, index, entry)) }
                })
                .buffered(CONCURRENCY);
            while let Some((line, index, entry)) = read.try_next().await? {
                lines.insert(line, (index, entry.record()?.entry.clone()));
            }
        }
        let changed =
            |(line, entry): &&(String, Entry)| lines.get(line).is_none_or(|(_, last)| last != entry);
        let changed: Vec<&(String, Entry)> = wanted.iter().filter(changed).collect();
        let at = context.now();
        let new: Vec<NewEntry> = changed
            .iter()
            .map(|(line, entry)| NewEntry {
                id: ids.get(line).cloned().unwrap_or_else(|| line.clone()),
                at,
                entry: entry.clone(),
            })
            .collect();
        let indices = self.append(tenant, &new, context).await?;
        for ((line, entry), index) in changed.into_iter().zip(indices) {
            lines.insert(line.clone(), (index, entry.clone()));
        }
        Ok(())
    }
}

fn next_id(line: &str, last: Option<u64>) -> String {
    match last {
        None => line.to_owned(),
        Some(index) => format!("{line}/{index}"),
    }
}
