//! Deletes what is due in an epoch.

use std::sync::Arc;

use camerafleet_footage::{
    layout::Epoch,
    retention::{
        is_due,
        listing::{Found, Place, Stored},
    },
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::ObjectStore;

use super::{Job, JobError, PolicySource, Report, policy::Checked};

/// Objects that one request deletes: S3's limit. Also what is held in memory of a listing.
const BATCH: usize = 1_000;
/// Requests at once.
const CONCURRENCY: usize = 4;

/// What became of an object.
struct Deleted {
    object: Stored,
    failure: Option<String>,
}

/// Deletes what is due in the epoch, and counts the rest.
pub(super) async fn sweep<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epoch: &Epoch,
    policy: &Checked,
    report: &mut Report,
) -> Result<(), JobError> {
    // One moment for the whole epoch: what comes due meanwhile is the next run's.
    let now = (job.now)();
    let keep_for = policy.terms.keep_for;
    let listing = place.objects(&*job.store, epoch).map_err(|source| listing_failed(epoch, source));
    let store = &job.store;
    let mut kept = Vec::new();
    let (mut foreign, mut example) = (0, None);
    let due = listing.try_filter_map(|found| {
        let due = match found {
            Found::Foreign => {
                foreign += 1;
                None
            }
            Found::Segment(s) if is_due(&s.name, s.last_modified, keep_for, now) => Some(*s),
            Found::Segment(s) => {
                note(&mut kept, &s);
                None
            }
        };
        async move { Ok(due) }
    });
    let batches = due
        .try_chunks(BATCH)
        // What a failing listing gave so far is found again by the next run.
        .map_err(|error| error.1)
        .map_ok(|batch| delete(Arc::clone(store), batch))
        .try_buffer_unordered(CONCURRENCY)
        .try_for_each(|batch| {
            for Deleted { object, failure } in batch {
                report.deleted(&object, failure.is_none());
                example = example.take().or(failure);
            }
            futures::future::ready(Ok(()))
        });
    let result = batches.await;
    kept.iter().for_each(|(camera, start, bytes, objects)| report.kept(camera, *start, *bytes, *objects));
    report.summary.foreign_objects += foreign;
    result?;
    match example {
        Some(example) => Err(JobError::NotDeleted { example }),
        None => Ok(()),
    }
}

type Kept = (camerafleet_footage::ids::CameraId, i64, u64, u64);

/// Sums up per camera: listings are in the cameras' order.
fn note(kept: &mut Vec<Kept>, object: &Stored) {
    match kept.last_mut() {
        Some((camera, start, bytes, objects)) if *camera == object.name.camera => {
            *start = (*start).min(object.name.start_ms);
            *bytes += object.size;
            *objects += 1;
        }
        _ => kept.push((object.name.camera.clone(), object.name.start_ms, object.size, 1)),
    }
}

/// Counts an epoch in which nothing can be due.
pub(super) async fn look<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epoch: &Epoch,
    report: &mut Report,
) -> Result<(), JobError> {
    let mut kept = Vec::new();
    let mut listing = place.objects(&*job.store, epoch);
    while let Some(found) = listing.try_next().await.map_err(|source| listing_failed(epoch, source))? {
        match found {
            Found::Segment(object) => note(&mut kept, &object),
            Found::Foreign => report.summary.foreign_objects += 1,
        }
    }
    kept.iter().for_each(|(camera, start, bytes, objects)| report.kept(camera, *start, *bytes, *objects));
    Ok(())
}

fn listing_failed(epoch: &Epoch, source: object_store::Error) -> JobError {
    tracing::error!(%epoch, error = %source, "cannot list an epoch");
    JobError::Store { doing: "list an epoch's objects".to_owned(), source }
}

/// Deletes a batch. An object that is gone already counts as deleted: that is how S3 answers.
async fn delete(store: Arc<dyn ObjectStore>, batch: Vec<Stored>) -> Result<Vec<Deleted>, JobError> {
    let paths: Vec<_> = batch.iter().map(|object| Ok(object.path.clone())).collect();
    let results: Vec<_> = store.delete_stream(stream::iter(paths).boxed()).collect().await;
    let mut results = results.into_iter();
    let mut deleted = Vec::with_capacity(batch.len());
    for object in batch {
        // A request that failed as a whole gives one answer for all of them.
        let failure = match results.next() {
            Some(Ok(_)) => None,
            Some(Err(error)) => Some(error.to_string()),
            None => Some("the request as a whole failed".to_owned()),
        };
        if let Some(failure) = &failure {
            tracing::warn!(object = %object.path, failure, "cannot delete what is due");
        }
        deleted.push(Deleted { object, failure });
    }
    Ok(deleted)
}
