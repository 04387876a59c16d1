//! The operations listener: health, readiness, figures. Never exposed.

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

pub fn router(shop: Arc<Shop>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render_metrics))
        .route("/signatures", get(signatures))
        .with_state(Operations { shop, metrics })
}

/// Whether this instance should get traffic: not while it ends, and not without its database.
async fn ready(State(operations): State<Operations>) -> impl IntoResponse {
    if operations.shop.end.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining");
    }
    match operations.shop.store.ready().await {
        Ok(()) => (StatusCode::OK, "ok"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database is not ready")
        }
    }
}

/// What was seen of webhook signatures since the start, for `rolitt doctor`.
async fn signatures(State(operations): State<Operations>) -> impl IntoResponse {
    Json(operations.shop.signature_stats.snapshot())
}

/// Prometheus' text format.
async fn render_metrics(State(operations): State<Operations>) -> impl IntoResponse {
    super::metrics::update(&operations.shop).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], operations.metrics.render())
}
