//! etcd, the API server, the controllers and the scheduler.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::json;

use super::{
    folders, kubeconfig,
    pki::Pki,
    process::{self, Mounts, Running},
    ready::{self, Health},
};
use crate::{instance::Instance, tools::Tools};

/// Four seconds on an idle machine; a busy one is given longer.
const LIMIT: Duration = Duration::from_secs(120);

/// On the namespace's own loopback device: only what runs in the namespace itself reaches it, and needs a
/// certificate of etcd's own authority.
const ETCD: &str = "https://127.0.0.1:2379";
const ETCD_NAME: &str = "camerafleet";
const ETCD_PEER: &str = "https://127.0.0.1:2380";

/// Starts them and returns when each of them says that it is ready.
pub(super) async fn start(instance: Instance, tools: &Tools, pki: &Pki) -> Result<()> {
    let run =
        |name, arguments: Vec<String>| process::start(instance, tools, name, &Mounts::Machine, &arguments);
    kubeconfig::write(instance, pki, "admin", &instance.kubeconfig())?;
    let health = Health::new(&pki.certificate("ca"))?;

    let mut etcd = run("etcd", etcd(instance, pki))?;
    let mut server = run("kube-apiserver", api_server(instance, pki)?)?;
    let url = format!("{}/readyz", instance.server());
    ready::wait("the API server", &mut [&mut server, &mut etcd], LIMIT, async || health.ask(&url).await)
        .await?;

    let mut controllers = run("kube-controller-manager", controllers(instance, pki)?)?;
    let mut scheduler = run("kube-scheduler", scheduler(instance, pki)?)?;
    tokio::try_join!(
        healthy(&health, instance, &mut controllers, 10257),
        healthy(&health, instance, &mut scheduler, 10259),
    )
    .map(drop)
}

async fn healthy(health: &Health, instance: Instance, component: &mut Running, port: u16) -> Result<()> {
    let url = format!("https://{}:{port}/healthz", instance.node_address());
    let name = component.name;
    ready::wait(name, &mut [component], LIMIT, async || health.ask(&url).await).await
}

fn etcd(instance: Instance, pki: &Pki) -> Vec<String> {
    let mut arguments = vec![
        flag("name", ETCD_NAME),
        flag("data-dir", instance.state().join("etcd").display()),
        flag("listen-client-urls", ETCD),
        flag("advertise-client-urls", ETCD),
        flag("listen-peer-urls", ETCD_PEER),
        flag("initial-advertise-peer-urls", ETCD_PEER),
        flag("initial-cluster", format!("{ETCD_NAME}={ETCD_PEER}")),
        flag("log-level", "warn"),
        // What a cluster holds ends with it, so nothing need survive a loss of power.
        "--unsafe-no-fsync".to_owned(),
    ];
    for prefix in ["", "peer-"] {
        arguments.extend([
            format!("--{prefix}client-cert-auth"),
            flag(&format!("{prefix}trusted-ca-file"), pki.certificate("etcd-ca").display()),
            flag(&format!("{prefix}cert-file"), pki.certificate("etcd").display()),
            flag(&format!("{prefix}key-file"), pki.key("etcd").display()),
        ]);
    }
    arguments
}

fn api_server(instance: Instance, pki: &Pki) -> Result<Vec<String>> {
    let policy = folders::write_config(instance, "audit-policy.yaml", &audit_policy()?)?;
    let authority = pki.certificate("ca");
    let tokens = "service-accounts";
    Ok(vec![
        flag("etcd-servers", ETCD),
        flag("etcd-cafile", pki.certificate("etcd-ca").display()),
        flag("etcd-certfile", pki.certificate("etcd-client").display()),
        flag("etcd-keyfile", pki.key("etcd-client").display()),
        flag("advertise-address", instance.node_address()),
        flag("secure-port", 6443),
        flag("tls-cert-file", pki.certificate("apiserver").display()),
        flag("tls-private-key-file", pki.key("apiserver").display()),
        flag("client-ca-file", authority.display()),
        flag("authorization-mode", "Node,RBAC"),
        flag("enable-admission-plugins", "NodeRestriction"),
        flag("allow-privileged", true),
        flag("service-cluster-ip-range", instance.service_cidr()),
        // An address at which the issuer's discovery documents really are; the cluster has no DNS.
        flag("service-account-issuer", instance.server()),
        flag("service-account-signing-key-file", pki.key(tokens).display()),
        flag("service-account-key-file", pki.public_key(tokens).display()),
        // For API servers of extensions, to which this one passes on who asks.
        flag("requestheader-client-ca-file", pki.certificate("front-proxy-ca").display()),
        flag("requestheader-allowed-names", "front-proxy"),
        flag("requestheader-username-headers", "X-Remote-User"),
        flag("requestheader-group-headers", "X-Remote-Group"),
        flag("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
        flag("proxy-client-cert-file", pki.certificate("front-proxy").display()),
        flag("proxy-client-key-file", pki.key("front-proxy").display()),
        flag("kubelet-certificate-authority", authority.display()),
        flag("kubelet-client-certificate", pki.certificate("apiserver-kubelet").display()),
        flag("kubelet-client-key", pki.key("apiserver-kubelet").display()),
        flag("kubelet-preferred-address-types", "InternalIP"),
        flag("audit-policy-file", policy.display()),
        flag("audit-log-path", instance.logs().join("audit.log").display()),
        // All of a run of the tests: what the operator used of its rights is read from it (src/rights).
        flag("audit-log-maxsize", 100),
        flag("audit-log-maxbackup", 8),
        flag("profiling", false),
    ])
}

/// Who did what to which object, without its content.
fn audit_policy() -> Result<String> {
    serde_yaml_ng::to_string(&json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": [{"level": "Metadata"}],
    }))
    .context("writing the audit policy")
}

fn controllers(instance: Instance, pki: &Pki) -> Result<Vec<String>> {
    let mut arguments = as_client(instance, pki, "controller-manager")?;
    arguments.extend([
        "--use-service-account-credentials".to_owned(),
        flag("service-account-private-key-file", pki.key("service-accounts").display()),
        flag("root-ca-file", pki.certificate("ca").display()),
        flag("cluster-signing-cert-file", pki.certificate("ca").display()),
        flag("cluster-signing-key-file", pki.key("ca").display()),
        flag("service-cluster-ip-range", instance.service_cidr()),
        // It lets pods onto a new node at its next look, by default five seconds later.
        flag("node-monitor-period", "1s"),
        // Its default is a fixed folder of the machine, which it would create.
        flag("flex-volume-plugin-dir", instance.state().join("flex-volumes").display()),
    ]);
    Ok(arguments)
}

fn scheduler(instance: Instance, pki: &Pki) -> Result<Vec<String>> {
    as_client(instance, pki, "scheduler")
}

/// What the controllers and the scheduler have in common.
fn as_client(instance: Instance, pki: &Pki, user: &str) -> Result<Vec<String>> {
    let file = folders::configs(instance).join(format!("{user}.kubeconfig"));
    kubeconfig::write(instance, pki, user, &file)?;
    let file: &Path = &file;
    Ok(vec![
        flag("kubeconfig", file.display()),
        flag("authentication-kubeconfig", file.display()),
        flag("authorization-kubeconfig", file.display()),
        flag("bind-address", instance.node_address()),
        flag("tls-cert-file", pki.certificate("serving").display()),
        flag("tls-private-key-file", pki.key("serving").display()),
        // There is one of each; waiting for a lease would only take time.
        flag("leader-elect", false),
        flag("profiling", false),
    ])
}

pub(super) fn flag(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}
