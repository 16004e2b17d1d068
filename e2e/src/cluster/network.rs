//! The instance's network namespace and the pair of devices that joins it to this machine.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use tokio::process::Command;

use crate::{instance::Instance, tools::command};

const LIMIT: Duration = Duration::from_secs(10);

/// The namespace's end of the pair, as the cluster sees it.
const NODE_DEVICE: &str = "uplink";

/// This machine's end of the pair. Names of devices have at most 15 characters.
fn host_device(instance: Instance) -> String {
    format!("camera-{}", instance.name())
}

/// The file by which `ip netns` knows the namespace.
pub(super) fn path(instance: Instance) -> PathBuf {
    Path::new("/run/netns").join(instance.netns())
}

pub(super) async fn up(instance: Instance) -> Result<()> {
    let (netns, device) = (instance.netns(), host_device(instance));
    let (host, node) = (instance.host_address().to_string(), instance.node_address().to_string());
    let inside = ["-n", &netns];
    ip(&["netns", "add", &netns]).await?;
    ip(&[&inside[..], &["link", "set", "lo", "up"]].concat()).await?;
    ip(&["link", "add", &device, "type", "veth", "peer", "name", NODE_DEVICE, "netns", &netns]).await?;
    ip(&[&inside[..], &["address", "add", &format!("{node}/30"), "dev", NODE_DEVICE]].concat()).await?;
    ip(&[&inside[..], &["link", "set", NODE_DEVICE, "up"]].concat()).await?;
    ip(&["address", "add", &format!("{host}/30"), "dev", &device]).await?;
    ip(&["link", "set", &device, "up"]).await?;
    // They go with the device. Inside, there is no default route: pods reach the cluster and this machine only.
    for cidr in [instance.pod_cidr(), instance.service_cidr()] {
        ip(&["route", "replace", &cidr, "via", &node, "dev", &device]).await?;
    }
    forward_inside(instance).await
}

/// /proc/sys/net is the network namespace's of whoever opens it, so this machine's own setting stays as it is.
async fn forward_inside(instance: Instance) -> Result<()> {
    let mut set = Command::new("nsenter");
    set.arg(format!("--net={}", path(instance).display())).args([
        "--",
        "sh",
        "-c",
        "echo 1 >/proc/sys/net/ipv4/ip_forward
         # Answers of one pod to another by way of a service must pass the tables that undo its address.
         bridged=/proc/sys/net/bridge/bridge-nf-call-iptables
         if [ -e $bridged ]; then echo 1 >$bridged; fi",
    ]);
    command::output("switching on forwarding in the namespace", &mut set, LIMIT).await.map(drop)
}

/// Removes the devices and the namespace; the processes in it must be gone.
pub(super) async fn down(instance: Instance) -> Result<()> {
    let device = host_device(instance);
    if Path::new("/sys/class/net").join(&device).exists() {
        ip(&["link", "delete", &device]).await?;
    }
    if path(instance).exists() {
        ip(&["netns", "delete", &instance.netns()]).await?;
    }
    Ok(())
}

async fn ip(arguments: &[&str]) -> Result<()> {
    let what = format!("ip {}", arguments.join(" "));
    command::output(&what, Command::new("ip").args(arguments), LIMIT).await.map(drop)
}
