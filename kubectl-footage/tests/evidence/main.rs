//! What people check for themselves: `kubectl footage verify` and `open` on packages of the real writers, `verify-log` on logs
//! of the real writer; whole ones, and ones that somebody changed.

#![allow(clippy::unwrap_used, missing_docs)]

mod audit;
mod forged;
mod kit;
mod ledger;
mod opened;
#[allow(dead_code, reason = "the library's tests use more of it")]
#[path = "../../../footage/tests/seal/support.rs"]
mod support;
#[allow(dead_code, reason = "the library's tests use more of it")]
#[path = "../../../footage/tests/package/world.rs"]
mod world;
