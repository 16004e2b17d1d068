//! An instance: one cluster of its own, with its folders, network namespace and addresses.
//! Two instances (`demo`, `test`) can run side by side.

use std::{net::Ipv4Addr, path::PathBuf};

/// One cluster on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Instance {
    /// What `make demo` starts and leaves running.
    Demo,
    /// What `make test` starts and ends.
    Test,
}

impl Instance {
    /// Every one there is.
    pub const ALL: [Self; 2] = [Self::Demo, Self::Test];

    /// Names folders, devices, the network namespace and cgroups.
    pub fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Test => "test",
        }
    }

    /// The third octet of the instance's addresses.
    fn number(self) -> u8 {
        match self {
            Self::Demo => 1,
            Self::Test => 2,
        }
    }

    /// Everything the instance keeps: PKI, etcd, containerd, kubelet, logs, pids.
    pub fn state(self) -> PathBuf {
        PathBuf::from("/var/lib/camerafleet").join(self.name())
    }

    /// Sockets, whose paths must be short.
    pub fn run(self) -> PathBuf {
        PathBuf::from("/run/camerafleet").join(self.name())
    }

    /// One file per component.
    pub fn logs(self) -> PathBuf {
        self.state().join("logs")
    }

    /// The kubeconfig of the cluster's administrator.
    pub fn kubeconfig(self) -> PathBuf {
        self.state().join("admin.kubeconfig")
    }

    /// The network namespace that the whole cluster lives in, under /run/netns.
    pub fn netns(self) -> String {
        format!("camerafleet-{}", self.name())
    }

    /// This machine's end of the pair of devices between it and the namespace (a /30).
    pub fn host_address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 213, self.number(), 1)
    }

    /// The namespace's end: the node's address, on which the API server, etcd and the kubelet listen.
    pub fn node_address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 213, self.number(), 2)
    }

    /// The API server's address, from this machine and from the node alike.
    pub fn server(self) -> String {
        format!("https://{}:6443", self.node_address())
    }

    /// The first service address, by which pods reach the API server.
    pub fn first_service(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 223 + self.number(), 0, 1)
    }

    /// Pods' addresses.
    pub fn pod_cidr(self) -> String {
        format!("10.{}.0.0/16", 213 + self.number())
    }

    /// Services' addresses; the API server is the first, DNS would be the tenth.
    pub fn service_cidr(self) -> String {
        format!("10.{}.0.0/16", 223 + self.number())
    }
}
