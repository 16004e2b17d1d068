//! The recorder: RTSP in ([`camera`]), fragmented MP4 ([`mux`]), cut into sealed segments ([`segment`]), kept on
//! disk ([`spool`]) until the object store has them ([`store`]). [`config`] says what to record, [`status`] and
//! [`metrics`] how it goes, [`http`] shows both; [`app`] puts the parts together.
//!
//! A recorder holds public keys only: what it wrote before, it cannot read.

pub mod app;
pub mod camera;
pub mod config;
pub mod http;
pub mod metrics;
pub mod mux;
pub mod segment;
pub mod spool;
pub mod status;
pub mod store;

/// It says what each thread takes, by which a camera's session is held to its bound ([`camera::meter`]), and it gives
/// memory back to the system, which a recorder that runs for years needs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
