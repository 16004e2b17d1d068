//! Gathers the evidence from a store.

mod folders;
mod objects;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::ObjectStore;
use object_store::path::Path;

use self::folders::Folders;
use super::evidence::{Evidence, Record, StreamAnchor, Window};
use crate::ids::{CameraId, StreamId, TenantId};

/// The most objects that are looked at for one window: three weeks of segments of a minute, with room.
pub const MAX_OBJECTS: usize = 40_000;
/// Requests at a time.
const CONCURRENT: usize = 8;
/// For one request, body included.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Whose footage, and below which folder of the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder.
    pub prefix: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The camera.
    pub camera: CameraId,
}

/// How much of each segment is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// All of it: only so a replaced payload shows.
    Hash,
    /// The header.
    Skip,
}

/// The evidence cannot be had; nothing is known then.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store.
    #[error("the store did not answer as expected: {0}")]
    Store(#[from] object_store::Error),
    /// A request took too long.
    #[error("the store did not answer in time")]
    Timeout,
    /// More than [`MAX_OBJECTS`].
    #[error("there are more than {MAX_OBJECTS} objects in the window: choose a shorter one")]
    TooMany,
}

async fn timed<T>(work: impl Future<Output = object_store::Result<T>>) -> Result<T, ReadError> {
    Ok(tokio::time::timeout(TIMEOUT, work).await.map_err(|_| ReadError::Timeout)??)
}

/// Reads what [`super::verify`] needs. `anchors` are the log's streams of the camera; the more of them are given
/// that cannot concern the window, the more is searched in vain.
///
/// # Errors
/// What the store says: an object that vanishes while it is read is one too, for then retention or somebody
/// else is at work.
pub async fn read(
    store: &dyn ObjectStore,
    place: &Place,
    window: Window,
    anchors: Vec<StreamAnchor>,
    bodies: Bodies,
) -> Result<Evidence, ReadError> {
    let by_id: BTreeMap<&StreamId, &StreamAnchor> = anchors.iter().map(|a| (&a.stream, a)).collect();
    let records = objects::records(store, place, &by_id).await?;
    // After its end a stream need not be looked for; what its key did not sign does not count.
    let mut over: BTreeMap<&StreamId, i64> =
        anchors.iter().filter_map(|a| Some((&a.stream, a.closed?.at_ms))).collect();
    for record in &records {
        if let Ok(Record::Close(close)) = &record.record
            && let Some(anchor) = by_id.get(&close.stream)
            && close.verify(&anchor.public_key).is_ok()
        {
            over.insert(&anchor.stream, close.closed_at.as_millisecond());
        }
    }
    let folders = Folders::list(store, place).await?;
    let names = folders.names(store, window, &anchors, &over).await?;
    let segments = futures::stream::iter(names)
        .map(|(key, name)| objects::segment(store, key, name, &by_id, bodies))
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await?;
    let (tenant, camera) = (place.tenant.clone(), place.camera.clone());
    Ok(Evidence { tenant, camera, window, segments, records, anchors })
}

fn path(folder: &str) -> Result<Path, ReadError> {
    Path::parse(folder).map_err(|source| object_store::Error::InvalidPath { source }.into())
}
