//! The worker that retries stored events with backoff, and parks an event after its last attempt.

use std::time::Duration;

use failpoints::{fail_point, shop::EVENT_LEASED};
use tokio_util::sync::CancellationToken;

use super::{Failure, apply, store_failed};
use crate::server::{
    backoff,
    state::Shop,
    store::StoreError,
    worker::{self, Progress},
};

/// How many attempts an event gets: with the pauses between them, about a day.
const MAX_ATTEMPTS: u32 = 30;

/// The shortest pause of the worker when nothing is due.
const IDLE: Duration = Duration::from_secs(1);

/// Retries the event that is due first.
pub async fn retry_next(shop: &Shop) -> Result<Progress, StoreError> {
    let Some(leased) = shop.store.lease_event(shop.timing.lease).await? else {
        return Ok(Progress::Idle);
    };
    fail_point!(EVENT_LEASED);
    let delivery = &leased.event;
    let Some(provider) = shop.payments.by_id(delivery.provider) else {
        shop.store.record_failure(delivery, "its provider is not in PAYMENT_PROVIDERS", None).await?;
        return Ok(Progress::Worked);
    };
    if let Err(failure) = apply(shop, provider.as_ref(), delivery).await {
        let permanent = failure.is_permanent()
            || (leased.attempts >= MAX_ATTEMPTS && !matches!(failure, Failure::Store(StoreError::Unavailable(_))));
        let delay = (!permanent).then(|| shop.timing.retry_delay(backoff::event(leased.attempts)));
        store_failed(shop, delivery, &failure, delay).await?;
    }
    Ok(Progress::Worked)
}

/// Retries events until `end` is cancelled.
pub async fn run(shop: &Shop, end: CancellationToken) {
    worker::run("kept events", &shop.work, IDLE.max(shop.store.poll_interval()), end, || retry_next(shop)).await;
}
