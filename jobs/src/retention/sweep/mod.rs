//! Deletes what is due in an epoch.

mod delete;
mod listing;
mod seen;

use std::{
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
};

use camerafleet_footage::{
    hold::Holds,
    layout::Epoch,
    retention::{
        Judged, OverLimit, due_at, judge,
        listing::{Found, Place, Stored},
        may_be_due,
    },
};
use futures::TryStreamExt as _;

use super::{Job, JobError, PolicySource, Report, Versions, holds, policy::Checked};
use delete::{Deleted, delete};
use seen::Seen;

pub(super) use listing::failed as listing_failed;

/// Objects that one request deletes: S3's limit. Also what is held in memory of a listing.
const BATCH: usize = 1_000;
/// Requests of a kind at once.
const CONCURRENCY: usize = 8;

/// An object that goes, with its versions where the bucket keeps any.
struct Going {
    object: Stored,
    versions: Vec<String>,
}

/// What holds for a whole epoch.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    /// The policy, as it was when the epoch was begun.
    pub policy: &'a Checked,
    /// The holds of the run's beginning.
    pub begun: &'a Holds,
    /// What is above the policy's limit.
    pub over: &'a OverLimit,
}

/// Deletes what is due in the epoch, and counts the rest.
pub(super) async fn sweep<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epoch: &Epoch,
    terms: Terms<'_>,
    versions: Option<&Versions>,
    report: &mut Report,
) -> Result<(), JobError> {
    // One moment for the whole epoch: what comes due meanwhile is the next run's.
    let now = (job.now)();
    let Terms { policy, begun, over } = terms;
    let keep_for = policy.terms.keep_for;
    let may_go = |name: &_| may_be_due(name, keep_for, now) || over.covers(name);
    let past = due_at(epoch.end(), keep_for) <= now;
    let (listing, foreign) = listing::list(job, place, epoch, versions, past, may_go).await?;
    let seen = Mutex::new(Seen::new(foreign));
    let due = listing.try_filter_map(|(found, versions)| {
        let going = match found {
            Found::Foreign => {
                locked(&seen).foreign();
                None
            }
            Found::Segment(object) => {
                let judged = judge(&object.name, object.last_modified, keep_for, begun, over, now);
                match judged {
                    Judged::Due | Judged::OverLimit => Some(Going { object: *object, versions }),
                    Judged::Kept | Judged::Held { .. } => {
                        locked(&seen).kept(&object, judged);
                        None
                    }
                }
            }
        };
        ready(Ok(going))
    });
    let mut example = None;
    let batches = due
        .try_chunks(BATCH)
        // What a failing listing gave so far is found again by the next run.
        .map_err(|error| error.1)
        .map_ok(|batch| async {
            let batch = still_due(job, terms, batch, &seen).await?;
            Ok(delete(job, versions, batch).await)
        })
        .try_buffer_unordered(CONCURRENCY)
        .try_for_each(|batch| {
            for Deleted { object, failure } in batch {
                report.deleted(&object, failure.is_none());
                example = example.take().or(failure);
            }
            ready(Ok(()))
        });
    let result = batches.await;
    seen.into_inner().unwrap_or_else(PoisonError::into_inner).tell(report);
    result?;
    match example {
        Some(example) => Err(JobError::NotDeleted { example }),
        None => Ok(()),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Right before a batch is deleted: the policy may have been made longer since, and a hold may have come.
async fn still_due<P: PolicySource>(
    job: &Job<P>,
    Terms { policy: planned, begun, over }: Terms<'_>,
    batch: Vec<Going>,
    seen: &Mutex<Seen>,
) -> Result<Vec<Going>, JobError> {
    let fresh = holds::fresh(job, begun).await?;
    let (now, keep_for) = ((job.now)(), fresh.policy.terms.keep_for);
    let none = OverLimit::default();
    let over = if fresh.policy.most == planned.most { over } else { &none };
    let mut goes = Vec::with_capacity(batch.len());
    for going in batch {
        let object = &going.object;
        match judge(&object.name, object.last_modified, keep_for, &fresh.holds, over, now) {
            Judged::Due | Judged::OverLimit => goes.push(going),
            judged => locked(seen).kept(object, judged),
        }
    }
    Ok(goes)
}
