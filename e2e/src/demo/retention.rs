//! Footage that expires: a policy short enough to be watched, and a saved copy that opens no more.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use camerafleet_crds::{Camera, RetentionPolicy, Tenant};
use camerafleet_footage::{custody::CustodyError, vault::VaultError};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;

use super::{Installed, TENANT, Vaulted, apply_one, wait};

/// The policy's and the camera's name.
pub const NAME: &str = "brief";
/// Three minutes of keeping, one of epoch, and the runs of operator and job after each other.
const LIMIT: Duration = Duration::from_secs(9 * 60);

/// Declares a camera whose footage is kept for three minutes, from the front door's.
pub async fn begin(client: &Client) -> Result<()> {
    let door = Api::<Camera>::namespaced(client.clone(), TENANT).get("front-door").await?;
    let policy = json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "RetentionPolicy",
        "metadata": {"name": NAME, "namespace": TENANT},
        "spec": {"keepFor": "3m", "keyEpoch": "1m", "schedule": "* * * * *"},
    });
    let camera = json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "Camera",
        "metadata": {"name": NAME, "namespace": TENANT},
        "spec": {"source": door.spec.source, "segmentDuration": "10s", "retentionPolicyRef": {"name": NAME}},
    });
    // A recorder names its oldest pending epoch only, and another camera's is a day long: the key waits until nothing of
    // its own epoch can be in the spool any more.
    let patience = Patch::Merge(json!({"spec": {"ingest": {"spool": {"maxAge": "1m"}}}}));
    Api::<Tenant>::all(client.clone()).patch(TENANT, &PatchParams::default(), &patience).await?;
    apply_one(client, &serde_json::from_value(policy)?).await?;
    apply_one(client, &serde_json::from_value(camera)?).await
}

/// Keeps a copy of a segment that opens, and waits until the segment and its key are gone. Gives a line for each.
pub async fn expires(installed: &Installed, vaulted: &Vaulted) -> Result<Vec<String>> {
    let started = Instant::now();
    let segment = vaulted.wait_for_segment(installed, NAME).await?;
    let copy = vaulted.sealed(&segment).await?;
    vaulted
        .unseal(&segment.name, &copy)
        .await
        .context("the saved copy does not open while its key is there")?;
    let mut lines = vec![format!("a copy was saved of {}, and opened", segment.name.key(TENANT))];
    wait::until("the segment is deleted", LIMIT, async || {
        let left = vaulted.segments(installed, NAME).await?;
        Ok(left.iter().all(|s| s.path != segment.path).then_some(()))
    })
    .await?;
    lines.push(format!("the segment is deleted, after {} s", started.elapsed().as_secs()));
    let name = wait::until("the epoch's key is destroyed", LIMIT, async || {
        let Err(error) = vaulted.unseal(&segment.name, &copy).await else { return Ok(None) };
        match error.downcast_ref::<CustodyError>() {
            Some(CustodyError::Vault(VaultError::NoSuchKey { name, .. })) => Ok(Some(name.clone())),
            // A Vault that is away for a moment has destroyed nothing.
            _ => Err(error.context("the saved copy does not open, but not since its key is destroyed")),
        }
    })
    .await?;
    ensure!(name.starts_with("epoch-"), "{name} is destroyed");
    lines.push(format!("its key is destroyed, after {} s: {name}", started.elapsed().as_secs()));
    lines.push("the saved copy opens no more, with all that Vault holds".to_owned());
    told(&installed.ground.client).await?;
    Ok(lines)
}

/// The policy says so itself.
async fn told(client: &Client) -> Result<()> {
    let api = Api::<RetentionPolicy>::namespaced(client.clone(), TENANT);
    wait::until("the policy says until when keys are destroyed", Duration::from_secs(90), async || {
        let status = api.get(NAME).await?.status.unwrap_or_default();
        Ok(status.key_destroyed_until.zip(status.shred_effective_until).zip(status.last_run).map(drop))
    })
    .await
}

/// Takes the camera away again. The policy goes when its last footage has.
pub async fn end(client: &Client) -> Result<()> {
    let delete = DeleteParams::default();
    Api::<Camera>::namespaced(client.clone(), TENANT).delete(NAME, &delete).await?;
    let policies = Api::<RetentionPolicy>::namespaced(client.clone(), TENANT);
    for policy in policies.list(&ListParams::default().fields(&format!("metadata.name={NAME}"))).await? {
        policies.delete(&policy.name_any(), &delete).await?;
    }
    Ok(())
}
