//! Use case: receives a provider's events. Verifies the signature over the raw bytes, stores the
//! event with everything that follows from it in one transaction, then acknowledges. It makes no
//! network calls and never waits for marketing.

pub mod retry;
pub mod signature_stats;

use std::panic::AssertUnwindSafe;

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use failpoints::{fail_point, shop::WEBHOOK_VERIFIED};
use futures::FutureExt;
use thiserror::Error;

use super::{
    backoff,
    orders::fulfilment::{apply_mirror, apply_update, record_ignored},
    payments::{DecodeError, Occurrence, PaymentProvider, SignatureError, VerifiedEvent},
    state::Shop,
    store::{Applied, EventStatus, Source, StoreError, WebhookEvent},
};
use crate::domain::payment::Mentions;

/// Why a webhook is not acknowledged. The provider sees the status only.
#[derive(Debug, Error)]
pub enum WebhookError {
    #[error("the webhook has no valid signature: {0}")]
    Signature(#[from] SignatureError),
    #[error("too many webhooks are in progress")]
    Busy,
    #[error("the event could not be stored: {0}")]
    NotStored(#[from] StoreError),
}

impl WebhookError {
    /// Returns the response status.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Signature(_) => StatusCode::BAD_REQUEST,
            Self::Busy | Self::NotStored(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Why an event was not applied.
#[derive(Debug, Error)]
enum Failure {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the program panicked")]
    Panic,
}

impl Failure {
    /// Returns whether only a new version of the program can apply the event.
    const fn is_permanent(&self) -> bool {
        matches!(self, Self::Decode(DecodeError::NotAnEvent(_)))
    }
}

/// Receives one webhook. Returns once the event is durable: applied, or stored for a retry.
pub async fn receive(
    shop: &Shop,
    provider: &dyn PaymentProvider,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<(), WebhookError> {
    let verified = provider.verify(headers, body, shop.clock.now()).inspect_err(|error| {
        metrics::counter!("webhook_signature_failures_total", "reason" => error.reason()).increment(1);
        // A request without any of our secrets says nothing about our configuration.
        if matches!(error, SignatureError::Mismatch | SignatureError::Stale) {
            shop.signature_stats.record_bad(*error, shop.clock.now());
        }
        if let Some(suppressed) = shop.log_limiter.allow(error.reason()) {
            tracing::warn!(reason = error.reason(), suppressed, "webhook rejected: its signature is invalid");
        }
    })?;
    shop.signature_stats.record_good(shop.clock.now());
    fail_point!(WEBHOOK_VERIFIED);
    let Some(_permit) = shop.concurrency.acquire_webhook().await else {
        metrics::counter!("requests_refused_total", "reason" => "busy_webhooks").increment(1);
        if let Some(suppressed) = shop.log_limiter.allow("busy webhooks") {
            tracing::warn!(suppressed, "webhook rejected: too many are in progress; the provider will resend it");
        }
        return Err(WebhookError::Busy);
    };
    process_event(shop, provider, verified).await?;
    Ok(())
}

/// Processes one verified event, from a webhook or from reconciliation. Returns once it is durable:
/// the change that it made, or `None` when it was stored for a retry.
pub(crate) async fn process_event(
    shop: &Shop,
    provider: &dyn PaymentProvider,
    verified: VerifiedEvent,
) -> Result<Option<Applied>, WebhookError> {
    let (event_id, event_type, body) = verified.into_parts();
    let delivery = WebhookEvent { provider: provider.id(), event_id, event_type, body };
    let failure = match apply(shop, provider, &delivery).await {
        Ok(applied) => return Ok(Some(applied)),
        Err(failure) => failure,
    };
    // An unreachable store cannot store the event either. Trying would only delay the provider.
    let (failure, error) = match failure {
        Failure::Store(error @ StoreError::Unavailable(_)) => (error.to_string(), error),
        failure => {
            let next = (!failure.is_permanent()).then(|| shop.timing.retry_delay(backoff::event(1)));
            match store_failed(shop, &delivery, &failure, next).await {
                Ok(()) => return Ok(None),
                Err(error) => (failure.to_string(), error),
            }
        }
    };
    metrics::counter!("webhook_events_total", "result" => "not_stored").increment(1);
    tracing::error!(
        event = %delivery.event_id, failure, %error,
        "webhook event could not be stored; the provider will resend it"
    );
    Err(WebhookError::NotStored(error))
}

/// Applies an event: writes the log row, the preorder's change and the outbox rows together. A
/// panic is one kind of failure.
async fn apply(shop: &Shop, provider: &dyn PaymentProvider, delivery: &WebhookEvent) -> Result<Applied, Failure> {
    let applied = AssertUnwindSafe(apply_uncaught(shop, provider, delivery))
        .catch_unwind()
        .await
        .unwrap_or(Err(Failure::Panic))?;
    let result = match &applied {
        Applied::Duplicate => "duplicate",
        Applied::Ignored(_) => EventStatus::Ignored.as_str(),
        Applied::Unchanged(_) => "unchanged",
        Applied::Changed(_) => "applied",
    };
    metrics::counter!("webhook_events_total", "result" => result).increment(1);
    tracing::info!(event = %delivery.event_id, kind = delivery.event_type, result, "webhook event processed");
    Ok(applied)
}

async fn apply_uncaught(
    shop: &Shop,
    provider: &dyn PaymentProvider,
    delivery: &WebhookEvent,
) -> Result<Applied, Failure> {
    let event = provider.decode(&delivery.body)?;
    if event.livemode.is_some_and(|livemode| livemode != provider.livemode()) {
        metrics::counter!("webhook_livemode_mismatches_total").increment(1);
        tracing::warn!(event = %delivery.event_id, livemode = event.livemode, "webhook event of the other mode ignored");
        return Ok(
            record_ignored(shop, delivery, "an event of the other mode (test or live)", &Mentions::default()).await?
        );
    }
    let source = Source { provider: provider.id(), event: Some(delivery), at: event.created, dry_run: false };
    Ok(match &event.occurrence {
        Occurrence::Other => record_ignored(shop, delivery, "nothing to do for this type", &event.mentions).await?,
        Occurrence::PaymentUpdate(update) => apply_update(shop, source, update).await?,
        Occurrence::Mirror(mirror) => apply_mirror(shop, source, mirror).await?,
    })
}

/// Stores an event that could not be applied, so that it can be acknowledged. It is retried after
/// `next`, or parked if that is `None`.
async fn store_failed(
    shop: &Shop,
    delivery: &WebhookEvent,
    failure: &Failure,
    next: Option<std::time::Duration>,
) -> Result<(), StoreError> {
    shop.store.record_failure(delivery, &failure.to_string(), next).await?;
    let result = EventStatus::after_failure(next.is_some()).as_str();
    metrics::counter!("webhook_events_total", "result" => result).increment(1);
    if next.is_some() {
        tracing::warn!(event = %delivery.event_id, kind = delivery.event_type, %failure, "webhook event failed; it will be retried");
    } else {
        tracing::error!(
            event = %delivery.event_id, kind = delivery.event_type, %failure,
            "webhook event parked; repair the cause, then resend the event at the provider"
        );
    }
    Ok(())
}
