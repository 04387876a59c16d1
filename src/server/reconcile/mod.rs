//! Use case: the books are compared with the provider's, whatever became of its webhooks. What the provider lists is told to the
//! same function as an event, so that comparing repairs; what still differs after that is counted, and needs a person.
//!
//! A cycle is safe beside live webhooks and beside itself: one instance at a time holds a lease, and every page leaves a mark
//! from which the next run goes on.

mod cycle;
mod passes;
mod throttle;

use std::{fmt, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;
use serde::Serialize;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use self::cycle::Cycle;
use super::{payments::PaymentError, state::Shop, store::StoreError};
use crate::domain::payment::ProviderId;

/// How a comparison is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReconcileOptions {
    /// How far back to look, instead of from the last mark on; the mark is left alone then.
    pub since: Option<Duration>,
    /// Whether nothing is changed: differences are found, and stay.
    pub dry_run: bool,
}

/// What a cycle found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReconcileReport {
    pub scopes: Vec<ScopeReport>,
    /// What differed, most of it repaired; at most [`ReconcileReport::MAX_LISTED`] are listed.
    pub differences: Vec<Difference>,
    /// Differences that nothing explains and nothing repaired: normally 0.
    pub unexplained: u64,
}

impl ReconcileReport {
    pub const MAX_LISTED: usize = 1000;
}

/// One list at the provider, compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScopeReport {
    pub provider: &'static str,
    pub scope: Scope,
    pub compared: u64,
    pub differed: u64,
    pub unexplained: u64,
    /// Why the comparison could not be finished; the next one goes on from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl ScopeReport {
    const fn begin(provider: ProviderId, scope: Scope) -> Self {
        Self { provider: provider.as_str(), scope, compared: 0, differed: 0, unexplained: 0, failure: None }
    }
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Events,
    Sessions,
    Refunds,
    Disputes,
    /// Our own rows, looked for at the provider.
    Preorders,
    /// What was open before, looked at again.
    #[serde(rename = "again")]
    Recheck,
}

impl Scope {
    /// How far before the last mark a list is read again: a session may be finished a day after it began (Stripe's bound), and
    /// clocks differ.
    const fn overlap(self) -> Duration {
        match self {
            Self::Sessions => Duration::from_hours(25),
            _ => Duration::from_hours(1),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Events => "events",
            Self::Sessions => "sessions",
            Self::Refunds => "refunds",
            Self::Disputes => "disputes",
            Self::Preorders => "preorders",
            Self::Recheck => "again",
        })
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub scope: Scope,
    /// The provider's id, or ours.
    pub id: String,
    /// The order it is about, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    pub what: String,
    pub end: Resolution,
}

/// What became of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    Repaired,
    /// In a rehearsal: it would be repaired.
    Found,
    /// Nothing explains it and nothing repaired it. It stays open until a later comparison finds that it agrees.
    Unexplained,
}

/// Why a cycle did not take place at all.
#[derive(Debug, Error)]
pub enum ReconcileError {
    #[error("another instance is comparing the books right now; try again in a few minutes")]
    Busy,
    /// The next one goes on from the last page.
    #[error("the process ended before the comparison did")]
    Ended,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Provider(#[from] PaymentError),
}

/// Compares the books with those of every provider.
pub async fn reconcile(shop: &Shop, options: ReconcileOptions) -> Result<ReconcileReport, ReconcileError> {
    let mut report = ReconcileReport::default();
    for provider in shop.payments.all().filter(|provider| provider.keeps_books()) {
        Cycle::begin(shop, provider.as_ref(), options, &mut report).await?.run().await?;
    }
    let backlog = shop.store.backlog().await?;
    // What is open from before counts as well; so does money of this shop that never found its order.
    let open = u64::try_from(backlog.differences_open).unwrap_or_default();
    let found = report.scopes.iter().map(|scope| scope.unexplained).sum::<u64>();
    let orphans = u64::try_from(backlog.payments_without_preorder).unwrap_or_default();
    report.unexplained = orphans + if options.dry_run { found } else { open };
    if !options.dry_run && options.since.is_none() {
        publish(shop, &report);
    }
    Ok(report)
}

fn publish(shop: &Shop, report: &ReconcileReport) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; these are far below 2^52")]
    let set = |name: &'static str, value: u64| metrics::gauge!(name).set(value as f64);
    if report.scopes.iter().all(|scope| scope.failure.is_none()) {
        set("reconcile_last_success_timestamp_seconds", shop.clock.now().unix_timestamp().unsigned_abs());
    }
    for scope in &report.scopes {
        metrics::counter!("reconcile_differences_total", "scope" => scope.scope.to_string()).increment(scope.differed);
    }
    if report.unexplained > 0 {
        tracing::error!(
            unexplained = report.unexplained,
            "the books differ from the provider's, and nothing explains it"
        );
    }
}

/// Compares every `every`, until the end; the first time soon after the start.
pub async fn run(shop: &Shop, every: Duration, end: CancellationToken) {
    const FIRST: Duration = Duration::from_secs(5);
    let mut wait = every.min(FIRST);
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = every;
        // It ends by itself at the end, and gives its lease back.
        let Ok(compared) = AssertUnwindSafe(reconcile(shop, ReconcileOptions::default())).catch_unwind().await else {
            tracing::error!("a comparison of the books panicked; the next one is made in its time");
            continue;
        };
        match compared {
            Ok(report) => {
                let repaired =
                    report.differences.iter().filter(|difference| difference.end == Resolution::Repaired).count();
                tracing::info!(repaired, unexplained = report.unexplained, "books compared");
            }
            Err(ReconcileError::Ended) => return,
            Err(ReconcileError::Busy) => tracing::debug!("another instance compares the books"),
            Err(error) => tracing::warn!(%error, "the books could not be compared; trying again next time"),
        }
    }
}
