//! The sealed-segment format, through its public API.

#![allow(clippy::unwrap_used, reason = "the setting for tests does not reach helpers outside #[test]")]

mod chain;
mod format;
mod open;
mod owners;
mod rehead;
mod support;
mod tamper;
mod vectors;
