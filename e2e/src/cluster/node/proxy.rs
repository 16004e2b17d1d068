//! kube-proxy's configuration.

use anyhow::{Context, Result};
use serde_json::json;

use super::super::{control_plane::flag, folders, kubeconfig, pki::Pki};
use crate::instance::Instance;

/// Where it says whether services are in place.
pub(super) const HEALTH_PORT: u16 = 10256;

/// Writes the configuration and returns the arguments.
pub(super) fn configure(instance: Instance, pki: &Pki) -> Result<Vec<String>> {
    let kubeconfig = folders::configs(instance).join("kube-proxy.kubeconfig");
    kubeconfig::write(instance, pki, "kube-proxy", &kubeconfig)?;
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": kubeconfig},
        "hostnameOverride": instance.netns(),
        "clusterCIDR": instance.pod_cidr(),
        "healthzBindAddress": format!("{}:{HEALTH_PORT}", instance.node_address()),
        "metricsBindAddress": "127.0.0.1:10249",
        "oomScoreAdj": 0,
        // The size of the table is the machine's, not the namespace's: leave it.
        "conntrack": {"maxPerCore": 0, "min": 0},
    });
    let text = serde_yaml_ng::to_string(&config).context("writing kube-proxy's configuration")?;
    let file = folders::write_config(instance, "kube-proxy.yaml", &text)?;
    Ok(vec![flag("config", file.display())])
}
