//! The end-to-end suite: an instance of its own, everything installed on it, then the tests of `e2e/tests/`.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::{
    process::Command,
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{
    cluster::{Cluster, Logs, collect_logs},
    demo::{self, Ground, Images, Installed, connect},
    fixtures,
    instance::Instance,
    progress::{self, say, step},
    rights,
    tools::Tools,
};

/// Where the suite tells its tests what it stands on.
const HANDOVER: &str = "CAMERAFLEET_E2E";
/// The longest that all tests together may take.
const LIMIT: Duration = Duration::from_secs(40 * 60);

#[derive(Serialize, Deserialize)]
struct Handover {
    kubeconfig: PathBuf,
    camerafleet: String,
    fixtures: String,
}

/// `make e2e`. `keep` leaves the instance up; `names`, if any, choose tests.
pub async fn run(keep: bool, names: &[String]) -> Result<()> {
    let started = Instant::now();
    let instance = Instance::Test;
    let result = install_and_test(instance, names).await;
    if let Err(error) = &result {
        let folder = logs_folder();
        match collect_logs(instance, &folder).await {
            Ok(()) => say(&format!("every component's log is in {}", folder.display())),
            Err(why) => say(&format!("the logs could not be collected into {}: {why:#}", folder.display())),
        }
        say(&format!("end-to-end suite failed: {error:#}"));
    }
    if keep {
        say(&format!("the instance stays up: export KUBECONFIG={}", instance.kubeconfig().display()));
    } else {
        step("take the instance down", Cluster::down(instance, Logs::Remove)).await?;
    }
    say(&format!("end-to-end suite: {} s", started.elapsed().as_secs()));
    result
}

fn logs_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    target.join("e2e-logs").join(std::process::id().to_string())
}

async fn install_and_test(instance: Instance, names: &[String]) -> Result<()> {
    let ground = Ground::embedded(instance).await?;
    let handover = Handover {
        kubeconfig: instance.kubeconfig(),
        camerafleet: ground.images.camerafleet.clone(),
        fixtures: ground.images.fixtures.clone(),
    };
    let file = instance.state().join("e2e.json");
    std::fs::write(&file, serde_json::to_vec(&handover)?)
        .with_context(|| format!("write {}", file.display()))?;
    let client = ground.client.clone();
    demo::install(ground).await?;
    let mut tests = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    tests.args([
        "test",
        "--locked",
        "--package",
        "camerafleet-e2e",
        "--features",
        "cluster",
        "--test",
        "e2e",
    ]);
    tests.args(["--", "--test-threads", "3"]).args(names);
    // An error says where it comes from by itself; a backtrace of the test harness would bury it.
    tests.env(HANDOVER, &file).env("RUST_BACKTRACE", "0").kill_on_drop(true);
    let status = tokio::time::timeout(LIMIT, tests.status())
        .await
        .with_context(|| format!("the tests took longer than {} minutes", LIMIT.as_secs() / 60))?
        .context("start cargo test")?;
    if !status.success() {
        bail!("a test failed: its output is above");
    }
    if !names.is_empty() {
        return Ok(());
    }
    step("every right of the operator was used", rights::check(&client, instance)).await
}

/// Tests that break something for all take it alone; the others share it.
static TURN: RwLock<()> = RwLock::const_new(());

/// What a test stands on, for as long as it runs.
pub struct Fleet {
    installed: Installed,
    _turn: Turn,
}

/// Held, not looked at.
#[allow(dead_code)]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

impl std::ops::Deref for Fleet {
    type Target = Installed;

    fn deref(&self) -> &Installed {
        &self.installed
    }
}

/// The fleet, shared with other tests.
pub async fn installed() -> Result<Fleet> {
    let turn = Turn::Shared(TURN.read().await);
    Ok(Fleet { installed: find().await?, _turn: turn })
}

/// The fleet, for a test that breaks what others need.
pub async fn alone() -> Result<Fleet> {
    let turn = Turn::Alone(TURN.write().await);
    Ok(Fleet { installed: find().await?, _turn: turn })
}

/// The fleet without a turn, for what a test that has one calls: a turn is never asked for twice.
pub async fn find() -> Result<Installed> {
    progress::quiet();
    let file = std::env::var_os(HANDOVER).context("these tests need the suite's cluster: run `make e2e`")?;
    let handover: Handover = serde_json::from_slice(&std::fs::read(file)?)?;
    let client = connect(&handover.kubeconfig).await?;
    let images = Images { camerafleet: handover.camerafleet, fixtures: handover.fixtures };
    let fixtures = fixtures::install(&client, &images.fixtures).await?;
    let ground = Ground {
        client,
        kubeconfig: Some(handover.kubeconfig),
        tools: Tools::cached()?,
        images,
        instance: Some(Instance::Test),
    };
    Ok(Installed { ground, fixtures })
}
