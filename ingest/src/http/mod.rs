//! The endpoints: `/status` for the operator, `/metrics` for Prometheus, `/healthz` and `/readyz` for the
//! kubelet. Plain HTTP: nothing secret is in any answer.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{metrics::Metrics, status::Board};

#[derive(Clone)]
struct Shared {
    board: Arc<Board>,
    metrics: Metrics,
}

/// The routes.
pub fn router(board: Arc<Board>, metrics: Metrics) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/metrics", get(render))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Shared { board, metrics })
}

async fn status(State(shared): State<Shared>) -> Response {
    Json(shared.board.answer()).into_response()
}

async fn ready(State(shared): State<Shared>) -> Response {
    if shared.board.ready() {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

async fn render(State(shared): State<Shared>) -> Response {
    let Shared { board, metrics } = shared;
    // Asked first: whoever holds the metrics waits for nobody.
    let gauges = board.gauges();
    {
        let _whole = metrics.whole();
        metrics.camera_state.reset();
        for gauge in gauges {
            let id = gauge.id.as_str();
            let state = format!("{:?}", gauge.state);
            metrics.camera_state.with_label_values(&[id, gauge.name.as_str(), state.as_str()]).set(1);
            if let Some(age) = gauge.last_frame {
                metrics
                    .last_frame_age
                    .with_label_values(&[id])
                    .set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
            }
        }
    }
    let (current, up) = board.health();
    metrics.config_current.set(i64::from(current));
    metrics.store_up.set(i64::from(up));
    match metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
