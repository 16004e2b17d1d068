//! The kubelet's configuration.

use anyhow::{Context, Result};
use serde_json::json;

use super::super::{cgroup, control_plane::flag, folders, kubeconfig, pki::Pki};
use crate::instance::Instance;

/// Writes the configuration and returns the arguments.
pub(super) fn configure(instance: Instance, pki: &Pki) -> Result<Vec<String>> {
    let kubeconfig = folders::configs(instance).join("kubelet.kubeconfig");
    kubeconfig::write(instance, pki, "kubelet", &kubeconfig)?;
    let config = folders::write_config(instance, "kubelet.yaml", &config(instance, pki)?)?;
    Ok(vec![
        flag("config", config.display()),
        flag("kubeconfig", kubeconfig.display()),
        flag("hostname-override", instance.netns()),
        flag("node-ip", instance.node_address()),
        flag("root-dir", instance.state().join("kubelet").display()),
        flag("cert-dir", instance.state().join("kubelet").join("pki").display()),
    ])
}

fn config(instance: Instance, pki: &Pki) -> Result<String> {
    let socket = format!("unix://{}", folders::runtime_socket(instance).display());
    // This machine's disk and memory are its owner's business: no pod is evicted for them.
    let never = json!({
        "memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
        "imagefs.available": "0%", "imagefs.inodesFree": "0%", "pid.available": "0%",
    });
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": socket,
        "address": instance.node_address(),
        "healthzBindAddress": "127.0.0.1",
        "tlsCertFile": pki.certificate("serving"),
        "tlsPrivateKeyFile": pki.key("serving"),
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki.certificate("ca")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup::root(instance),
        "failCgroupV1": false,
        "failSwapOn": false,
        // It sees values it is content with; see view.rs. Were one missing, it must say so and not set it.
        "protectKernelDefaults": true,
        "makeIPTablesUtilChains": false,
        "oomScoreAdj": 0,
        "evictionHard": never,
        "imageGCHighThresholdPercent": 100,
        "maxPods": 110,
        "podLogsDir": folders::pod_logs(instance),
        "volumePluginDir": instance.state().join("kubelet").join("volume-plugins"),
        // Nobody resolves names for pods, which use addresses: a question is refused at once, and never reaches
        // this machine's resolver. Without any address the kubelet would warn at each pod.
        "clusterDNS": ["127.0.0.1"],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "fileCheckFrequency": "5s",
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "shutdownGracePeriod": "0s",
        "serializeImagePulls": true,
    });
    serde_yaml_ng::to_string(&config).context("writing the kubelet's configuration")
}
