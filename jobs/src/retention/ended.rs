//! Clears away what ended holds have copied. Their keys go as others do, by an intent of the operator's.

use camerafleet_footage::{
    ids::HoldId,
    layout::{hold_prefix, holds_prefix},
};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;

use super::{Job, JobError, PolicySource, holds, session::Session};

/// Deletes the sidecars of holds that are over by the log and not there. Two jobs that do it at once do no harm.
pub(super) async fn clear<P: PolicySource>(job: &Job<P>, session: &mut Session) -> Result<(), JobError> {
    if job.config.log.is_none() {
        return Ok(());
    }
    let (prefix, tenant) = (&job.config.store.prefix, &job.config.tenant);
    let failed =
        |source| JobError::Store { doing: "clear away what an ended hold has copied".to_owned(), source };
    let path = |folder: &str| {
        Path::parse(folder).map_err(|source| failed(object_store::Error::InvalidPath { source }))
    };
    let folders =
        job.store.list_with_delimiter(Some(&path(&holds_prefix(prefix, tenant))?)).await.map_err(failed)?;
    let found = folders.common_prefixes.iter().filter_map(|folder| HoldId::parse(folder.filename()?).ok());
    for hold in found {
        // Read for each: one may have been restored.
        if holds::read(job).await?.has(&hold) || !session.log(job).await?.is_over(&hold, (job.now)()) {
            continue;
        }
        let objects = job
            .store
            .list(Some(&path(&hold_prefix(prefix, tenant, &hold))?))
            .map_ok(|object| object.location)
            .boxed();
        job.store
            .delete_stream(objects)
            .try_for_each(|_| futures::future::ready(Ok(())))
            .await
            .map_err(failed)?;
        tracing::info!(%hold, "what an ended hold has copied is deleted");
    }
    Ok(())
}
