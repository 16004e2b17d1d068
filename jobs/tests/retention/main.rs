//! The retention job against a real S3 server and a real OpenBao server.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../footage/tests/bao/mod.rs"]
mod bao;
mod census;
mod holds;
mod intents;
mod keys;
mod objects;
mod policies;
mod refusals;
mod shred;
mod support;
mod versions;
