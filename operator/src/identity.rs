//! `camerafleet.io/id`: an object's lasting identity, set once, by the operator, to the first uid.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use camerafleet_crds::ID_ANNOTATION;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};

use crate::{
    conditions::Verdict,
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

/// The uids of the objects that carry an id which an older object of their kind has: copies, made by hand or by a
/// restore beside what it restores. They are never acted upon, as two objects on one id would share keys and paths.
pub fn duplicates<K: Object>(all: &[Arc<K>]) -> BTreeSet<String> {
    let age = |object: &K| (object.meta().creation_timestamp.clone().map(|t| t.0), object.uid());
    let mut holders: BTreeMap<&str, &Arc<K>> = BTreeMap::new();
    for object in all {
        let Some(id) = of(&**object) else { continue };
        let holder = holders.entry(id).or_insert(object);
        if age(object) < age(holder) {
            *holder = object;
        }
    }
    let holds = |object: &K| of(object).is_none_or(|id| holders[id].uid() == object.uid());
    all.iter().filter(|object| !holds(object)).filter_map(|object| object.uid()).collect()
}

/// Whether an object is one of these duplicates.
pub fn is_among<K: Object>(duplicates: &BTreeSet<String>, object: &K) -> bool {
    object.uid().is_some_and(|uid| duplicates.contains(&uid))
}

/// What a duplicate is told.
pub fn duplicate_verdict<K: Object>() -> Verdict {
    Verdict::no(
        "DuplicateId",
        format!(
            "Another {} was there before with the same {ID_ANNOTATION} annotation: delete this one, and create it again without the annotation.",
            K::kind(&())
        ),
    )
}

#[cfg(test)]
mod tests {
    use camerafleet_crds::Camera;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn camera(uid: &str, id: Option<&str>, created: i64) -> Arc<Camera> {
        let spec = serde_json::json!({"source": {"url": "rtsp://198.51.100.7/stream"}});
        let mut camera = Camera::new(uid, serde_json::from_value(spec).unwrap());
        camera.metadata.uid = Some(uid.into());
        camera.metadata.creation_timestamp = Some(Time(jiff::Timestamp::from_second(created).unwrap()));
        if let Some(id) = id {
            camera.annotations_mut().insert(ID_ANNOTATION.into(), id.into());
        }
        Arc::new(camera)
    }

    #[test]
    fn of_two_with_one_id_the_older_holds_it() {
        let all = [
            camera("copy", Some("a"), 20),
            camera("first", Some("a"), 10),
            camera("restored", Some("gone"), 30),
            camera("fresh", None, 40),
            camera("same-second-b", Some("b"), 50),
            camera("same-second-a", Some("b"), 50),
        ];
        let found = duplicates(&all);
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), ["copy", "same-second-b"]);
    }
}
