//! The demo on a cluster that it did not start.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use camerafleet_e2e::suite::installed;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// The demo's last step waits about five minutes for footage to be past its date.
const LIMIT: Duration = Duration::from_secs(12 * 60);

#[tokio::test]
async fn the_demo_runs_on_an_existing_cluster() -> Result<()> {
    let fleet = installed().await?;
    let mut demo = Command::new(env!("CARGO_BIN_EXE_camerafleet-e2e"));
    demo.args(["demo", "--cluster", "existing"])
        .env("KUBECONFIG", fleet.ground.kubeconfig.as_ref().context("the suite's cluster has a kubeconfig")?)
        .env("IMAGE", &fleet.ground.images.camerafleet)
        .env("FIXTURES_IMAGE", &fleet.ground.images.fixtures)
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut demo = demo.spawn().context("start the demo")?;
    let mut lines = BufReader::new(demo.stdout.take().context("the demo's output")?).lines();
    let mut turn = Some(fleet);
    let mut text = String::new();
    let status = tokio::time::timeout(LIMIT, async {
        while let Some(line) = lines.next_line().await? {
            if line.contains("footage past its date") {
                // Nothing that other tests break for a while disturbs a wait of minutes.
                turn = None;
            }
            text.push_str(&line);
            text.push('\n');
        }
        anyhow::Ok(demo.wait().await?)
    })
    .await
    .with_context(|| "the demo hangs")??;
    ensure!(status.success(), "the demo failed:\n{text}");
    for expected in [
        "h264 1280x720",
        "hevc 1280x720",
        "audio: none",
        "refused for camerafleet-operator",
        "the saved copy opens no more",
        "What to type next",
    ] {
        ensure!(text.contains(expected), "the demo does not say {expected:?}:\n{text}");
    }
    Ok(())
}
