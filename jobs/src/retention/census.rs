//! Counts what is stored, at most once a day: it lists everything, which no other part of a run does.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_footage::{
    ids::CameraId,
    layout::Epoch,
    retention::{
        Census, Counted, census_key,
        listing::{Found, Place},
    },
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{ObjectStoreExt as _, path::Path};
use tokio::time::{Instant, timeout};

use super::{
    Job, JobError, PolicySource,
    copy::{get, put},
};

/// Epochs that are listed at once. Of each a page is held, and a figure for each of its cameras.
const CONCURRENCY: usize = 8;

/// Makes the census if the last one is old, after all that is due is done and in what is left of the run's time. One that
/// is not finished in that is not told: the next run begins it anew. That of a deleted policy goes with its last footage
/// (`gone`).
pub(super) async fn take<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epochs: &BTreeSet<Epoch>,
    started: Instant,
    gone: bool,
) -> Result<(), JobError> {
    let key = census_key(&place.prefix, &place.tenant, &place.policy);
    let known = get(job, &key, "read the census of what is stored").await?;
    if gone {
        return match known {
            Some(_) => delete(job, &key).await,
            None => Ok(()),
        };
    }
    // One that cannot be read is made anew.
    let known: Option<Census> = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if known.is_some_and(|census| !census.is_old((job.now)())) {
        return Ok(());
    }
    let left = job.time_limit.saturating_sub(started.elapsed());
    let counting =
        async { if left.is_zero() { None } else { timeout(left, count(job, place, epochs)).await.ok() } };
    let Some(cameras) = counting.await else {
        tracing::warn!("what is stored could not be counted in the run's time; the next run begins anew");
        return Ok(());
    };
    let census = Census { made_at: (job.now)(), cameras: cameras? };
    let body = serde_json::to_vec(&census)
        .map_err(|e| JobError::Setup { what: "The census".to_owned(), why: e.to_string() })?;
    put(job, &key, body, "take the census of what is stored").await
}

async fn delete<P>(job: &Job<P>, key: &str) -> Result<(), JobError> {
    let failed =
        |source| JobError::Store { doing: "delete the census of a policy that goes".to_owned(), source };
    let path = Path::parse(key).map_err(|source| failed(object_store::Error::InvalidPath { source }))?;
    job.store.delete(&path).await.map_err(failed)
}

type Cameras = BTreeMap<CameraId, Counted>;

async fn count<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epochs: &BTreeSet<Epoch>,
) -> Result<Cameras, JobError> {
    let of_epoch = |epoch: &Epoch| {
        place.objects(&*job.store, epoch).try_fold(Cameras::new(), |mut cameras, found| {
            if let Found::Segment(segment) = found {
                add(&mut cameras, segment.name.camera.clone(), &Counted::one(&segment));
            }
            futures::future::ready(Ok(cameras))
        })
    };
    let counting = stream::iter(epochs).map(of_epoch).buffer_unordered(CONCURRENCY);
    let counted = counting.try_fold(Cameras::new(), |mut all, epoch| {
        epoch.into_iter().for_each(|(camera, counted)| add(&mut all, camera, &counted));
        futures::future::ready(Ok(all))
    });
    counted.await.map_err(|source| JobError::Store { doing: "list what is stored".to_owned(), source })
}

fn add(cameras: &mut Cameras, camera: CameraId, counted: &Counted) {
    match cameras.get_mut(&camera) {
        Some(known) => known.join(counted),
        None => _ = cameras.insert(camera, counted.clone()),
    }
}
