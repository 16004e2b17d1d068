//! The demo on a cluster that it did not start.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camerafleet_e2e::suite::installed;
use tokio::process::Command;

#[tokio::test]
async fn the_demo_runs_on_an_existing_cluster() -> Result<()> {
    let fleet = installed().await?;
    let ground = &fleet.ground;
    let kubeconfig = ground.kubeconfig.as_ref().context("the suite's cluster has a kubeconfig")?;
    let mut demo = Command::new(env!("CARGO_BIN_EXE_camerafleet-e2e"));
    demo.args(["demo", "--cluster", "existing"])
        .env("KUBECONFIG", kubeconfig)
        .env("IMAGE", &ground.images.camerafleet)
        .env("FIXTURES_IMAGE", &ground.images.fixtures)
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(12 * 60), demo.output())
        .await
        .context("the demo hangs")??;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for expected in [
        "h264 1280x720",
        "hevc 1280x720",
        "audio: none",
        "refused for camerafleet-operator",
        "What to type next",
    ] {
        ensure!(text.contains(expected), "the demo does not say {expected:?}:\n{text}");
    }
    Ok(())
}
