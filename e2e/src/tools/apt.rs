//! Debian's packages that building and running a cluster needs.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::command;
use crate::progress;

/// Each with the reason it is here.
const PACKAGES: &[&str] = &[
    "buildah",                     // container images without a registry
    "build-essential",             // runc is linked by the C compiler
    "conntrack",                   // kube-proxy forgets the connections of pods that are gone
    "containernetworking-plugins", // bridge, host-local, portmap, loopback
    "curl",                        // the tests put an old backup into etcd
    "ffmpeg",                      // the tests look at footage with ffprobe
    "gir1.2-gst-rtsp-server-1.0",  // a second RTSP server for the recorder's tests
    "gstreamer1.0-plugins-base",   // what it plays
    "gstreamer1.0-plugins-good",   // likewise
    "iproute2",                    // namespaces, devices, routes
    "ipset",                       // kube-router
    "iptables",                    // CNI's portmap, kube-router
    "libseccomp-dev",              // runc
    "mmdebstrap",                  // the images' base
    "nftables",                    // kube-proxy
    "openssh-client",              // the tests sign and verify with ssh-keygen
    "pkg-config",                  // runc
    "python3-gi",                  // runs the RTSP server
    "python3-pip",                 // fetches the two wheels
    "uidmap",                      // buildah and mmdebstrap
    "util-linux",                  // nsenter, setsid, unshare
];

/// Installs the packages that are missing, and asks the network for nothing when none is.
pub(super) async fn ensure() -> Result<()> {
    let missing = missing().await?;
    if missing.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        bail!(
            "installing Debian's packages: this needs root; run it as root, or first: apt-get install {}",
            missing.join(" ")
        );
    }
    progress::step(&format!("apt-get install {}", missing.join(" ")), async {
        apt(&["update", "-q"]).await?;
        let mut arguments = vec!["install", "-q", "-y", "--no-install-recommends"];
        arguments.extend(missing);
        apt(&arguments).await
    })
    .await
}

async fn missing() -> Result<Vec<&'static str>> {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${Package} ${db:Status-Status}\n"]).args(PACKAGES);
    // It fails when it does not know one of the names, and still lists the others.
    let known = tokio::time::timeout(Duration::from_secs(30), query.kill_on_drop(true).output())
        .await
        .context("asking dpkg-query which packages are installed: no answer within 30 s")?
        .context("asking dpkg-query which packages are installed: is this a Debian machine?")?;
    Ok(not_installed(&String::from_utf8_lossy(&known.stdout)))
}

fn not_installed(listing: &str) -> Vec<&'static str> {
    let installed =
        |package: &&str| listing.lines().any(|line| line.strip_suffix(" installed") == Some(package));
    PACKAGES.iter().copied().filter(|p| !installed(p)).collect()
}

async fn apt(arguments: &[&str]) -> Result<()> {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
    command::output("installing Debian's packages", &mut apt, Duration::from_secs(15 * 60)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_fully_installed_counts() {
        let all: String = PACKAGES.iter().map(|p| format!("{p} installed\n")).collect();
        assert!(not_installed(&all).is_empty());
        assert_eq!(not_installed(""), PACKAGES);
        let removed = all.replace("buildah installed", "buildah config-files");
        assert_eq!(not_installed(&removed), ["buildah"]);
    }
}
