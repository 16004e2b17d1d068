//! What only a cluster shows. `make e2e` starts the cluster, installs everything on it and runs these tests; each
//! leaves the fleet as it found it.

mod admission;
mod custody;
mod deletion;
mod disclosure;
mod existing;
mod helm;
mod hold;
mod identity;
mod mistakes;
mod monitoring;
mod network;
mod pages;
mod rbac;
mod recording;
mod retention;
mod support;
mod tenancy;
