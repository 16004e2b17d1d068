//! What a shard is made of.

mod access;
mod deployment;

use std::collections::BTreeMap;

use camerafleet_crds::Tenant;
use camerafleet_footage::{
    ids::CameraId,
    shard::{
        CONFIG_KEY, STORE_ACCESS_KEY_ID, STORE_SECRET_ACCESS_KEY, ShardConfig, password_key, username_key,
    },
};
use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, ResourceExt};

pub use access::{account, binding, role};
pub use deployment::deployment;

use super::gather::{Observed, SHARD};
use crate::{controllers::tenant::tenant_labels, error::Error, identity};

/// What selects everything of a tenant's recorders.
pub const COMPONENT: (&str, &str) = ("camerafleet.io/component", "ingest");

/// Which shard of its tenant something is of.
pub const SHARD_LABEL: &str = "camerafleet.io/shard";

/// On everything of a shard.
pub fn labels(tenant: &Tenant) -> BTreeMap<String, String> {
    let mut labels = tenant_labels(tenant);
    labels.insert(COMPONENT.0.to_owned(), COMPONENT.1.to_owned());
    labels.insert(SHARD_LABEL.to_owned(), SHARD.to_owned());
    labels
}

fn meta(tenant: &Tenant) -> ObjectMeta {
    ObjectMeta {
        name: Some(SHARD.to_owned()),
        namespace: Some(tenant.spec.namespace.clone()),
        labels: Some(labels(tenant)),
        owner_references: tenant.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// What the pod watches: public keys and addresses, nothing secret.
pub fn config_map(tenant: &Tenant, config: &ShardConfig) -> Result<ConfigMap, Error> {
    let build = |source| Error::Build { doing: format!("build the configuration of {SHARD}"), source };
    let json = serde_json::to_string(config).map_err(build)?;
    Ok(ConfigMap {
        metadata: meta(tenant),
        data: Some(BTreeMap::from([(CONFIG_KEY.to_owned(), json)])),
        ..ConfigMap::default()
    })
}

/// The passwords of the shard's cameras and the credential that can only add objects.
pub fn secret(tenant: &Tenant, config: &ShardConfig, observed: &Observed) -> Secret {
    let mut data = BTreeMap::new();
    let mut copy = |key: String, from: Option<&Secret>, field: &str| {
        let value = from.and_then(|s| s.data.as_ref()).and_then(|d| d.get(field));
        if let Some(ByteString(value)) = value {
            data.insert(key, ByteString(value.clone()));
        }
    };
    copy(STORE_ACCESS_KEY_ID.to_owned(), observed.store.as_ref(), "accessKeyId");
    copy(STORE_SECRET_ACCESS_KEY.to_owned(), observed.store.as_ref(), "secretAccessKey");
    for camera in &observed.cameras {
        let Some(id) = identity::of(&**camera).and_then(|id| CameraId::parse(id).ok()) else { continue };
        let Some(reference) = &camera.spec.source.credentials_secret_ref else { continue };
        let recorded = config.cameras.get(&id).is_some_and(|c| c.name == camera.name_any());
        if recorded {
            let from = observed.camera_secrets.get(&reference.name);
            copy(username_key(&id), from, "username");
            copy(password_key(&id), from, "password");
        }
    }
    Secret {
        metadata: meta(tenant),
        data: Some(data),
        type_: Some("camerafleet.io/shard".to_owned()),
        ..Secret::default()
    }
}

/// The label selector of a tenant's recorders.
pub fn selector() -> String {
    format!("{}={}", COMPONENT.0, COMPONENT.1)
}
