//! Sees to it that the keys exist which recording needs: the only writes to Vault.

use std::collections::BTreeMap;

use camerafleet_crds::Tenant;
use camerafleet_footage::vault::VaultError;

use super::{
    gather::{Observed, vault_target},
    plan::Wanted,
};
use crate::{
    context::Context,
    keys::{KeyProblem, make_once},
};

/// Public keys by name, and why some could not be had.
#[derive(Default)]
pub struct Keys {
    /// SubjectPublicKeyInfo, PEM, by the key's name.
    pub pems: BTreeMap<String, String>,
    /// The first failure; what was asked for after it was not tried.
    pub failure: Option<KeyProblem>,
}

/// Looks up what is known, makes the rest.
pub async fn ensure(wanted: &Wanted, observed: &Observed, tenant: &Tenant, context: &Context) -> Keys {
    let mut keys = Keys { pems: known(observed), failure: None };
    let missing: Vec<&String> =
        wanted.key_names().into_iter().filter(|name| !keys.pems.contains_key(*name)).collect();
    if missing.is_empty() {
        return keys;
    }
    keys.failure = make(&missing, &mut keys.pems, tenant, context).await.err();
    keys
}

/// What the shard was told already.
fn known(observed: &Observed) -> BTreeMap<String, String> {
    let Some(current) = &observed.current else { return BTreeMap::new() };
    let cameras = current.cameras.values().filter_map(|camera| camera.camera_key());
    let epochs = current.epoch_keys.values().flatten().map(|epoch| &epoch.key);
    cameras.chain(epochs).map(|key| (key.name.clone(), key.pem.clone())).collect()
}

async fn make(
    names: &[&String],
    pems: &mut BTreeMap<String, String>,
    tenant: &Tenant,
    context: &Context,
) -> Result<(), KeyProblem> {
    let target = vault_target(tenant, context).await?;
    let vault = context.vault.get(&target).await?;
    let mount = context.vault.mount(&tenant.spec.namespace);
    for name in names {
        let key = match make_once(&vault, &mount, name, tenant, context).await {
            Ok(key) => key,
            Err(error) => {
                if matches!(error, KeyProblem::Vault(VaultError::Denied { .. })) {
                    context.vault.forget(&target).await;
                }
                return Err(error);
            }
        };
        let kind = if name.starts_with("camera-") { "camera" } else { "epoch" };
        context.metrics.keys_created.with_label_values(&[kind]).inc();
        pems.insert((*name).clone(), key.to_string());
    }
    Ok(())
}
