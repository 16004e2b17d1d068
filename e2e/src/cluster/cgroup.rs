//! The cgroup above all pods of an instance, in every hierarchy of this machine.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::process::Identity;
use crate::instance::Instance;

/// The kubelet's `cgroupRoot`.
pub(super) fn root(instance: Instance) -> String {
    format!("/camerafleet-{}", instance.name())
}

/// The mount points of the hierarchies: one for cgroup v2, about ten for v1.
fn hierarchies() -> Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/mounts").context("reading /proc/mounts")?;
    let found = hierarchies_in(&mounts);
    if found.is_empty() {
        bail!("looking for cgroups: none is mounted on this machine, and the kubelet needs them");
    }
    Ok(found)
}

fn hierarchies_in(mounts: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        if let (Some(point), Some("cgroup" | "cgroup2")) = (fields.next(), fields.next()) {
            let point = PathBuf::from(point);
            if !found.contains(&point) {
                found.push(point);
            }
        }
    }
    found
}

fn folders(instance: Instance) -> Result<Vec<PathBuf>> {
    let name = root(instance);
    let name = name.trim_start_matches('/');
    Ok(hierarchies()?.iter().map(|h| h.join(name)).collect())
}

pub(super) fn create(instance: Instance) -> Result<()> {
    for folder in folders(instance)? {
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        // A new cpuset of v1 is empty and takes no process until it has both.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let own = folder.join(file);
            let Ok(current) = fs::read_to_string(&own) else {
                continue;
            };
            // In v2 an empty one means the parent's.
            if current.trim().is_empty() && !folder.join("cgroup.controllers").exists() {
                let parent = folder.with_file_name(file);
                fs::read_to_string(&parent)
                    .and_then(|all| fs::write(&own, all.trim()))
                    .with_context(|| format!("writing {}", own.display()))?;
            }
        }
    }
    Ok(())
}

/// Every process in the instance's cgroups: those of its pods.
pub(super) fn processes(instance: Instance) -> Result<Vec<Identity>> {
    let mut pids: Vec<i32> = Vec::new();
    for folder in folders(instance)? {
        for cgroup in with_descendants(&folder) {
            let text = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
            pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
        }
    }
    pids.sort_unstable();
    pids.dedup();
    // 0 stands for a process of another process namespace.
    Ok(pids.into_iter().filter(|&p| p > 0).filter_map(Identity::of).collect())
}

/// Removes the cgroups; their processes must be gone.
pub(super) async fn remove(instance: Instance) -> Result<()> {
    let started = Instant::now();
    loop {
        let mut left = None;
        for folder in folders(instance)? {
            for cgroup in with_descendants(&folder).into_iter().rev() {
                if let Err(error) = fs::remove_dir(&cgroup) {
                    left = Some((cgroup, error));
                }
            }
        }
        match left {
            None => return Ok(()),
            // A process that was just killed stays in its cgroup for a moment.
            Some(_) if started.elapsed() < Duration::from_secs(10) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Some((cgroup, error)) => {
                return Err(error).with_context(|| {
                    format!("removing the cgroup {}: see its cgroup.procs, then try again", cgroup.display())
                });
            }
        }
    }
}

/// The folder and those below it, each after its parent; nothing, if there is none.
fn with_descendants(folder: &Path) -> Vec<PathBuf> {
    if !folder.is_dir() {
        return Vec::new();
    }
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while next < found.len() {
        if let Ok(listing) = fs::read_dir(&found[next]) {
            let below = listing.flatten().map(|entry| entry.path());
            found.extend(below.filter(|path| path.is_dir()));
        }
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found_once() {
        let mounts = "proc /proc proc rw 0 0\n\
            cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
            cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
            cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let expected = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/unified"].map(PathBuf::from);
        assert_eq!(hierarchies_in(mounts), expected);
    }

    #[test]
    fn a_parent_comes_before_what_is_below_it() -> Result<()> {
        let folder = tempfile::tempdir()?;
        fs::create_dir_all(folder.path().join("a/b"))?;
        fs::write(folder.path().join("cgroup.procs"), "")?;
        let found = with_descendants(folder.path());
        let expected = [folder.path().to_owned(), folder.path().join("a"), folder.path().join("a/b")];
        assert_eq!(found, expected);
        assert!(with_descendants(&folder.path().join("none")).is_empty());
        Ok(())
    }
}
