//! Deletes what is due in an epoch.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use camerafleet_footage::{
    hold::Holds,
    ids::CameraId,
    layout::{Epoch, SegmentName},
    retention::{
        Excess, Judged, judge,
        listing::{Found, Place, Stored},
        may_be_due,
    },
};
use futures::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use object_store::{ObjectStore, path::Path};

use super::{Job, JobError, PolicySource, Report, Versions, holds, policy::Checked};

/// Objects that one request deletes: S3's limit. Also what is held in memory of a listing.
const BATCH: usize = 1_000;
/// Requests of a kind at once.
const CONCURRENCY: usize = 8;

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
    (policy, begun): (&Checked, &Holds),
    versions: Option<&Versions>,
    excess: &mut Excess,
    report: &mut Report,
) -> Result<(), JobError> {
    // One moment for the whole epoch: what comes due meanwhile is the next run's.
    let now = (job.now)();
    let keep_for = policy.terms.keep_for;
    let excess = Mutex::new(excess);
    let above = |camera: &CameraId| locked(&excess).has(camera);
    let (listing, foreign) = match versions {
        Some(versions) => (versions.objects(place, epoch).boxed(), 0),
        None => {
            plain(job, place, epoch, move |name| may_be_due(name, keep_for, now) || above(&name.camera))
                .await?
        }
    };
    let mut seen = Seen { foreign, ..Seen::default() };
    let back = Mutex::new(Vec::new());
    let mut example = None;
    let due = listing.try_filter_map(|(found, versions)| {
        let due = match found {
            Found::Foreign => {
                seen.foreign += 1;
                None
            }
            Found::Segment(s) => {
                let judged =
                    judge(&s.name, (s.last_modified, s.size), keep_for, begun, &mut locked(&excess), now);
                match judged {
                    Judged::Due | Judged::OverLimit => Some((Going { object: *s, versions }, judged)),
                    Judged::Kept | Judged::Held { .. } => {
                        seen.note(&s, judged);
                        None
                    }
                }
            }
        };
        futures::future::ready(Ok(due))
    });
    let batches = due
        .try_chunks(BATCH)
        // What a failing listing gave so far is found again by the next run.
        .map_err(|error| error.1)
        .map_ok(|batch| async {
            let (batch, kept) = still_due(job, policy, begun, batch).await?;
            locked(&back).extend(kept);
            Ok(match versions {
                Some(versions) => delete_versions(versions, batch).await,
                None => delete(Arc::clone(&job.store), batch).await,
            })
        })
        .try_buffer_unordered(CONCURRENCY)
        .try_for_each(|batch| {
            for Deleted { object, failure } in batch {
                report.deleted(&object, failure.is_none());
                example = example.take().or(failure);
            }
            futures::future::ready(Ok(()))
        });
    let result = batches.await;
    for (going, judged) in back.into_inner().unwrap_or_else(PoisonError::into_inner) {
        seen.note(&going.object, judged);
    }
    seen.tell(report);
    result?;
    match example {
        Some(example) => Err(JobError::NotDeleted { example }),
        None => Ok(()),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An object that goes, with its versions where the bucket keeps any.
struct Going {
    object: Stored,
    versions: Vec<String>,
}

type Item = (Found, Vec<String>);

/// What lies in an epoch's folder, camera by camera. Each camera's are in order, so that its listing ends with the first
/// that cannot go; and how many objects lie where none should.
async fn plain<'a, P: PolicySource>(
    job: &Job<P>,
    place: &'a Place,
    epoch: &'a Epoch,
    may_go: impl Fn(&SegmentName) -> bool + Clone + Send + 'a,
) -> Result<(BoxStream<'a, Result<Item, JobError>>, u64), JobError> {
    let failed = |source| listing_failed(epoch, source);
    let (folders, foreign) = place.cameras(&*job.store, epoch).await.map_err(failed)?;
    let store = Arc::clone(&job.store);
    let of_camera = move |folder: Path| {
        let (mut over, may_go) = (false, may_go.clone());
        place.objects_in(&*store, epoch, &folder).try_take_while(move |found| {
            let goes_on = !over;
            if let Found::Segment(s) = found {
                over = !may_go(&s.name);
            }
            futures::future::ready(Ok(goes_on))
        })
    };
    let listing = stream::iter(folders).map(of_camera).flatten_unordered(CONCURRENCY);
    Ok((
        listing
            .map_ok(|found| (found, Vec::new()))
            .map_err(move |source| listing_failed(epoch, source))
            .boxed(),
        foreign,
    ))
}

type Batch = Vec<(Going, Judged)>;

/// Right before a batch is deleted: the policy may have been made longer since, and a hold may have come.
async fn still_due<P: PolicySource>(
    job: &Job<P>,
    planned: &Checked,
    begun: &Holds,
    batch: Batch,
) -> Result<(Vec<Going>, Batch), JobError> {
    let fresh = holds::fresh(job, begun).await?;
    let (now, keep_for) = ((job.now)(), fresh.policy.terms.keep_for);
    let (mut goes, mut kept) = (Vec::with_capacity(batch.len()), Vec::new());
    for (going, judged) in batch {
        let object = &going.object;
        let again = judge(
            &object.name,
            (object.last_modified, object.size),
            keep_for,
            &fresh.holds,
            &mut Excess::default(),
            now,
        );
        match (judged, again) {
            (_, Judged::Due) => goes.push(going),
            (Judged::OverLimit, Judged::Kept) if fresh.policy.most == planned.most => goes.push(going),
            (_, again) => kept.push((going, again)),
        }
    }
    Ok((goes, kept))
}

/// What is left of an epoch.
#[derive(Default)]
struct Seen {
    kept: BTreeMap<CameraId, Kept>,
    foreign: u64,
    held_bytes: u64,
}

struct Kept {
    start_ms: i64,
    bytes: u64,
    objects: u64,
}

impl Seen {
    fn note(&mut self, object: &Stored, judged: Judged) {
        if judged == (Judged::Held { due: true }) {
            self.held_bytes += object.size;
        }
        let start_ms = object.name.start_ms;
        let none = Kept { start_ms, bytes: 0, objects: 0 };
        let kept = self.kept.entry(object.name.camera.clone()).or_insert(none);
        kept.start_ms = kept.start_ms.min(start_ms);
        kept.bytes += object.size;
        kept.objects += 1;
    }

    fn tell(self, report: &mut Report) {
        report.summary.foreign_objects += self.foreign;
        report.summary.held_bytes += self.held_bytes;
        for (camera, Kept { start_ms, bytes, objects }) in self.kept {
            report.kept(&camera, start_ms, bytes, objects);
        }
    }
}

/// By how much each camera is above what the policy allows it, from all that it has under the policy.
pub(super) async fn excess<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epochs: impl Iterator<Item = &Epoch>,
    most: u64,
    begun: &Holds,
) -> Result<Excess, JobError> {
    let mut stored = BTreeMap::new();
    for epoch in epochs {
        let mut listing = place.objects(&*job.store, epoch);
        while let Some(found) = listing.try_next().await.map_err(|source| listing_failed(epoch, source))? {
            if let Found::Segment(object) = found
                && !begun.cover(&object.name)
            {
                *stored.entry(object.name.camera.clone()).or_default() += object.size;
            }
        }
    }
    Ok(Excess::of(stored, most))
}

fn listing_failed(epoch: &Epoch, source: object_store::Error) -> JobError {
    tracing::error!(%epoch, error = %source, "cannot list an epoch");
    JobError::Store { doing: "list an epoch's objects".to_owned(), source }
}

/// Whether a store says that an object is gone already. S3 counts that as deleted; a server that lost the race with
/// another run of the job says so, in an error whose code `object_store` gives in its text only.
fn is_gone(said: &str) -> bool {
    ["NoSuchKey", "NoSuchVersion"].iter().any(|code| said.contains(&format!("(code: {code})")))
}

/// Deletes a batch. An object that is gone already counts as deleted.
async fn delete(store: Arc<dyn ObjectStore>, batch: Vec<Going>) -> Vec<Deleted> {
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

/// Deletes all versions of a batch.
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
