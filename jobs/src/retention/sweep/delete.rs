//! Deletes a batch.

use std::{collections::BTreeMap, sync::Arc};

use camerafleet_footage::retention::listing::Stored;
use futures::{StreamExt as _, stream};
use object_store::ObjectStore;

use super::{
    super::{Job, Versions},
    BATCH, Going,
};

/// What became of an object.
pub(super) struct Deleted {
    pub object: Stored,
    pub failure: Option<String>,
}

/// Deletes a batch, with all versions where the bucket keeps any. An object that is gone already counts as deleted.
pub(super) async fn delete<P>(job: &Job<P>, versions: Option<&Versions>, batch: Vec<Going>) -> Vec<Deleted> {
    match versions {
        Some(versions) => delete_versions(versions, batch).await,
        None => delete_objects(Arc::clone(&job.store), batch).await,
    }
}

/// Whether a store says that an object is gone already. S3 counts that as deleted; a server that lost the race with
/// another run of the job says so, in an error whose code `object_store` gives in its text only.
fn is_gone(said: &str) -> bool {
    ["NoSuchKey", "NoSuchVersion"].iter().any(|code| said.contains(&format!("(code: {code})")))
}

async fn delete_objects(store: Arc<dyn ObjectStore>, batch: Vec<Going>) -> Vec<Deleted> {
    let batch: Vec<Stored> = batch.into_iter().map(|going| going.object).collect();
    let paths: Vec<_> = batch.iter().map(|object| Ok(object.path.clone())).collect();
    let results: Vec<_> = store.delete_stream(stream::iter(paths).boxed()).collect().await;
    let mut results = results.into_iter();
    let mut deleted = Vec::with_capacity(batch.len());
    for object in batch {
        // A request that failed as a whole gives one answer for all of them.
        let failure = match results.next() {
            Some(Ok(_)) => None,
            Some(Err(error)) => Some(error.to_string()).filter(|said| !is_gone(said)),
            None => Some("the request as a whole failed".to_owned()),
        };
        if let Some(failure) = &failure {
            tracing::warn!(object = %object.path, failure, "cannot delete what is due");
        }
        deleted.push(Deleted { object, failure });
    }
    deleted
}

async fn delete_versions(versions: &Versions, batch: Vec<Going>) -> Vec<Deleted> {
    let pairs: Vec<_> = batch
        .iter()
        .flat_map(|going| {
            going.versions.iter().map(|version| (going.object.path.to_string(), version.clone()))
        })
        .collect();
    let mut failures = BTreeMap::new();
    for part in pairs.chunks(BATCH) {
        match versions.delete(part).await {
            Ok(stay) => failures.extend(stay),
            Err(error) => failures.extend(part.iter().map(|(key, _)| (key.clone(), error.to_string()))),
        }
    }
    let deleted = batch.into_iter().map(|Going { object, .. }| {
        let failure = failures.remove(object.path.as_ref());
        if let Some(failure) = &failure {
            tracing::warn!(object = %object.path, failure, "cannot delete all versions of what is due");
        }
        Deleted { object, failure }
    });
    deleted.collect()
}
