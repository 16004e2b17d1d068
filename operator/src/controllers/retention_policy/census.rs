//! How much is stored, as the jobs counted it, told on the Cameras and the Tenant. It is told when a run is, and before
//! it: what could not be written is written with the next look at the same run.

use std::collections::BTreeMap;

use camerafleet_crds::{Camera, RetentionPolicy, Tenant};
use camerafleet_footage::{
    ids::{CameraId, PolicyId},
    retention::{Census, Counted, census_key},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use object_store::{ObjectStoreExt as _, path::Path};
use serde_json::{Value, json};

use super::{gather::Observed, status::is_news, store::TenantStore};
use crate::{
    config::CALL_TIMEOUT,
    context::Context,
    error::Error,
    identity,
    kube_api::{self, Object},
    watch::in_namespace,
};

/// Censuses are read, and Cameras written, at so many places at once.
const CONCURRENCY: usize = 8;
/// A census of 100,000 cameras, the most that a quota allows, is shorter.
const MAX_BYTES: u64 = 32 << 20;

/// What is told of one camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    oldest: Option<Timestamp>,
    bytes: u64,
}

/// A tenant's footage, by the last censuses of its policies.
struct Sums(BTreeMap<CameraId, Counted>);

impl Sums {
    fn of(censuses: impl IntoIterator<Item = Census>) -> Self {
        let mut cameras = BTreeMap::<CameraId, Counted>::new();
        for (camera, counted) in censuses.into_iter().flat_map(|census| census.cameras) {
            match cameras.get_mut(&camera) {
                // A camera that was moved has footage under several policies.
                Some(known) => known.join(&counted),
                None => _ = cameras.insert(camera, counted),
            }
        }
        Self(cameras)
    }

    /// Of all cameras, deleted ones included.
    fn bytes(&self) -> u64 {
        self.0.values().map(|counted| counted.bytes).sum()
    }

    fn camera(&self, camera: &CameraId) -> Figures {
        let Some(counted) = self.0.get(camera) else { return Figures::default() };
        // Whole seconds, which is what an object keeps of a time.
        let oldest = Timestamp::from_second(counted.oldest_ms.div_euclid(1_000)).ok();
        Figures { oldest, bytes: counted.bytes }
    }
}

/// What a Camera is to be told; none if it says so already.
fn camera_patch(camera: &Camera, sums: &Sums) -> Option<Value> {
    let id = identity::of(camera).and_then(|id| CameraId::parse(id).ok())?;
    let told = sums.camera(&id);
    let status = camera.status.as_ref();
    let known = status.and_then(|s| s.stored_bytes);
    let oldest = status.and_then(|s| s.oldest_footage_time.as_ref()).map(|time| time.0);
    let same = known == Some(told.bytes) && oldest == told.oldest;
    // In a merge patch null takes away, and what is left out stays.
    (!same).then(|| json!({"storedBytes": told.bytes, "oldestFootageTime": told.oldest.map(Time)}))
}

fn tenant_patch(tenant: &Tenant, sums: &Sums) -> Option<Value> {
    let known = tenant.status.as_ref().and_then(|s| s.stored_bytes);
    (known != Some(sums.bytes())).then(|| json!({"storedBytes": sums.bytes()}))
}

/// Tells it, if there is a run that is not told yet. A store that does not answer is told elsewhere; what was counted is
/// then told with the next run.
pub async fn tell(policy: &RetentionPolicy, observed: &Observed, context: &Context) -> Result<(), Error> {
    let status = policy.status.clone().unwrap_or_default();
    let (Some(run), Ok(store)) = (&observed.run, &observed.store) else { return Ok(()) };
    if !is_news(run, &status) {
        return Ok(());
    }
    let namespace = policy.namespace().unwrap_or_default();
    let policies = in_namespace(&context.index.retention_policies, &namespace);
    let policies = policies.iter().filter_map(|policy| PolicyId::parse(identity::of(&**policy)?).ok());
    let reading = stream::iter(policies.collect::<Vec<_>>())
        .map(|policy| async move { read(store, observed, &policy).await })
        .buffered(CONCURRENCY)
        .try_collect::<Vec<_>>();
    let censuses = match tokio::time::timeout(CALL_TIMEOUT, reading).await {
        Ok(Ok(censuses)) => censuses,
        Ok(Err(error)) => {
            tracing::warn!(policy = %observed.policy_id, %error, "cannot read what the jobs counted");
            return Ok(());
        }
        Err(_) => return Ok(()),
    };
    // Nothing is known before the first census.
    if censuses.iter().all(Option::is_none) {
        return Ok(());
    }
    let sums = Sums::of(censuses.into_iter().flatten());
    let api = Api::<Camera>::namespaced(context.client.clone(), &namespace);
    let cameras = context.index.cameras_in(&namespace);
    let patches = cameras.iter().filter_map(|camera| Some((camera, camera_patch(camera, &sums)?)));
    stream::iter(patches.collect::<Vec<_>>())
        .map(Ok)
        .try_for_each_concurrent(CONCURRENCY, async |(camera, patch)| write(&api, &**camera, patch).await)
        .await?;
    if let Some(patch) = tenant_patch(&observed.tenant, &sums) {
        write(&Api::<Tenant>::all(context.client.clone()), &*observed.tenant, patch).await?;
    }
    Ok(())
}

