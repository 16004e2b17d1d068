//! Packages, opened and checked with the programs that a recipient has: age, rage, tar, sha256sum, ssh-keygen, ffprobe.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod clips;
mod refusals;
mod sealed;
#[path = "../seal/support.rs"]
#[allow(dead_code, reason = "this uses some of it")]
mod support;
mod world;
