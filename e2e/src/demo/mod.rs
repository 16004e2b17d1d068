//! The main job, from nothing to an opened clip: what `make demo` shows and the end-to-end tests stand on.

mod account;
pub mod charts;
mod examples;
mod footage;
mod ground;
pub mod retention;
mod secrets;
pub mod wait;

use std::time::Instant;

use anyhow::Result;

pub use examples::apply_one;
pub use footage::{Clip, StoredSegment, Vaulted, identities};
pub use ground::{Ground, Images, connect};

use crate::{
    fixtures,
    fixtures::Fixtures,
    progress::{say, step},
};

/// The namespace of the operator.
pub const OPERATOR_NAMESPACE: &str = "camerafleet-system";
/// From where tenants let monitoring in.
pub const MONITORING_NAMESPACE: &str = "monitoring";
/// The tenant of `examples/`, and its namespace.
pub const TENANT: &str = "elm-street";
/// The cameras of `examples/`.
pub const CAMERAS: [&str; 2] = ["front-door", "yard"];

/// A cluster on which the examples record.
pub struct Installed {
    /// The cluster.
    pub ground: Ground,
    /// Vault, store and cameras.
    pub fixtures: Fixtures,
}

/// Installs everything and waits until both cameras record and segments are in the store.
pub async fn install(ground: Ground) -> Result<Installed> {
    let client = ground.client.clone();
    let fixtures = step(
        "Vault, S3 server and two cameras, as pods",
        fixtures::install(&client, &ground.images.fixtures),
    )
    .await?;
    step("charts camerafleet-crds and camerafleet, with Helm", charts::install(&ground, &fixtures)).await?;
    step("operator vault-setup: policies and roles in Vault", charts::vault_setup(&ground, &fixtures))
        .await?;
    step("examples/: a tenant, its policies, two cameras", examples::apply(&client, &fixtures)).await?;
    step("both cameras record", wait::recording(&client, &CAMERAS)).await?;
    Ok(Installed { ground, fixtures })
}

/// `make demo`, on a cluster that was begun to be made ready at `started`.
pub async fn run(ground: Ground, started: Instant) -> Result<()> {
    let installed = install(ground).await?;
    let vaulted = Vaulted::open(&installed).await?;
    retention::begin(&installed.ground.client).await?;
    for camera in CAMERAS {
        let clip =
            step(&format!("{camera}: a sealed segment is stored, opens through Vault, and plays"), async {
                let stored = vaulted.wait_for_segment(&installed, camera).await?;
                vaulted.clip(&stored).await
            })
            .await?;
        say(&format!("      {}", clip.account()));
    }
    let held = step(
        "the recorder holds no secret that could open it",
        secrets::recorder_cannot_read(&installed, &vaulted),
    )
    .await?;
    for line in held {
        say(&format!("      {line}"));
    }
    let what = "footage past its date is gone, and its key (a camera with keepFor: 3m, keyEpoch: 1m; takes about five minutes)";
    for line in step(what, retention::expires(&installed, &vaulted)).await? {
        say(&format!("      {line}"));
    }
    retention::end(&installed.ground.client).await?;
    account::print(&installed, started.elapsed()).await
}

pub use secrets::recorder_cannot_read;
