//! The local cluster, the demo and what the end-to-end tests stand on.

pub mod cluster;
pub mod demo;
pub mod fixtures;
pub mod images;
pub mod instance;
pub mod progress;
pub mod rights;
pub mod suite;
pub mod tools;
