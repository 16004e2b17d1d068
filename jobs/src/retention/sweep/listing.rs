//! Lists what lies in an epoch's folder.

use std::{future::ready, sync::Arc};

use camerafleet_footage::{
    layout::{Epoch, SegmentName},
    retention::listing::{Found, Place},
};
use futures::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use object_store::path::Path;

use super::{
    super::{Job, JobError, PolicySource, Versions},
    CONCURRENCY,
};

/// What was found, with its versions where the bucket keeps any.
type Item = (Found, Vec<String>);

/// What lies there, each camera's in order, and how many objects lie where none should and are not among it.
///
/// An epoch that is `past` is listed as a whole: all of it goes but what came late or is held. Of another one each
/// camera's listing ends with the first that cannot go.
pub(super) async fn list<'a, P: PolicySource>(
    job: &Job<P>,
    place: &'a Place,
    epoch: &'a Epoch,
    versions: Option<&'a Versions>,
    past: bool,
    may_go: impl Fn(&SegmentName) -> bool + Clone + Send + 'a,
) -> Result<(BoxStream<'a, Result<Item, JobError>>, u64), JobError> {
    if let Some(versions) = versions {
        return Ok((versions.objects(place, epoch).boxed(), 0));
    }
    let failed = move |source| failed(epoch, source);
    let plain = |found| (found, Vec::new());
    if past {
        return Ok((place.objects(&*job.store, epoch).map_ok(plain).map_err(failed).boxed(), 0));
    }
    let (folders, foreign) = place.cameras(&*job.store, epoch).await.map_err(failed)?;
    let store = Arc::clone(&job.store);
    let of_camera = move |folder: Path| {
        let (mut over, may_go) = (false, may_go.clone());
        place.objects_in(&*store, epoch, &folder).try_take_while(move |found| {
            let goes_on = !over;
            if let Found::Segment(object) = found {
                over = !may_go(&object.name);
            }
            ready(Ok(goes_on))
        })
    };
    let listing = stream::iter(folders).map(of_camera).flatten_unordered(CONCURRENCY);
    Ok((listing.map_ok(plain).map_err(failed).boxed(), foreign))
}

/// Why there is no listing.
pub(in super::super) fn failed(epoch: &Epoch, source: object_store::Error) -> JobError {
    tracing::error!(%epoch, error = %source, "cannot list an epoch");
    JobError::Store { doing: "list an epoch's objects".to_owned(), source }
}
