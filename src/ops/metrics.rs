//! Figures for Prometheus. `deploy/prometheus/` has the rules that make alarms of them.

use crate::server::{payments::SignatureError, state::Shop};

/// Begins the counters that alarms are about, at zero: Prometheus sees no rise in a series that begins with its first count.
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

/// What waits, read when asked, so that it is never older than the answer.
pub async fn update(shop: &Shop) {
    let backlog = shop.store.backlog().await;
    metrics::gauge!("backlog_unreadable").set(if backlog.is_ok() { 0.0 } else { 1.0 });
    let backlog = match backlog {
        Ok(backlog) => backlog,
        Err(error) => {
            tracing::error!(%error, "what waits cannot be counted");
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
    // From the store, so that every instance says the same, whoever compared.
    set("reconcile_unexplained_differences", backlog.differences_open + backlog.payments_without_preorder);
}
