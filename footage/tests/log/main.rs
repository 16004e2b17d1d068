//! The disclosure log: crashes at every request, two writers, an attacker who can write to the bucket, the cost of an
//! append, a real S3 server, a real Vault, and the reference implementation's verdict on the proofs.

#![allow(clippy::unwrap_used, reason = "tests")]

mod attacks;
#[path = "../bao/mod.rs"]
mod bao;
mod cost;
mod crash;
mod erasure;
mod proofs;
mod reference;
mod s3;
mod support;
mod vault;
mod writers;
