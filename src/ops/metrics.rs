//! Metrics for Prometheus. `deploy/prometheus/` has the alert rules that read them.

use crate::server::{payments::SignatureError, state::Shop};

/// Sets the counters that alert rules read to zero. Prometheus sees no increase in a series that
/// appears with its first count.
pub fn initialize() {
    metrics::counter!("panics_total").increment(0);
    metrics::counter!("webhook_livemode_mismatches_total").increment(0);
    for reason in ["busy_pages", "busy_checkouts", "busy_webhooks"] {
        metrics::counter!("requests_refused_total", "reason" => reason).increment(0);
    }
    for error in SignatureError::ALL {
        metrics::counter!("webhook_signature_failures_total", "reason" => error.reason()).increment(0);
    }
}

/// Reads the gauges of what waits from the store. Called for each scrape, so they are never older.
pub async fn update(shop: &Shop) {
    let backlog = shop.store.backlog().await;
    metrics::gauge!("backlog_unreadable").set(if backlog.is_ok() { 0.0 } else { 1.0 });
    let backlog = match backlog {
        Ok(backlog) => backlog,
        Err(error) => {
            tracing::error!(%error, "the backlog metrics cannot be read from the database; `rolitt check` names the cause");
            return;
        }
    };
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
    // From the store, so that every instance reports the same number.
    set("reconcile_unexplained_differences", backlog.differences_open + backlog.payments_without_preorder);
}
