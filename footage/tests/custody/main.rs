//! Who can open what, against a real OpenBao: custody, holds and shredding.

#![allow(clippy::unwrap_used, reason = "the setting for tests does not reach helpers outside #[test]")]

#[path = "../bao/mod.rs"]
mod bao;
mod fault;
mod hold;
mod owners;
mod shred;
mod support;
