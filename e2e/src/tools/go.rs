//! Programs built from Go modules that go.mod and go.sum pin.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{Stamp, command};
use crate::progress;

/// A cold build of the API server takes five minutes on two idle cores.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// One program.
pub(super) struct GoTool {
    /// What it is called in the cache.
    name: &'static str,
    /// The folder under e2e/tools that pins it.
    folder: &'static str,
    /// The package inside that module.
    package: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    /// Clients read the version from the binary; without these flags it would call itself v0.0.0.
    Kubernetes,
    /// runc's seccomp support is C.
    Runc,
    /// Of the many ways to find targets, those of clouds are most of what is built.
    Prometheus,
}

const fn tool(name: &'static str, folder: &'static str, package: &'static str, kind: Kind) -> GoTool {
    GoTool { name, folder, package, kind }
}

const fn kubernetes(name: &'static str, package: &'static str) -> GoTool {
    tool(name, "kubernetes", package, Kind::Kubernetes)
}

/// Everything, the smallest first, so that a broken toolchain shows within seconds.
pub(super) const TOOLS: &[GoTool] = &[
    tool("pause", "pause", ".", Kind::Plain),
    tool("age", "age", "filippo.io/age/cmd/age", Kind::Plain),
    tool("age-keygen", "age", "filippo.io/age/cmd/age-keygen", Kind::Plain),
    tool("rtsp-camera", "rtsp", ".", Kind::Plain),
    tool("runc", "runc", "github.com/opencontainers/runc", Kind::Runc),
    tool("containerd", "containerd", "github.com/containerd/containerd/v2/cmd/containerd", Kind::Plain),
    tool(
        "containerd-shim-runc-v2",
        "containerd",
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        Kind::Plain,
    ),
    tool("ctr", "containerd", "github.com/containerd/containerd/v2/cmd/ctr", Kind::Plain),
    tool("etcd", "etcd", "go.etcd.io/etcd/server/v3", Kind::Plain),
    tool("versitygw", "versitygw", "github.com/versity/versitygw/cmd/versitygw", Kind::Plain),
    // NetworkPolicies are enforced for real.
    tool(
        "kube-router",
        "kube-router",
        "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
        Kind::Plain,
    ),
    kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    kubernetes("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    kubernetes("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    kubernetes("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    kubernetes("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
    kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    tool("helm", "helm", "helm.sh/helm/v4/cmd/helm", Kind::Plain),
];

/// What only tests need.
pub(super) const FOR_TESTS: &[GoTool] = &[
    tool("promtool", "prometheus", "github.com/prometheus/prometheus/cmd/promtool", Kind::Prometheus),
    tool("prometheus", "prometheus", "github.com/prometheus/prometheus/cmd/prometheus", Kind::Prometheus),
];

/// The version that e2e/tools/kubernetes/go.mod pins, in parts.
const KUBERNETES: (&str, &str, &str) = ("v1.37.2", "1", "37");

/// Builds `tool` unless the one in the cache was made of the same sources with the same flags.
pub(super) async fn ensure(tool: &GoTool, cache: &Path) -> Result<()> {
    let folder = super::sources().join(tool.folder);
    let arguments = arguments(tool);
    let mut settings = arguments.clone();
    settings.push(cgo(tool).to_owned());
    let stamp = Stamp::new(cache, tool.name, &inputs(&folder)?, &settings)?;
    let made = cache.join("bin").join(tool.name);
    if stamp.matches(&made) {
        return Ok(());
    }
    progress::step(&format!("building {}", tool.name), async {
        let new = cache.join("bin").join(format!(".{}.new", tool.name));
        let mut build = Command::new("go");
        build
            .current_dir(&folder)
            // The pinned modules and the installed toolchain, whatever the caller's own settings.
            .env("GOTOOLCHAIN", "local")
            .env("GOFLAGS", "-mod=readonly")
            .env("CGO_ENABLED", cgo(tool))
            .arg("build")
            .args(&arguments)
            .arg("-o")
            .arg(&new)
            .arg(tool.package);
        command::output(&format!("building {}", tool.name), &mut build, LIMIT)
            .await
            .context("Go 1.26 or newer and access to the Go module proxy are needed for the first build")?;
        stamp.put(&new, &made)
    })
    .await
}

fn cgo(tool: &GoTool) -> &'static str {
    if tool.kind == Kind::Runc { "1" } else { "0" }
}

fn arguments(tool: &GoTool) -> Vec<String> {
    let mut flags = "-s -w".to_owned();
    let mut arguments = vec!["-trimpath".to_owned()];
    match tool.kind {
        Kind::Plain => {}
        Kind::Runc => arguments.extend(["-tags".to_owned(), "seccomp".to_owned()]),
        Kind::Prometheus => {
            arguments.extend(["-tags".to_owned(), "remove_all_sd,enable_kubernetes_sd".to_owned()]);
        }
        Kind::Kubernetes => {
            let (version, major, minor) = KUBERNETES;
            for package in ["component-base/version", "client-go/pkg/version"] {
                for (name, value) in [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor)] {
                    flags.push_str(&format!(" -X k8s.io/{package}.{name}={value}"));
                }
            }
        }
    }
    arguments.extend(["-ldflags".to_owned(), flags]);
    arguments
}

/// go.mod, go.sum (a module without dependencies has none) and our own sources, in a fixed order.
fn inputs(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in listing {
        let path = entry.with_context(|| format!("listing {}", folder.display()))?.path();
        let extension = path.extension().and_then(|e| e.to_str());
        if matches!(extension, Some("go" | "mod" | "sum")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_pinned_in_the_checkout() -> Result<()> {
        for tool in TOOLS.iter().chain(FOR_TESTS) {
            let module = super::super::sources().join(tool.folder).join("go.mod");
            let text = fs::read_to_string(&module)?;
            assert!(
                tool.package == "." || text.contains(tool.package) || tool.kind == Kind::Kubernetes,
                "{} is not in {}",
                tool.package,
                module.display()
            );
            if tool.kind == Kind::Kubernetes {
                assert!(text.contains(&format!("k8s.io/kubernetes {}", KUBERNETES.0)));
            }
        }
        Ok(())
    }
}
