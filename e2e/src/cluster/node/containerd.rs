//! containerd: its configuration, the pods' network, and images without a registry.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::process::Command;

use super::{super::folders, pause};
use crate::{
    instance::Instance,
    tools::{Tools, command},
};

/// Where Debian puts the CNI plugins.
const CNI_PLUGINS: &str = "/usr/lib/cni";

/// Writes the configuration and returns the arguments.
pub(super) async fn configure(instance: Instance, tools: &Tools) -> Result<Vec<String>> {
    let snapshotter = if super::overlay_works(&instance.state()).await { "overlayfs" } else { "native" };
    let networks = network(instance)?;
    let text = config(instance, tools, snapshotter, &networks);
    let file = folders::write_config(instance, "containerd.toml", &text)?;
    Ok(vec!["--config".to_owned(), file.display().to_string()])
}

fn config(instance: Instance, tools: &Tools, snapshotter: &str, networks: &Path) -> String {
    let root = instance.state().join("containerd");
    let run = instance.run();
    let socket = folders::runtime_socket(instance);
    let (root, run, socket) = (root.display(), run.display(), socket.display());
    let (runc, networks, pause) = (tools.bin("runc"), networks.display(), pause::IMAGE);
    let runc = runc.display();
    format!(
        r#"version = 3
root = "{root}"
state = "{run}/containerd"

[grpc]
address = "{socket}"

# What a cluster holds ends with it, so nothing need survive a loss of power.
[plugins."io.containerd.metadata.v1.bolt"]
no_sync = true

# Paths that two instances would otherwise share.
[plugins."io.containerd.internal.v1.opt"]
path = "{root}/opt"
[plugins."io.containerd.nri.v1.nri"]
disable = true
[plugins."io.containerd.shim.v1.manager"]
socket_dir = "{run}/s"

[plugins."io.containerd.cri.v1.images"]
snapshotter = "{snapshotter}"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause}"

[plugins."io.containerd.transfer.v1.local"]
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
platform = "linux"
snapshotter = "{snapshotter}"

[plugins."io.containerd.cri.v1.runtime"]
# Where the score may not be lowered, runc would fail to start pods.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{CNI_PLUGINS}"]
conf_dir = "{networks}"
[plugins."io.containerd.cri.v1.runtime".containerd]
default_runtime_name = "runc"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "{runc}"
Root = "{run}/runc"
SystemdCgroup = false
"#
    )
}

/// A bridge in the instance's namespace. A pod's default route leads to it, and from there to services, to other
/// pods and to this machine; there is no way on.
fn network(instance: Instance) -> Result<std::path::PathBuf> {
    let folder = folders::configs(instance).join("cni");
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let config = json!({
        "cniVersion": "1.0.0",
        "name": instance.netns(),
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods",
                "isGateway": true,
                // A pod reaches itself by way of its own service.
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": instance.state().join("cni"),
                    "ranges": [[{"subnet": instance.pod_cidr()}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    });
    let text = serde_json::to_string_pretty(&config).context("writing the pods' network")?;
    folders::write(&folder.join("10-pods.conflist"), &text, 0o644)?;
    Ok(folder)
}

/// An error until it answers.
pub(super) async fn answers(instance: Instance, tools: &Tools) -> Result<()> {
    let mut ask = ctr(instance, tools);
    ask.args(["--timeout", "2s", "version"]);
    command::output("asking containerd", &mut ask, Duration::from_secs(4)).await.map(drop)
}

/// Makes the images in an OCI archive available to pods.
pub(in super::super) async fn import(
    instance: Instance,
    tools: &Tools,
    archive: &Path,
    limit: Duration,
) -> Result<()> {
    let mut import = ctr(instance, tools);
    // The kubelet's images are those of containerd's namespace k8s.io.
    import.args(["--namespace", "k8s.io", "images", "import"]).arg(archive);
    let what = format!("importing {}", archive.display());
    command::output(&what, &mut import, limit).await.map(drop)
}

fn ctr(instance: Instance, tools: &Tools) -> Command {
    let mut ctr = Command::new(tools.bin("ctr"));
    ctr.arg("--address").arg(folders::runtime_socket(instance));
    ctr
}
