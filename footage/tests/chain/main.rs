//! The chain's verdict over real sealed segments in a store, and what tampering with the store does to it.

#![allow(clippy::unwrap_used, reason = "the setting for tests does not reach helpers outside #[test]")]

mod attacks;
mod genuine;
mod random;
#[path = "../seal/support.rs"]
#[allow(dead_code, reason = "shared with the tests of sealing")]
mod support;
mod world;
