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
        .route("/metrics", get(figures))
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
    Json(operations.shop.signatures.seen())
}

/// Prometheus' text format. The backlog is read when asked, so that it is never older than the answer.
async fn figures(State(operations): State<Operations>) -> impl IntoResponse {
    let backlog = operations.shop.store.backlog().await;
    metrics::gauge!("backlog_unreadable").set(if backlog.is_ok() { 0.0 } else { 1.0 });
    if let Err(error) = &backlog {
        tracing::error!(%error, "what waits cannot be counted");
    }
    if let Ok(backlog) = backlog {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; a backlog is far below 2^52")]
        let set = |name: &'static str, value: i64| metrics::gauge!(name).set(value as f64);
        set("webhook_events_waiting", backlog.events_waiting);
        set("webhook_events_parked", backlog.events_parked);
        set("webhook_events_oldest_seconds", backlog.events_oldest_seconds);
        set("outbox_messages_pending", backlog.messages_pending);
        set("outbox_messages_parked", backlog.messages_parked);
        set("outbox_messages_oldest_seconds", backlog.messages_oldest_seconds);
        set("preorders_in_review", backlog.preorders_in_review);
        set("disputes_open", backlog.disputes_open);
        set("dispute_due_seconds", backlog.dispute_due_seconds);
        set("payments_without_preorder", backlog.payments_without_preorder);
        // From the store, so that every instance says the same, whoever compared.
        set("reconcile_unexplained_differences", backlog.differences_open + backlog.payments_without_preorder);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], operations.metrics.render())
}
