//! kube-router, of which only the firewall runs: it enforces NetworkPolicies.

use anyhow::Result;

use super::super::{control_plane::flag, folders, kubeconfig, pki::Pki};
use crate::instance::Instance;

/// Where it says whether the policies are in place.
pub(super) const HEALTH_PORT: u16 = 20244;

/// Returns the arguments.
pub(super) fn configure(instance: Instance, pki: &Pki) -> Result<Vec<String>> {
    let kubeconfig = folders::configs(instance).join("kube-router.kubeconfig");
    kubeconfig::write(instance, pki, "kube-router", &kubeconfig)?;
    Ok(vec![
        flag("kubeconfig", kubeconfig.display()),
        flag("hostname-override", instance.netns()),
        flag("run-firewall", true),
        flag("run-router", false),
        flag("run-service-proxy", false),
        flag("enable-cni", false),
        flag("service-cluster-ip-range", instance.service_cidr()),
        flag("health-port", HEALTH_PORT),
        // Changes come by its watch; this is for what was missed.
        flag("iptables-sync-period", "1m"),
    ])
}
