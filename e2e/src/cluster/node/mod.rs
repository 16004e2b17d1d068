//! The node: containerd, the kubelet, kube-proxy, and kube-router for its firewall.

mod containerd;
mod firewall;
mod kubelet;
mod pause;
mod proxy;
mod view;

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::process::Command;

use super::{
    pki::Pki,
    process::{self, Mounts, Running},
    ready,
};
use crate::{
    instance::Instance,
    tools::{Tools, command},
};

pub(super) use containerd::import;

/// Eight seconds on an idle machine; a busy one is given longer.
const LIMIT: Duration = Duration::from_secs(120);

/// Starts containerd with the image that every pod needs; it does not need the control plane.
pub(super) async fn start_runtime(instance: Instance, tools: &Tools) -> Result<Running> {
    let script = view::prepare(instance)?;
    let arguments = containerd::configure(instance, tools).await?;
    let mounts = Mounts::New(script);
    let mut runtime = process::start(instance, tools, "containerd", &mounts, &arguments)?;
    let archive = pause::archive(instance, tools).await?;
    ready::wait("containerd", &mut [&mut runtime], LIMIT, async || {
        containerd::answers(instance, tools).await
    })
    .await?;
    import(instance, tools, &archive, LIMIT).await?;
    Ok(runtime)
}

/// Starts the kubelet and kube-proxy and returns when pods can be made and run.
pub(super) async fn join(instance: Instance, tools: &Tools, pki: &Pki, runtime: &mut Running) -> Result<()> {
    let pid = runtime.pid().context("starting the node: containerd has already ended")?;
    // The kubelet mounts volumes where containerd must see them.
    let mounts = Mounts::Of(pid);
    let arguments = kubelet::configure(instance, pki)?;
    let mut kubelet = process::start(instance, tools, "kubelet", &mounts, &arguments)?;
    let arguments = proxy::configure(instance, pki)?;
    let mut proxy = process::start(instance, tools, "kube-proxy", &Mounts::Machine, &arguments)?;

    let client = client(instance).await?;
    let health = ready::Health::new(&pki.certificate("ca"))?;
    let services = format!("http://{}:{}/healthz", instance.node_address(), proxy::HEALTH_PORT);
    let (node, services_of) = (&mut [&mut kubelet, runtime], &mut [&mut proxy]);
    tokio::try_join!(
        ready::wait("the node", node, LIMIT, async || { node_is_ready(&client, &instance.netns()).await }),
        ready::wait("kube-proxy", services_of, LIMIT, async || health.ask(&services).await),
        ready::wait("the ServiceAccount default/default", &mut [], LIMIT, async || {
            let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
            accounts.get("default").await.map(drop).map_err(Into::into)
        }),
    )?;
    // It ends, after it has said that it is healthy, if it finds no node of its name.
    let arguments = firewall::configure(instance, pki)?;
    let mut router = process::start(instance, tools, "kube-router", &Mounts::Machine, &arguments)?;
    let policies = format!("http://{}:{}/healthz", instance.node_address(), firewall::HEALTH_PORT);
    ready::wait("kube-router", &mut [&mut router], LIMIT, async || health.ask(&policies).await).await
}

async fn client(instance: Instance) -> Result<Client> {
    let file = instance.kubeconfig();
    let what = || format!("connecting by {}", file.display());
    let kubeconfig = Kubeconfig::read_from(&file).with_context(what)?;
    let config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.with_context(what)?;
    Client::try_from(config).with_context(what)
}

async fn node_is_ready(client: &Client, name: &str) -> Result<()> {
    let node = Api::<Node>::all(client.clone()).get(name).await?;
    let conditions = node.status.and_then(|s| s.conditions).unwrap_or_default();
    let Some(ready) = conditions.iter().find(|c| c.type_ == "Ready") else {
        bail!("the node has not said yet whether it is ready");
    };
    // A taint that is still there would keep pods away for a moment longer.
    let taints = node.spec.and_then(|s| s.taints).unwrap_or_default();
    if ready.status != "True" {
        bail!("not ready: {}", ready.message.as_deref().unwrap_or("no reason given"));
    }
    match taints.first() {
        Some(taint) => bail!("the node still has the taint {}", taint.key),
        None => Ok(()),
    }
}

/// Whether overlays work where images are unpacked (they do not on top of another overlay).
async fn overlay_works(folder: &Path) -> bool {
    let folder = folder.join("overlay-test");
    let parts = ["lower", "upper", "work", "merged"].map(|name| folder.join(name));
    if parts.iter().any(|part| fs::create_dir_all(part).is_err()) {
        return false;
    }
    let [lower, upper, work, merged] = &parts;
    let options =
        format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
    // In a mount namespace of its own, with which the mount goes again.
    let mut mount = Command::new("unshare");
    mount.args(["--mount", "mount", "-t", "overlay", "overlay", "-o", &options]).arg(merged);
    let limit = Duration::from_secs(10);
    let works = command::output("trying an overlay", &mut mount, limit).await;
    // What is left of it goes with the instance.
    let _ = fs::remove_dir_all(&folder);
    works.is_ok()
}
