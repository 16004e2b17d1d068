//! Where an instance's files are, below [`Instance::state`] and [`Instance::run`].

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::instance::Instance;

/// Fixed folders of the machine that the kubelet and CNI use whatever they are told. The node sees folders of the
/// instance there, in its own mount namespace.
pub(super) const FIXED: &[&str] = &["/var/lib/cni", "/var/lib/kubelet", "/var/log/containers"];

pub(super) fn create(instance: Instance) -> Result<()> {
    for (folder, mode) in [
        (instance.state(), 0o755),
        (instance.run(), 0o711),
        (instance.logs(), 0o755),
        (pids(instance), 0o755),
        (configs(instance), 0o755),
        (pki(instance), 0o700),
    ] {
        fs::create_dir_all(&folder)
            .and_then(|()| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)))
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    Ok(())
}

pub(super) fn pids(instance: Instance) -> PathBuf {
    instance.state().join("pids")
}

pub(super) fn configs(instance: Instance) -> PathBuf {
    instance.state().join("config")
}

pub(super) fn pki(instance: Instance) -> PathBuf {
    instance.state().join("pki")
}

/// Pods' logs, by namespace, name and uid, as the kubelet lays them out.
pub(super) fn pod_logs(instance: Instance) -> PathBuf {
    instance.state().join("pod-logs")
}

/// containerd's socket.
pub(super) fn runtime_socket(instance: Instance) -> PathBuf {
    instance.run().join("containerd.sock")
}

/// Writes one configuration file, below [`configs`].
pub(super) fn write_config(instance: Instance, name: &str, text: &str) -> Result<PathBuf> {
    let path = configs(instance).join(name);
    write(&path, text, 0o644)?;
    Ok(path)
}

/// Writes a file that has its mode before it has its content.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    fs::write(path, "")
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("writing {}", path.display()))
}
