//! What a recorder's pod holds, and that none of it opens what it wrote.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use camerafleet_footage::{
    shard::{CONFIG_KEY, ShardConfig},
    vault::{Vault, VaultConfig},
};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{ConfigMap, Secret, ServiceAccount},
};
use kube::{Api, api::PostParams};
use object_store::ObjectStoreExt;

use super::{CAMERAS, Installed, TENANT, Vaulted};

const SHARD: &str = "ingest-0";
const ROLES: [&str; 3] = ["camerafleet-operator", "camerafleet-retention", "camerafleet-disclosure"];

/// Tries everything that the pod has: its ServiceAccount at Vault, its credential at the store, its Secret.
/// Gives a line for each thing tried.
pub async fn recorder_cannot_read(installed: &Installed, vaulted: &Vaulted) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    lines.push(secret_holds_no_key(installed).await?);
    lines.push(configuration_is_public(installed).await?);
    lines.push(vault_refuses(installed, vaulted).await?);
    lines.push(store_refuses(installed, vaulted).await?);
    Ok(lines)
}

async fn secret_holds_no_key(installed: &Installed) -> Result<String> {
    let secrets = Api::<Secret>::namespaced(installed.ground.client.clone(), TENANT);
    let data = secrets.get(SHARD).await.context("read the shard's Secret")?.data.unwrap_or_default();
    for key in data.keys() {
        let expected = key.starts_with("store.") || key.ends_with(".username") || key.ends_with(".password");
        ensure!(expected, "the shard's Secret has an unexpected field {key}");
    }
    Ok(format!("its Secret: {} fields, cameras' passwords and a credential for the store", data.len()))
}

async fn configuration_is_public(installed: &Installed) -> Result<String> {
    let maps = Api::<ConfigMap>::namespaced(installed.ground.client.clone(), TENANT);
    let map = maps.get(SHARD).await.context("read the shard's ConfigMap")?;
    let text = map.data.as_ref().and_then(|d| d.get(CONFIG_KEY)).context("the shard has no configuration")?;
    ensure!(!text.contains("PRIVATE KEY"), "the shard's configuration holds a private key");
    let config: ShardConfig = serde_json::from_str(text)?;
    let keys = config.cameras.len() + config.epoch_keys.values().map(Vec::len).sum::<usize>();
    Ok(format!("its configuration: {keys} public keys"))
}

async fn vault_refuses(installed: &Installed, vaulted: &Vaulted) -> Result<String> {
    let accounts = Api::<ServiceAccount>::namespaced(installed.ground.client.clone(), TENANT);
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec!["vault".to_owned()],
            expiration_seconds: Some(600),
            ..Default::default()
        },
        ..Default::default()
    };
    let issued = accounts.create_token_request(SHARD, &PostParams::default(), &request).await?;
    let jwt = issued.status.context("no token was issued")?.token;
    let config = VaultConfig {
        address: vaulted.vault_address().parse()?,
        namespace: None,
        ca_pem: Some(installed.fixtures.vault.ca_pem.clone()),
        timeout: Duration::from_secs(10),
    };
    for role in ROLES {
        if Vault::login_kubernetes(&config, "kubernetes", role, &jwt).await.is_ok() {
            bail!("Vault let the recorder's ServiceAccount log in as {role}");
        }
    }
    Ok(format!("its ServiceAccount at Vault: refused for {}", ROLES.join(", ")))
}

async fn store_refuses(installed: &Installed, vaulted: &Vaulted) -> Result<String> {
    let store = vaulted.store_as(installed, &installed.fixtures.s3.ingest)?;
    let segment = vaulted.wait_for_segment(installed, CAMERAS[0]).await?;
    ensure!(store.get(&segment.path).await.is_err(), "the recorder's credential can read footage");
    ensure!(store.delete(&segment.path).await.is_err(), "the recorder's credential can delete footage");
    ensure!(vaulted.sealed(&segment).await.is_ok(), "the footage is gone");
    Ok("its credential at the store: it cannot read nor delete what it wrote".to_owned())
}
