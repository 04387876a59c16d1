//! Use case: removes personal data by age, every hour, in small batches, on one instance at a time.
//! A message or an event that is still to be handled keeps its body at any age. Every row stays, so
//! that a repeat is always recognized.

use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::erasure::{self, ErasureOptions};
use crate::server::{
    config::Retention,
    state::Shop,
    store::{Erased, FinishedOrder, LeaseToken, StoreError},
    worker::{self, Progress},
};

/// The pause between two runs.
const INTERVAL: Duration = Duration::from_hours(1);

/// The length of the lease: longer than any batch takes.
const LEASE: Duration = Duration::from_mins(2);

const NAME: &str = "retention";

/// Rows of one step in the store, and orders of a page.
const BATCH: u32 = 100;

/// What one run erased.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ErasedCounts {
    pub events: u64,
    pub messages: u64,
    pub orders: u64,
}

/// Erases everything that is too old now. Returns zeros while another instance holds the lease.
pub async fn run_once(shop: &Shop, retention: Retention) -> Result<ErasedCounts, StoreError> {
    let run = Run { shop, token: shop.ids.lease_token() };
    let mut erased = ErasedCounts::default();
    if !run.hold_lease().await? {
        return Ok(erased);
    }
    let result = run.erase_all(retention, &mut erased).await;
    // Best effort: a lease that is not released expires.
    let _ = shop.store.release_lease(NAME, &run.token).await;
    if erased != ErasedCounts::default() {
        let ErasedCounts { events, messages, orders } = erased;
        tracing::info!(events, messages, orders, "personal data erased by age");
        for (what, count) in [("events", events), ("messages", messages), ("orders", orders)] {
            metrics::counter!("personal_data_forgotten_total", "what" => what).increment(count);
        }
    }
    result.map(|()| erased)
}

struct Run<'a> {
    shop: &'a Shop,
    token: LeaseToken,
}

impl Run<'_> {
    /// Extends the lease. Returns whether this instance may do the next batch.
    async fn hold_lease(&self) -> Result<bool, StoreError> {
        Ok(!self.shop.end.is_cancelled() && self.shop.store.acquire_lease(NAME, &self.token, LEASE).await?)
    }

    async fn erase_all(&self, retention: Retention, erased: &mut ErasedCounts) -> Result<(), StoreError> {
        let store = &self.shop.store;
        if let Some(age) = retention.raw
            && (!self.erase_batches(&mut erased.events, || store.erase_old_events(age, BATCH)).await?
                || !self.erase_batches(&mut erased.messages, || store.erase_old_messages(age, BATCH)).await?)
        {
            return Ok(());
        }
        match retention.personal {
            Some(age) => self.erase_orders(age, erased).await,
            None => Ok(()),
        }
    }

    /// Erases batch after batch until one is not full, and counts the rows in `erased`. Returns
    /// `false` if the lease was lost before.
    async fn erase_batches<F>(&self, erased: &mut u64, batch: impl Fn() -> F) -> Result<bool, StoreError>
    where
        F: Future<Output = Result<u64, StoreError>>,
    {
        loop {
            let rows = batch().await?;
            *erased += rows;
            if rows < u64::from(BATCH) {
                return Ok(true);
            }
            if !self.hold_lease().await? {
                return Ok(false);
            }
        }
    }

    async fn erase_orders(&self, age: Duration, erased: &mut ErasedCounts) -> Result<(), StoreError> {
        let mut after = None::<FinishedOrder>;
        while self.hold_lease().await? {
            let page = self.shop.store.finished_orders(age, after.as_ref(), BATCH).await?;
            for over in page.iter().filter(|over| !over.erased) {
                match erasure::erase_order(self.shop, &over.number, ErasureOptions::default()).await {
                    Ok(Some(Erased::Done { .. })) => erased.orders += 1,
                    // The order still needs its data. The next run tries again.
                    Ok(Some(Erased::Refused(reason))) => {
                        tracing::debug!(number = %over.number, reason, "order not erased yet");
                    }
                    Ok(None) => {}
                    Err(error) if error.retryable() => return Err(error),
                    // One failed order must not stop the others.
                    Err(error) => {
                        tracing::error!(number = %over.number, %error, "order could not be erased; the next run retries it");
                    }
                }
            }
            if page.len() < BATCH as usize {
                break;
            }
            after = page.into_iter().next_back();
        }
        Ok(())
    }
}

/// Runs every hour until `end` is cancelled.
pub async fn run(shop: &Shop, retention: Retention, end: CancellationToken) {
    // Never notified: a run is never urgent.
    let wake = Notify::new();
    worker::run(NAME, &wake, INTERVAL, end, || async { run_once(shop, retention).await.map(|_| Progress::Idle) }).await;
}
