//! The transparency report: what is counted of a log, and when.

#![allow(clippy::unwrap_used, missing_docs)]

mod properties;
mod support;
mod table;
