//! The decision on disclosure: its rules, its adversaries, and signatures as ssh-keygen makes them.

#![allow(clippy::unwrap_used, missing_docs)]

mod adversary;
mod basics;
mod properties;
mod ssh;
mod support;
mod table;
