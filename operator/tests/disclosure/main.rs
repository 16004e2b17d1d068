//! A disclosure from request to package, at a real API server with a real Vault and a real S3 server: the operator's own
//! program under its own account, and the disclosure Job's code under the account, the files and the rights that the operator
//! makes for it.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../footage/tests/bao/mod.rs"]
mod bao;
#[path = "../cluster/mod.rs"]
mod cluster;
mod consent;
mod job;
mod orders;
mod owners;
mod report;
mod stage;
