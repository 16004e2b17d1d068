//! All that the plan of a tenant's recorders needs to know.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use camerafleet_crds::{CAMERA_SECRET_TYPE, Camera, LocalRef, RetentionPolicy, SharingPolicy, Tenant};
use camerafleet_footage::{
    ids::TenantId,
    shard::{CONFIG_KEY, ShardConfig},
    vault::VaultError,
};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt, api::ListParams};

use crate::{context::Context, error::Error, identity, kube_api, vault::Target, watch::in_namespace};

/// The tenant's only shard, for as long as its cameras fit one.
pub const SHARD: &str = "ingest-0";

/// The watches from which it is decided what is recorded.
pub const KINDS: [&str; 6] =
    ["tenants", "namespaces", "cameras", "retentionpolicies", "sharingpolicies", "configmaps"];

/// What was seen.
pub struct Observed {
    /// The tenant's identity.
    pub tenant: TenantId,
    /// The namespace's cameras, by name.
    pub cameras: Vec<Arc<Camera>>,
    /// The uids of the fleet's cameras and retention policies whose id another one holds.
    pub duplicates: BTreeSet<String>,
    /// Its retention policies.
    pub retention_policies: Vec<Arc<RetentionPolicy>>,
    /// Its sharing policies.
    pub sharing_policies: Vec<Arc<SharingPolicy>>,
    /// The Secrets of type `camerafleet.io/camera`, by name.
    pub camera_secrets: BTreeMap<String, Secret>,
    /// The recorder's credential for the store.
    pub store: Option<Secret>,
    /// Certificates to trust for the store; `Err` if they are named and missing.
    pub store_ca: Result<Option<String>, String>,
    /// What the shard was told last.
    pub current: Option<ShardConfig>,
}

/// Reads it; none while the tenant has no identity or its namespace is not bound to it yet.
pub async fn gather(tenant: &Tenant, context: &Context) -> Result<Option<Observed>, Error> {
    let namespace = &tenant.spec.namespace;
    let Some(id) = identity::of(tenant).and_then(|id| TenantId::parse(id).ok()) else { return Ok(None) };
    if identity::is_among(&identity::duplicates(&context.index.tenants.state()), tenant) {
        return Ok(None);
    }
    let bound = context.index.namespaces.find(|n| n.name_any() == *namespace);
    if bound.is_none_or(|n| identity::of(&*n) != Some(id.as_str())) {
        return Ok(None);
    }
    let own = Api::<Secret>::namespaced(context.client.clone(), &context.args.namespace);
    let s3 = &tenant.spec.storage.s3;
    let store_ca = match &s3.ca_bundle_secret_ref {
        None => Ok(None),
        Some(reference) => ca_bundle(&own, reference).await?.map(Some).ok_or_else(|| reference.name.clone()),
    };
    Ok(Some(Observed {
        tenant: id,
        cameras: context.index.cameras_in(namespace),
        duplicates: identity::duplicates(&context.index.cameras.state())
            .into_iter()
            .chain(identity::duplicates(&context.index.retention_policies.state()))
            .collect(),
        retention_policies: in_namespace(&context.index.retention_policies, namespace),
        sharing_policies: in_namespace(&context.index.sharing_policies, namespace),
        camera_secrets: camera_secrets(context, namespace).await?,
        store: kube_api::get(&own, &s3.credentials.ingest.name).await?,
        store_ca,
        current: current(context, namespace),
    }))
}

/// Only Secrets of the right type are ever read: the API server filters.
async fn camera_secrets(context: &Context, namespace: &str) -> Result<BTreeMap<String, Secret>, Error> {
    let api = Api::<Secret>::namespaced(context.client.clone(), namespace);
    let parameters = ListParams::default().fields(&format!("type={CAMERA_SECRET_TYPE}"));
    let doing = format!("list the camera Secrets of {namespace}");
    let list = kube_api::call(&doing, api.list(&parameters)).await?;
    Ok(list.items.into_iter().map(|secret| (secret.name_any(), secret)).collect())
}

/// Public keys that a shard was told once are known for good: they need no second look into Vault, and so the
/// shards go on while Vault is away.
fn current(context: &Context, namespace: &str) -> Option<ShardConfig> {
    let map = context
        .index
        .config_maps
        .find(|m| m.name_any() == SHARD && m.namespace().as_deref() == Some(namespace))?;
    serde_json::from_str(map.data.as_ref()?.get(CONFIG_KEY)?).ok()
}

async fn ca_bundle(api: &Api<Secret>, reference: &LocalRef) -> Result<Option<String>, Error> {
    let secret = kube_api::get(api, &reference.name).await?;
    Ok(secret.and_then(|s| kube_api::secret_field(&s, "ca.crt")))
}

/// The Vault that holds the tenant's keys.
pub async fn vault_target(tenant: &Tenant, context: &Context) -> Result<Target, VaultError> {
    let mut target = context.vault.default_target()?;
    let Some(own) = &tenant.spec.vault else { return Ok(target) };
    if let Some(address) = &own.address {
        target.address.clone_from(address);
    }
    target.namespace = own.namespace.clone().filter(|n| !n.is_empty()).or(target.namespace);
    if let Some(reference) = &own.ca_bundle_secret_ref {
        let api = Api::<Secret>::namespaced(context.client.clone(), &context.args.namespace);
        let bundle =
            ca_bundle(&api, reference).await.map_err(|e| VaultError::Config { why: e.to_string() })?;
        let missing = || VaultError::Config {
            why: format!(
                "the Secret {} with ca.crt does not exist in the operator's namespace",
                reference.name
            ),
        };
        target.ca_pem = Some(bundle.ok_or_else(missing)?);
    }
    Ok(target)
}
