//! `camerafleet.io/id`: an object's lasting identity, set once, by the operator, to the first uid.

use camerafleet_crds::ID_ANNOTATION;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};

use crate::{
    error::Error,
    kube_api::{Object, call, label},
};

/// The id that an object carries, if it has one.
pub fn of<K: Object>(object: &K) -> Option<&str> {
    object.annotations().get(ID_ANNOTATION).map(String::as_str)
}

/// The object's id; an object without one gets it now.
pub async fn ensure<K: Object>(api: &Api<K>, object: &K) -> Result<Option<String>, Error> {
    if let Some(id) = of(object) {
        return Ok(Some(id.to_owned()));
    }
    let Some(uid) = object.uid() else { return Ok(None) };
    // The uid and resourceVersion keep this from marking another object of the same name.
    let patch = serde_json::json!({
        "metadata": {
            "uid": uid,
            "resourceVersion": object.resource_version(),
            "annotations": {ID_ANNOTATION: uid},
        },
    });
    let doing = format!("set the id of {}", label(object));
    call(&doing, api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch))).await?;
    Ok(Some(uid))
}
