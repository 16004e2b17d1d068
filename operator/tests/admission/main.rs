//! The charts on a real API server: what the admission policies and the members' roles let through and what not, and
//! that the operator's proof of it tells the one from the other.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod fixtures;
mod policies;
mod proof;
mod rbac;
#[allow(dead_code, reason = "the plugin's tests use more of it")]
mod server;
