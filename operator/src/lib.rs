//! The control plane: it keeps what is declared (tenants, cameras, policies) and what runs (namespaces,
//! recorders, keys) in sync.

pub mod admission;
pub mod conditions;
pub mod config;
pub mod context;
pub mod controllers;
pub mod error;
pub mod events;
mod finalizer;
pub mod http;
pub mod identity;
mod keys;
pub mod kube_api;
pub mod lease;
pub mod log;
pub mod metrics;
pub mod pods;
pub mod report;
pub mod run;
pub mod store;
pub mod vault;
pub mod vault_restored;
pub mod vault_setup;
pub mod watch;
