//! Finds what is above a policy's limit of bytes for each camera.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_footage::{
    hold::Holds,
    ids::CameraId,
    layout::{Epoch, camera_prefix},
    retention::{
        OverLimit, Room,
        listing::{Found, Place},
    },
};
use futures::TryStreamExt as _;
use object_store::path::Path;

use super::{Job, JobError, PolicySource, sweep::listing_failed};

/// From the newest epoch back to the one in which a camera's limit is reached, which is then looked at more closely. What
/// a hold keeps is not counted in: a hold pushes out no other footage. Of each camera a figure is held, and the names of
/// one epoch of one of them.
pub(super) async fn over<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epochs: &BTreeSet<Epoch>,
    most: u64,
    begun: &Holds,
) -> Result<OverLimit, JobError> {
    let (mut over, mut newer) = (OverLimit::default(), BTreeMap::<CameraId, u64>::new());
    for epoch in epochs.iter().rev() {
        let mut here = BTreeMap::<CameraId, u64>::new();
        let mut listing = place.objects(&*job.store, epoch);
        while let Some(found) = listing.try_next().await.map_err(|source| listing_failed(epoch, source))? {
            if let Found::Segment(object) = found
                && !over.has(&object.name.camera)
                && !begun.cover(&object.name)
            {
                *here.entry(object.name.camera.clone()).or_default() += object.size;
            }
        }
        for (camera, bytes) in here {
            let known = newer.entry(camera.clone()).or_default();
            if known.saturating_add(bytes) <= most {
                *known += bytes;
                continue;
            }
            let mut room = Room::of(most - *known);
            let folder = camera_prefix(&place.prefix, &place.tenant, &place.policy, epoch, &camera);
            let folder = Path::parse(&folder)
                .map_err(|source| listing_failed(epoch, object_store::Error::InvalidPath { source }))?;
            let mut listing = place.objects_in(&*job.store, epoch, &folder);
            while let Some(found) =
                listing.try_next().await.map_err(|source| listing_failed(epoch, source))?
            {
                if let Found::Segment(object) = found
                    && !begun.cover(&object.name)
                {
                    room.add(object.name, object.size);
                }
            }
            if let Some(last) = room.last() {
                over.up_to(&last);
            }
        }
    }
    Ok(over)
}
