//! Finalizers: they keep a deleted object until what depends on it is undone.

use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};

use crate::{
    error::Error,
    kube_api::{Object, call, label},
};

/// Whether the object carries it.
pub fn has<K: Object>(object: &K, finalizer: &str) -> bool {
    object.finalizers().iter().any(|f| f == finalizer)
}

/// Adds it. Says whether that took a write, which comes back by the watch.
pub async fn add<K: Object>(api: &Api<K>, object: &K, finalizer: &str) -> Result<bool, Error> {
    if has(object, finalizer) {
        return Ok(false);
    }
    let finalizers = object.finalizers().iter().map(String::as_str).chain([finalizer]).collect();
    set(api, object, finalizers).await?;
    Ok(true)
}

/// Takes it away, if it is there.
pub async fn remove<K: Object>(api: &Api<K>, object: &K, finalizer: &str) -> Result<(), Error> {
    if !has(object, finalizer) {
        return Ok(());
    }
    let others = object.finalizers().iter().map(String::as_str).filter(|f| *f != finalizer).collect();
    set(api, object, others).await
}

async fn set<K: Object>(api: &Api<K>, object: &K, finalizers: Vec<&str>) -> Result<(), Error> {
    // The uid and resourceVersion keep this from another object's or someone else's finalizers.
    let patch = serde_json::json!({"metadata": {
        "uid": object.uid(), "resourceVersion": object.resource_version(), "finalizers": finalizers,
    }});
    let doing = format!("set the finalizers of {}", label(object));
    call(&doing, api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch))).await?;
    Ok(())
}
