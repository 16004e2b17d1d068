//! Stopping an instance and removing all it left, also what a killed earlier run left.

use std::{fs, io::ErrorKind, path::Path, time::Duration};

use anyhow::{Context, Result};

use super::{Cluster, Logs, cgroup, folders, mounts, network, process};
use crate::instance::Instance;

/// How long a component may take to end by itself. Nothing it could still write is kept.
const GRACE: Duration = Duration::from_secs(3);

/// How often a pod may be made again while its processes are being killed.
const ROUNDS: usize = 20;

pub(super) async fn clear(instance: Instance, logs: Logs) -> Result<()> {
    // The kubelet first: it would start pods again. Then the pods, so that nothing uses the mounts.
    for (at, component) in process::COMPONENTS.iter().enumerate() {
        process::stop(instance, component, GRACE).await?;
        if at == 0 {
            kill_all("the pods", || cgroup::processes(instance)).await?;
        }
    }
    // What has no record: containerd's shims, and components whose record was lost.
    let namespace = network::path(instance);
    kill_all("the processes in the namespace", || Ok(process::in_network_namespace(&namespace))).await?;
    kill_all("the pods", || cgroup::processes(instance)).await?;
    mounts::clear(&instance.state())?;
    mounts::clear(&instance.run())?;
    network::down(instance).await?;
    cgroup::remove(instance).await?;
    remove_folders(instance, logs)
}

/// Kills what `find` finds until it finds nothing: a process may start another while it is being killed.
async fn kill_all(what: &str, find: impl Fn() -> Result<Vec<process::Identity>>) -> Result<()> {
    let mut left = Vec::new();
    for _ in 0..ROUNDS {
        left = find()?;
        if left.is_empty() {
            return Ok(());
        }
        process::kill(&left).await.with_context(|| format!("killing {what}"))?;
    }
    let pids: Vec<String> = left.iter().map(|p| p.pid().to_string()).collect();
    anyhow::bail!("killing {what}: new ones appear each time, now {}; end what starts them", pids.join(", "))
}

fn remove_folders(instance: Instance, logs: Logs) -> Result<()> {
    remove(&instance.run())?;
    match logs {
        Logs::Remove => remove(&instance.state())?,
        Logs::Keep => {
            if let Ok(listing) = fs::read_dir(instance.state()) {
                for entry in listing.flatten().filter(|e| e.path() != instance.logs()) {
                    remove(&entry.path())?;
                }
            }
        }
    }
    // Another instance's node looks at its own files in the place of these.
    if Instance::ALL.into_iter().all(|other| other == instance || !Cluster::has_node(other)) {
        for fixed in folders::FIXED {
            // Only where it is empty, and so not another program's.
            let _ = fs::remove_dir(fixed);
        }
    }
    for parent in [instance.state(), instance.run()] {
        let _ = parent.parent().map(fs::remove_dir);
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}: is something mounted below it?", path.display()))
        }
        _ => Ok(()),
    }
}
