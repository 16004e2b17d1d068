//! What breaks under the fleet.

use anyhow::{Result, ensure};
use camerafleet_e2e::{
    demo::{CAMERAS, wait},
    fixtures::vault,
    suite::alone,
};
use serde_json::json;

use super::{MINUTE, Scratch};

/// Recording goes on; what needs a new key waits, says why, and heals when Vault is unsealed.
#[tokio::test]
async fn a_sealed_vault() -> Result<()> {
    let fleet = alone().await?;
    let scratch = Scratch::new(&fleet, "mistake-vault", |_| {}).await?;
    let door = scratch.fixture("front-door")?;
    scratch.password("door", "camerafleet.io/camera", &door.password).await?;
    scratch.tenant_says("Active").await?;
    vault::seal(&scratch.client).await?;
    let told = async {
        scratch
            .camera("door", json!({"source": {"url": door.url, "credentialsSecretRef": {"name": "door"}}}))
            .await?;
        let message = scratch.camera_says("door", "KeysNotReady").await?;
        ensure!(message.contains("unseal"), "{message}");
        scratch.one_event("door", "KeysNotReady").await?;
        let message = scratch.tenant_says("VaultSealed").await?;
        ensure!(message.contains("unseal"), "{message}");
        scratch.one_event(scratch.name, "VaultSealed").await?;
        for camera in CAMERAS {
            wait::state(&scratch.client, camera, "Recording", MINUTE).await?;
        }
        anyhow::Ok(())
    }
    .await;
    // The other tests need Vault, whatever came of this one.
    vault::unseal(&scratch.client).await?;
    told?;
    scratch.camera_says("door", "Recording").await?;
    scratch.tenant_says("Active").await?;
    scratch.end(&[]).await
}
