//! The operations listener: liveness, readiness and metrics. It must never be reachable from
//! outside.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::server::state::Shop;

#[derive(Clone)]
struct Operations {
    shop: Arc<Shop>,
    metrics: PrometheusHandle,
}

/// Returns the routes `/livez`, `/readyz`, `/metrics` and `/signatures`.
pub fn router(shop: Arc<Shop>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render_metrics))
        .route("/signatures", get(signatures))
        .with_state(Operations { shop, metrics })
}

/// Responds 200 if this instance should receive traffic, 503 while it drains or its database is not
/// ready.
async fn ready(State(operations): State<Operations>) -> impl IntoResponse {
    if operations.shop.end.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining");
    }
    match operations.shop.store.ready().await {
        Ok(()) => (StatusCode::OK, "ok"),
        Err(error) => {
            tracing::warn!(%error, "readiness: the database is not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database is not ready")
        }
    }
}

/// Responds with the webhook signatures seen since the start, for `rolitt doctor`.
async fn signatures(State(operations): State<Operations>) -> impl IntoResponse {
    Json(operations.shop.signature_stats.snapshot())
}

/// Responds with all metrics in Prometheus' text format.
async fn render_metrics(State(operations): State<Operations>) -> impl IntoResponse {
    super::metrics::update(&operations.shop).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], operations.metrics.render())
}
