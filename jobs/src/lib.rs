//! The programs that run as Jobs in tenants' namespaces, as libraries: a folder each, and a binary beside it.

pub mod disclosure;
pub mod retention;
