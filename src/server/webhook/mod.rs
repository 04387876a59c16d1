//! Use case: a provider tells what happened. Bytes in, status out: verify the bytes, store them with all that follows from
//! them in one transaction, then acknowledge. No network in here, and nothing that waits for marketing.

pub mod retry;

use std::panic::AssertUnwindSafe;

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures::FutureExt;
use thiserror::Error;

use super::{
    payments::{DecodeError, Occurrence, PaymentProvider},
    state::Shop,
    store::{Applied, Delivery, Effect, Message, MessageKind, PreorderEffect, Step, StoreError},
};
use crate::domain::preorder::{Preorder, SessionFacts, decide};

/// How often a step that lost a race inside the database is tried again before the event is kept for later.
const CONFLICT_TRIES: u32 = 3;

/// Why a webhook is not acknowledged; the provider is told the status and nothing else.
#[derive(Debug, Error)]
pub enum WebhookError {
    #[error("no such provider")]
    UnknownProvider,
    #[error("not signed by the provider: {0}")]
    Signature(#[from] super::payments::SignatureError),
    #[error("the event could not be stored: {0}")]
    NotStored(#[from] StoreError),
}

impl WebhookError {
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::UnknownProvider => StatusCode::NOT_FOUND,
            Self::Signature(_) => StatusCode::BAD_REQUEST,
            Self::NotStored(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Why a stored event was not applied.
#[derive(Debug, Error)]
enum Failure {
    #[error("{0}")]
    Decode(#[from] DecodeError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the program panicked")]
    Panic,
}

impl Failure {
    /// Whether a later try could end otherwise without a new version of the program.
    const fn hopeless(&self) -> bool {
        matches!(self, Self::Decode(DecodeError::NotAnEvent(_)))
    }
}

/// Takes one delivery. Returns once the event is durable: applied, or kept to be applied later.
pub async fn receive(shop: &Shop, provider: &str, headers: &HeaderMap, body: Bytes) -> Result<(), WebhookError> {
    let provider = shop.payments.by_name(provider).ok_or(WebhookError::UnknownProvider)?;
    let verified = provider.verify(headers, body, shop.clock.now()).inspect_err(|error| {
        metrics::counter!("webhook_signature_failures_total", "reason" => error.reason()).increment(1);
        tracing::warn!(reason = error.reason(), "webhook refused: not signed by the provider");
    })?;
    let (event_id, event_type, body) = verified.into_parts();
    let delivery = Delivery { provider: provider.id(), event_id, event_type, body };
    let Err(failure) = apply(shop, provider.as_ref(), &delivery).await else {
        return Ok(());
    };
    // A store that cannot be reached cannot keep it either; asking it again would only make the provider wait.
    let (failure, error) = match failure {
        Failure::Store(error @ StoreError::Unavailable(_)) => (error.to_string(), error),
        failure => {
            let next = (!failure.hopeless()).then(|| retry::pause(1));
            match keep(shop, &delivery, &failure, next).await {
                Ok(()) => return Ok(()),
                Err(error) => (failure.to_string(), error),
            }
        }
    };
    metrics::counter!("webhook_events_total", "result" => "not_stored").increment(1);
    tracing::error!(
        event = %delivery.event_id, failure, %error,
        "webhook event could not be stored; the provider will send it again"
    );
    Err(WebhookError::NotStored(error))
}

/// Applies an event: the log row, the preorder's change and the outbox rows, together. A panic is a failure like another.
async fn apply(shop: &Shop, provider: &dyn PaymentProvider, delivery: &Delivery) -> Result<Applied, Failure> {
    let applied = AssertUnwindSafe(apply_unguarded(shop, provider, delivery))
        .catch_unwind()
        .await
        .unwrap_or(Err(Failure::Panic))?;
    let result = match &applied {
        Applied::Duplicate => "duplicate",
        Applied::Ignored => "ignored",
        Applied::Unchanged(_) => "unchanged",
        Applied::Changed(_) => "applied",
    };
    metrics::counter!("webhook_events_total", "result" => result).increment(1);
    if let Applied::Changed(preorder) | Applied::Unchanged(preorder) = &applied {
        announce(preorder, result);
    }
    tracing::info!(event = %delivery.event_id, kind = delivery.event_type, result, "webhook event taken");
    Ok(applied)
}

async fn apply_unguarded(shop: &Shop, provider: &dyn PaymentProvider, delivery: &Delivery) -> Result<Applied, Failure> {
    let event = provider.decode(&delivery.body)?;
    if event.livemode.is_some_and(|livemode| livemode != provider.livemode()) {
        metrics::counter!("webhook_livemode_mismatches_total").increment(1);
        tracing::warn!(event = %delivery.event_id, livemode = event.livemode, "webhook event of the other mode ignored");
        let effect = || Effect::Ignore("an event of the other mode (test or live)");
        return Ok(persist(shop, Some(delivery), effect).await?);
    }
    match &event.occurrence {
        Occurrence::Other => Ok(persist(shop, Some(delivery), || Effect::Ignore("nothing to do for this type")).await?),
        Occurrence::Session(facts) => Ok(fulfil(shop, Some(delivery), facts, event.created).await?),
    }
}

/// What a checkout session's facts do, wherever they come from: a webhook, the return page. Safe to repeat and to run at the
/// same time.
pub async fn fulfil(
    shop: &Shop,
    delivery: Option<&Delivery>,
    facts: &SessionFacts,
    at: time::OffsetDateTime,
) -> Result<Applied, StoreError> {
    let deciding = |current: Option<&crate::domain::preorder::PreorderDetails>| decide(current, facts);
    let messages = |preorder: &Preorder| success_messages(shop, preorder, at);
    let effect = || {
        Effect::Preorder(PreorderEffect {
            session: &facts.session,
            decide: &deciding,
            messages: &messages,
            ids: shop.ids.as_ref(),
        })
    };
    let applied = persist(shop, delivery, effect).await?;
    if matches!(applied, Applied::Changed(_)) {
        shop.work.notify_waiters();
    }
    Ok(applied)
}

/// One step, repeated while the database says that it lost a race.
async fn persist<'a>(
    shop: &Shop,
    delivery: Option<&'a Delivery>,
    effect: impl Fn() -> Effect<'a> + Send + Sync,
) -> Result<Applied, StoreError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match shop.store.apply(Step { delivery, effect: effect() }).await {
            Err(StoreError::Conflict(_)) if tries < CONFLICT_TRIES => {}
            other => return other,
        }
    }
}

/// What a preorder that has just been paid causes outside. Nothing while a person must look at it first.
fn success_messages(shop: &Shop, preorder: &Preorder, at: time::OffsetDateTime) -> Vec<Message> {
    if shop.klaviyo.is_none() || preorder.details.review.is_some() {
        return Vec::new();
    }
    super::marketing::klaviyo::preorder_success(preorder, at)
        .map(|event| Message { kind: MessageKind::KlaviyoEvent, dedupe_key: event.unique_id, body: event.body })
        .into_iter()
        .collect()
}

/// The line that an operator follows a purchase by.
fn announce(preorder: &Preorder, result: &str) {
    let details = &preorder.details;
    tracing::info!(number = %preorder.number, status = details.status.as_str(), result, "preorder");
    if result == "applied" && details.review.is_some() {
        metrics::counter!("preorders_held_for_review_total").increment(1);
        tracing::error!(number = %preorder.number, reason = details.review.as_deref(), "a preorder needs review");
    }
}

/// Stores an event that could not be applied, so that it can be acknowledged.
async fn keep(
    shop: &Shop,
    delivery: &Delivery,
    failure: &Failure,
    next: Option<std::time::Duration>,
) -> Result<(), StoreError> {
    shop.store.keep_event(delivery, &failure.to_string(), next).await?;
    let result = if next.is_some() { "failed" } else { "parked" };
    metrics::counter!("webhook_events_total", "result" => result).increment(1);
    if next.is_some() {
        tracing::warn!(event = %delivery.event_id, kind = delivery.event_type, %failure, "webhook event kept, to be tried again");
    } else {
        tracing::error!(event = %delivery.event_id, kind = delivery.event_type, %failure, "webhook event parked: it needs a person");
    }
    Ok(())
}