/// Only these fields, whatever another view of the object says of the others; and of this object only.
async fn write<K: Object>(api: &Api<K>, object: &K, status: Value) -> Result<(), Error> {
    let doing = format!("tell what is stored of {}", kube_api::label(object));
    let patch = json!({"metadata": {"uid": object.uid()}, "status": status});
    let (name, parameters, patch) = (object.name_any(), PatchParams::default(), Patch::Merge(patch));
    match kube_api::call(&doing, api.patch_status(&name, &parameters, &patch)).await {
        // It is gone, or another one.
        Err(Error::Kube { source, .. }) if matches!(&*source, kube::Error::Api(s) if matches!(s.code, 404 | 409)) => {
            Ok(())
        }
        result => result.map(drop),
    }
}

/// A policy's census. One that cannot be read counts as none: its job makes it anew.
async fn read(
    store: &TenantStore,
    observed: &Observed,
    policy: &PolicyId,
) -> object_store::Result<Option<Census>> {
    let key = census_key(&store.config.prefix, &observed.tenant_id, policy);
    let path = Path::parse(key).map_err(|source| object_store::Error::InvalidPath { source })?;
    let read = async {
        let found = store.client.get(&path).await?;
        if found.meta.size > MAX_BYTES {
            tracing::warn!(%policy, "a census is too long to be one");
            return Ok(None);
        }
        Ok(serde_json::from_slice(&found.bytes().await?).ok())
    };
    match read.await {
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use camerafleet_crds::ID_ANNOTATION;

    use super::*;

    fn census(cameras: &[(&str, i64, u64)]) -> Census {
        let counted = |(id, oldest_ms, bytes): &(&str, i64, u64)| {
            let counted = Counted { oldest_ms: *oldest_ms, segments: 1, bytes: *bytes };
            (CameraId::parse(*id).unwrap(), counted)
        };
        Census { made_at: Timestamp::UNIX_EPOCH, cameras: cameras.iter().map(counted).collect() }
    }

    fn camera(id: &str, status: Value) -> Camera {
        let camera = json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "Camera",
            "metadata": {"name": id, "annotations": {ID_ANNOTATION: id}},
            "spec": {"source": {"url": "rtsp://198.51.100.7/"}}, "status": status,
        });
        serde_json::from_value(camera).unwrap()
    }

    #[test]
    fn a_cameras_figures_are_of_all_policies_and_are_written_when_they_differ() {
        let sums = Sums::of([census(&[("c-1", 5_900, 10), ("gone", 0, 5)]), census(&[("c-1", 2_400, 7)])]);
        assert_eq!(sums.bytes(), 22);
        let at = |second: i64| Timestamp::from_second(second).unwrap().to_string();
        let moved = json!({"storedBytes": 17, "oldestFootageTime": at(2)});
        assert_eq!(camera_patch(&camera("c-1", json!({})), &sums), Some(moved.clone()));
        assert_eq!(camera_patch(&camera("c-1", moved), &sums), None);
        // Nothing of it is left: that is known, and not the same as not known.
        let before = json!({"storedBytes": 3, "oldestFootageTime": at(1)});
        let none = json!({"storedBytes": 0, "oldestFootageTime": null});
        assert_eq!(camera_patch(&camera("c-2", before), &sums), Some(none));
        assert_eq!(camera_patch(&camera("c-2", json!({"storedBytes": 0})), &sums), None);
    }
}
