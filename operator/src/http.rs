//! Probes and metrics.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{metrics::Metrics, watch::Synced};
use axum::{Router, extract::State, http::StatusCode, routing::get};

/// What the probes look at.
#[derive(Clone)]
pub struct Health {
    /// The metrics to show.
    pub metrics: Metrics,
    /// Which watches are in sync.
    pub synced: Synced,
    /// Whether this replica leads; one that waits for the Lease is ready without watches.
    pub leading: Arc<AtomicBool>,
}

/// The endpoints.
pub fn router(health: Health) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health)
}

async fn ready(State(health): State<Health>) -> (StatusCode, String) {
    if !health.leading.load(Ordering::Relaxed) {
        return (StatusCode::OK, "standing by\n".to_owned());
    }
    let missing = health.synced.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not in sync: {}\n", missing.join(", ")))
    }
}

async fn metrics(State(health): State<Health>) -> (StatusCode, String) {
    match health.metrics.render() {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}
