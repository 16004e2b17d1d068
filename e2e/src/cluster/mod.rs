//! A real one-node Kubernetes, all of it inside one network namespace: its bridge, tables, routes and sockets
//! vanish with the namespace, and two instances run side by side.
//!
//! The components outlive the program that starts them. Nothing of the machine itself is changed: forwarding is
//! switched on inside the namespace only, the node's mounts are in a mount namespace of their own, and the
//! kubelet sees files of ours where it would set the machine's sysctls.

mod cgroup;
mod control_plane;
mod down;
mod folders;
mod kubeconfig;
mod logs;
mod mounts;
mod network;
mod node;
mod pki;
mod process;
mod ready;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

pub use logs::collect as collect_logs;

use crate::{
    instance::Instance,
    progress,
    tools::{Tools, command, lock},
};

/// An image of a few hundred megabytes unpacks within seconds; a busy machine is given longer.
const IMPORT: Duration = Duration::from_secs(300);

/// A start takes ten seconds; on a busy machine each wait in it is longer.
const OTHER_RUN: Duration = Duration::from_secs(300);

/// What [`Cluster::down`] does with the components' logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logs {
    /// They go with the rest.
    Remove,
    /// They stay in [`Instance::logs`] until the next start.
    Keep,
}

/// A cluster that answers.
#[derive(Clone, Debug)]
pub struct Cluster {
    instance: Instance,
    tools: Tools,
}

impl Cluster {
    /// Starts an instance afresh: what an earlier run of it left is cleared first. Returns when the node is ready
    /// and pods can be made. The processes go on when this program ends.
    ///
    /// # Errors
    /// When a component does not start in time; the error names its log, which stays, and all else is cleared.
    pub async fn start(instance: Instance, tools: &Tools) -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            bail!("starting a cluster needs root (network namespaces, cgroups, mounts): run it as root");
        }
        let _lock = lock(instance).await?;
        down::clear(instance, Logs::Remove)
            .await
            .with_context(|| format!("clearing what an earlier run of {} left", instance.name()))?;
        let cluster = Self { instance, tools: tools.clone() };
        let name = format!("starting the cluster {}", instance.name());
        match progress::step(&name, cluster.bring_up()).await {
            Ok(()) => Ok(cluster),
            Err(error) => {
                // The first error is the one to read; a failure to clear up after it is only added.
                match down::clear(instance, Logs::Keep).await {
                    Ok(()) => Err(error),
                    Err(also) => Err(error.context(format!("and clearing up failed: {also:#}"))),
                }
            }
        }
    }

    async fn bring_up(&self) -> Result<()> {
        let Self { instance, tools } = self;
        folders::create(*instance)?;
        let pki = pki::Pki::create(*instance)?;
        network::up(*instance).await?;
        cgroup::create(*instance)?;
        let (_, mut runtime) = tokio::try_join!(
            control_plane::start(*instance, tools, &pki),
            node::start_runtime(*instance, tools),
        )?;
        node::join(*instance, tools, &pki, &mut runtime).await
    }

    /// The instance that is already up, without starting anything.
    ///
    /// # Errors
    /// When it is not up.
    pub fn attach(instance: Instance, tools: &Tools) -> Result<Self> {
        if !Self::is_up(instance) {
            bail!("the cluster {0} is not up: start it with `camerafleet-e2e up {0}`", instance.name());
        }
        Ok(Self { instance, tools: tools.clone() })
    }

    /// Whether every component of the instance that was started still runs.
    pub fn is_up(instance: Instance) -> bool {
        process::COMPONENTS.iter().all(|name| process::recorded(instance, name).is_some_and(|p| p.is_alive()))
    }

    /// Whether anything of the instance's node still runs.
    fn has_node(instance: Instance) -> bool {
        ["containerd", "kubelet"]
            .iter()
            .any(|name| process::recorded(instance, name).is_some_and(|p| p.is_alive()))
    }

    /// Stops the instance and removes all it left: processes, mounts, the namespace, devices, cgroups, folders.
    /// Nothing happens when there is nothing.
    ///
    /// # Errors
    /// When something stays after the bounded waits; the error says what.
    pub async fn down(instance: Instance, logs: Logs) -> Result<()> {
        let _lock = lock(instance).await?;
        let name = format!("stopping the cluster {}", instance.name());
        progress::step(&name, down::clear(instance, logs)).await
    }

    /// Which one this is.
    pub fn instance(&self) -> Instance {
        self.instance
    }

    /// Its tools.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The kubeconfig of the cluster's administrator. It holds its certificates, so it can be copied.
    pub fn kubeconfig(&self) -> PathBuf {
        self.instance.kubeconfig()
    }

    /// Makes the images in an OCI archive available to pods (with `imagePullPolicy: IfNotPresent` or `Never`).
    /// Their full names must be in the archive, as buildah writes them to `oci-archive:<file>:<name>`.
    ///
    /// # Errors
    /// When containerd refuses the archive or is not done within five minutes.
    pub async fn load_image(&self, archive: &Path) -> Result<()> {
        node::import(self.instance, &self.tools, archive, IMPORT).await
    }

    /// A kubectl command for this cluster, to which arguments are added.
    pub fn kubectl(&self) -> Command {
        kubectl(self.instance, &self.tools)
    }

    /// Runs kubectl with these arguments and returns what it printed.
    ///
    /// # Errors
    /// When it fails or is not done within `limit`.
    pub async fn run_kubectl(&self, arguments: &[&str], limit: Duration) -> Result<String> {
        let what = format!("kubectl {}", arguments.join(" "));
        command::output(&what, self.kubectl().args(arguments), limit).await
    }
}

/// Held while an instance starts or stops. The file stays: removing it would let two runs lock two files.
async fn lock(instance: Instance) -> Result<std::fs::File> {
    let path = PathBuf::from(format!("/run/lock/{}.lock", instance.netns()));
    let what = format!("starting or stopping the cluster {}", instance.name());
    lock::take(&path, &what, OTHER_RUN).await
}

fn kubectl(instance: Instance, tools: &Tools) -> Command {
    let mut kubectl = Command::new(tools.bin("kubectl"));
    kubectl.arg("--kubeconfig").arg(instance.kubeconfig());
    kubectl
}
