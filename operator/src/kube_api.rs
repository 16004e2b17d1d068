//! The few ways in which the operator talks to the API server, each under a timeout.

use std::{fmt::Debug, future::Future, time::Duration};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    config::{CALL_TIMEOUT, FIELD_MANAGER},
    error::Error,
};

/// What an object must be for these helpers.
pub trait Object: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned {}
impl<K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned> Object for K {}

/// Runs one call under the operator's timeout and says what it was for.
pub async fn call<T>(doing: &str, call: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    limited(doing, CALL_TIMEOUT, call).await
}

async fn limited<T>(
    doing: &str,
    limit: Duration,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(Error::Kube { doing: doing.to_owned(), source: Box::new(e) }),
        Err(_) => Err(Error::Timeout { doing: doing.to_owned(), seconds: limit.as_secs() }),
    }
}

/// `kind namespace/name`, as messages name an object.
pub fn label<K: Object>(object: &K) -> String {
    match object.namespace() {
        Some(namespace) => format!("{} {namespace}/{}", K::kind(&()), object.name_any()),
        None => format!("{} {}", K::kind(&()), object.name_any()),
    }
}

/// Applies `desired` if it differs from what this field manager applied before: at rest, nothing is written.
///
/// Server-side apply without a change is no write in etcd, but it is a request; comparing with `observed`
/// (from a watch) saves it.
pub async fn apply<K: Object>(api: &Api<K>, desired: &K) -> Result<K, Error> {
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    call(
        &format!("apply {}", label(desired)),
        api.patch(&desired.name_any(), &parameters, &Patch::Apply(typed(desired)?)),
    )
    .await
}

/// An object with `apiVersion` and `kind`, which server-side apply wants to see.
fn typed<K: Object>(object: &K) -> Result<serde_json::Value, Error> {
    let build = |source| Error::Build { doing: format!("build {}", label(object)), source };
    let mut value = serde_json::to_value(object).map_err(build)?;
    value["apiVersion"] = K::api_version(&()).into();
    value["kind"] = K::kind(&()).into();
    Ok(value)
}

/// Writes `status` if it differs from the one observed.
pub async fn write_status<K: Object, S: Serialize + PartialEq>(
    api: &Api<K>,
    object: &K,
    observed: Option<&S>,
    status: &S,
) -> Result<(), Error> {
    if observed == Some(status) {
        return Ok(());
    }
    let doing = format!("write the status of {}", label(object));
    // The resourceVersion makes a write on an outdated view a conflict instead of an overwrite.
    let patch = serde_json::json!({
        "metadata": {"resourceVersion": object.resource_version()},
        "status": status,
    });
    call(&doing, api.patch_status(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch))).await?;
    Ok(())
}

/// An object, or none.
pub async fn get<K: Object>(api: &Api<K>, name: &str) -> Result<Option<K>, Error> {
    call(&format!("read {} {name}", K::kind(&())), api.get_opt(name)).await
}

/// All objects with these labels.
pub async fn list<K: Object>(api: &Api<K>, labels: &str) -> Result<Vec<K>, Error> {
    let parameters = ListParams::default().labels(labels);
    Ok(call(&format!("list {}", K::plural(&())), api.list(&parameters)).await?.items)
}

/// Deletes what has these labels and is not among `wanted`, each only if it is still the object that was seen.
pub async fn prune<K: Object>(api: &Api<K>, labels: &str, wanted: &[&str]) -> Result<(), Error> {
    for object in list(api, labels).await? {
        let name = object.name_any();
        if wanted.contains(&name.as_str()) || object.meta().deletion_timestamp.is_some() {
            continue;
        }
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: object.uid(),
                resource_version: object.resource_version(),
            }),
            ..DeleteParams::background()
        };
        match call(&format!("delete {}", label(&object)), api.delete(&name, &parameters)).await {
            Ok(_) => tracing::info!(object = label(&object), "deleted what is no longer wanted"),
            Err(Error::Kube { source, .. }) if matches!(&*source, kube::Error::Api(s) if s.code == 404) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// A field of a Secret as text.
pub fn secret_field(secret: &Secret, name: &str) -> Option<String> {
    let ByteString(bytes) = secret.data.as_ref()?.get(name)?;
    String::from_utf8(bytes.clone()).ok()
}
