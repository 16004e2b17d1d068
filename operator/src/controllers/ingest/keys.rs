//! Sees to it that the keys exist which recording needs: the only writes to Vault.

use std::collections::BTreeMap;

use camerafleet_crds::Tenant;
use camerafleet_footage::vault::{Vault, VaultError};

use super::{
    gather::{Observed, vault_target},
    plan::Wanted,
};
use crate::{
    conditions::Verdict,
    context::Context,
    log::{LogProblem, key_created_id},
    vault,
};

/// A log that does not answer holds up the rest of the recorders' configuration for so long at most.
const LOG_LIMIT: std::time::Duration = std::time::Duration::from_secs(15);

/// Public keys by name, and why some could not be had.
#[derive(Default)]
pub struct Keys {
    /// SubjectPublicKeyInfo, PEM, by the key's name.
    pub pems: BTreeMap<String, String>,
    /// The first failure; what was asked for after it was not tried.
    pub failure: Option<Failure>,
}

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Whether the key was made before is not known.
    #[error(transparent)]
    Log(#[from] LogProblem),
}

impl Failure {
    /// What KeysReady says.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Vault(error) => vault::verdict(error),
            Self::Log(problem) => Verdict::no(
                "KeysNotReady",
                format!(
                    "Whether a key was made before cannot be looked up, and none is made twice: {problem}"
                ),
            ),
        }
    }
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
) -> Result<(), Failure> {
    let target = vault_target(tenant, context).await?;
    let vault = context.vault.get(&target).await?;
    let mount = context.vault.mount(&tenant.spec.namespace);
    for name in names {
        let key = match make_once(&vault, &mount, name, tenant, context).await {
            Ok(key) => key,
            Err(error) => {
                if matches!(error, Failure::Vault(VaultError::Denied { .. })) {
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

/// A key that Vault does not have and that the log knows was lost, as with an old snapshot of Vault, or destroyed. Another one
/// under its name would pass for it.
///
/// # Errors
/// [`VaultError::NoSuchKey`]: it is lost.
async fn make_once(
    vault: &Vault,
    mount: &str,
    name: &str,
    tenant: &Tenant,
    context: &Context,
) -> Result<String, Failure> {
    match vault.public_key(mount, name).await {
        Err(lost @ VaultError::NoSuchKey { .. }) => {
            let id = key_created_id(name);
            let was_made = context.logs.has(tenant, &id, context);
            match tokio::time::timeout(LOG_LIMIT, was_made).await {
                Ok(Ok(false)) => Ok(vault.create_key(mount, name).await?),
                Ok(Ok(true)) => Err(lost.into()),
                Ok(Err(problem)) => Err(problem.into()),
                Err(_) => Err(LogProblem::Timeout.into()),
            }
        }
        found => Ok(found?),
    }
}
