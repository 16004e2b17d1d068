//! The disclosure job against a real S3 server and a real OpenBao server, under the role's own policy.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../footage/tests/bao/mod.rs"]
mod bao;
mod cluster;
mod delivery;
mod faults;
mod owners;
mod recorder;
mod refusals;
mod stage;
