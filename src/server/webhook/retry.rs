//! The worker that applies kept events again: with backoff, and parks them in the end.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Failure, apply, store_failed};
use crate::{
    chaos::{self, Point},
    server::{
        backoff,
        state::Shop,
        store::StoreError,
        worker::{self, Progress},
    },
};

/// How many tries an event gets: about a day, by the pauses between them.
const MAX_ATTEMPTS: u32 = 30;

/// How long one try may hold its event before another worker may take it.
const LEASE: Duration = Duration::from_mins(1);

/// How long the worker sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(1);

/// Tries the event that is due first.
pub async fn retry_next(shop: &Shop) -> Result<Progress, StoreError> {
    let Some(leased) = shop.store.lease_event(chaos::lease(LEASE)).await? else {
        return Ok(Progress::Idle);
    };
    chaos::pass(Point::EventLeased);
    let delivery = &leased.delivery;
    let Some(provider) = shop.payments.by_id(delivery.provider) else {
        shop.store.keep_event(delivery, "its provider is not set up", None).await?;
        return Ok(Progress::Worked);
    };
    if let Err(failure) = apply(shop, provider.as_ref(), delivery).await {
        let permanent = failure.is_permanent()
            || (leased.attempts >= MAX_ATTEMPTS && !matches!(failure, Failure::Store(StoreError::Unavailable(_))));
        store_failed(shop, delivery, &failure, (!permanent).then(|| chaos::pause(backoff::event(leased.attempts))))
            .await?;
    }
    Ok(Progress::Worked)
}

/// Works until the end.
pub async fn run(shop: &Shop, end: CancellationToken) {
    worker::run("kept events", &shop.work, IDLE.max(shop.store.rest()), end, || retry_next(shop)).await;
}
