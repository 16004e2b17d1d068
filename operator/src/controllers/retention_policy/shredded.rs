//! Cameras that were deleted with `deletionPolicy: Shred`: each stays until its key is gone, and says what it waits for.

use camerafleet_crds::{Camera, CameraStatus};
use camerafleet_footage::{hold::Holds, ids::CameraId, layout::camera_key_name};
use jiff::Timestamp;
use kube::{Api, Resource, ResourceExt};

use super::gather::Observed;
use crate::{
    conditions::{self, Verdict},
    context::Context,
    error::Error,
    events, finalizer, identity, kube_api,
};

/// Keeps a Camera that is to be shredded until its key is gone.
pub const FINALIZER: &str = "camerafleet.io/shred";

/// Lets go those whose keys Vault has no more, and tells of the others.
pub async fn tell(observed: &Observed, context: &Context) -> Result<(), Error> {
    let mut waits = Vec::new();
    for camera in &observed.to_shred {
        let id = identity::of(camera).and_then(|id| CameraId::parse(id).ok());
        match id {
            Some(id) if has_key(&id, observed) => waits.push((camera, id)),
            _ => finalizer::remove(&api(camera, context), camera, FINALIZER).await?,
        }
    }
    for (camera, id) in waits {
        let verdict = verdict(&id, &observed.holds);
        let status = status(camera, verdict, context.now());
        kube_api::write_status(&api(camera, context), camera, camera.status.as_ref(), &status).await?;
        let old = camera.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        events::transition(context, &camera.object_ref(&()), old, &status.conditions).await;
    }
    Ok(())
}

fn api(camera: &Camera, context: &Context) -> Api<Camera> {
    Api::namespaced(context.client.clone(), &camera.namespace().unwrap_or_default())
}

/// Where Vault does not say, it has it.
fn has_key(id: &CameraId, observed: &Observed) -> bool {
    observed.keys.is_err() || observed.others.all.contains(&camera_key_name(id))
}

fn verdict(id: &CameraId, holds: &Holds) -> Verdict {
    if holds.name(id) {
        return Verdict::no(
            "Held",
            "The Camera is deleted to be shredded, and a LegalHold names it: nothing of it is destroyed before the hold ends (kubectl get legalholds).",
        );
    }
    Verdict::no(
        "Shredding",
        "The Camera is deleted. The next run of a retention job destroys its key, and no footage of it can be opened after that (kubectl get retentionpolicies).",
    )
}

fn status(camera: &Camera, ready: Verdict, now: Timestamp) -> CameraStatus {
    let old = camera.status.clone().unwrap_or_default();
    let stopped = Verdict::no(ready.reason, "Nothing records this camera.");
    let verdicts = [("Ready", ready), ("Recording", stopped)];
    CameraStatus {
        observed_generation: camera.metadata.generation,
        shard: None,
        conditions: conditions::merge(&old.conditions, camera.metadata.generation, &verdicts, now),
        ..old
    }
}
