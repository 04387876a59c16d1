//! Use case: compares the shop's records with each provider's, whether or not webhooks arrived.
//! What the provider lists goes through the same function as an event, so a comparison also
//! repairs. What still differs after that is counted, and needs a person.
//!
//! A cycle may run at the same time as webhooks and as another cycle: one instance at a time holds
//! the lease, and after every page a cursor is saved, from which the next run continues.

mod cycle;
mod object_list;
mod passes;
mod throttle;

use std::{fmt, panic::AssertUnwindSafe, str::FromStr, time::Duration};

use futures::FutureExt as _;
use serde::Serialize;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use self::cycle::Cycle;
use super::{payments::PaymentError, state::Shop, store::StoreError};
use crate::domain::payment::ProviderId;

/// How to compare.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReconcileOptions {
    /// How far back to read, instead of from the saved cursor. The cursor is not changed then.
    pub since: Option<Duration>,
    /// Whether to report differences and change nothing.
    pub dry_run: bool,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReconcileReport {
    pub scopes: Vec<ScopeReport>,
    /// The differences, most of them repaired. At most [`ReconcileReport::MAX_LISTED`] are listed.
    pub differences: Vec<Difference>,
    /// The number of differences that are unexplained and not repaired: normally 0.
    pub unexplained: u64,
}

impl ReconcileReport {
    /// The most differences that a report lists.
    pub(crate) const MAX_LISTED: usize = 1000;
}

/// The result of comparing one list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScopeReport {
    pub provider: &'static str,
    pub scope: Scope,
    pub compared: u64,
    pub differed: u64,
    pub unexplained: u64,
    /// Why the list could not be compared to its end. The next comparison continues there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl ScopeReport {
    const fn begin(provider: ProviderId, scope: Scope) -> Self {
        Self { provider: provider.as_str(), scope, compared: 0, differed: 0, unexplained: 0, failure: None }
    }
}

/// A list that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Events,
    Sessions,
    Refunds,
    Disputes,
    /// The shop's own orders, looked up at the provider.
    Preorders,
    /// Differences that were open before.
    #[serde(rename = "again")]
    Recheck,
}

impl Scope {
    /// All lists, in the order in which they are compared.
    const ALL: [Self; 6] =
        [Self::Events, Self::Sessions, Self::Refunds, Self::Disputes, Self::Preorders, Self::Recheck];

    /// Returns the name under which cursors and differences of this list are stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Sessions => "sessions",
            Self::Refunds => "refunds",
            Self::Disputes => "disputes",
            Self::Preorders => "preorders",
            Self::Recheck => "again",
        }
    }

    /// How far before the saved cursor a list is read again. A session may be finished a day after
    /// it began (Stripe's bound for `expires_at`), and clocks differ.
    const fn overlap(self) -> Duration {
        match self {
            Self::Sessions => Duration::from_hours(25),
            _ => Duration::from_hours(1),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no list that this program compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("no such list")]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name).ok_or(UnknownScope)
    }
}

/// One difference between the shop and a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub scope: Scope,
    /// The id of the object at the provider.
    pub id: String,
    /// The number of the order, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    pub what: String,
    pub end: Resolution,
}

/// What reconciliation did about a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    Repaired,
    /// A dry run found it. A real run would repair it.
    Found,
    /// Nothing explains it and nothing repaired it. It stays open until a later comparison finds
    /// that both sides agree.
    Unexplained,
}

/// Why a comparison ended early.
#[derive(Debug, Error)]
pub enum ReconcileError {
    #[error("another instance is reconciling right now; try again in a few minutes")]
    Busy,
    /// The next run continues after the last page.
    #[error("the process ended before the reconciliation did; the next run continues")]
    Ended,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Provider(#[from] PaymentError),
}

/// Compares the shop's records with those of every provider, and repairs what differs.
pub async fn reconcile(shop: &Shop, options: ReconcileOptions) -> Result<ReconcileReport, ReconcileError> {
    let mut report = ReconcileReport::default();
    for provider in shop.payments.all().filter(|provider| provider.keeps_books()) {
        Cycle::begin(shop, provider.as_ref(), options, &mut report).await?.run().await?;
    }
    let backlog = shop.store.backlog().await?;
    // Differences from earlier cycles count, too, and so do payments without an order.
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
            "reconciliation found unexplained differences; see `rolitt reconcile --dry-run`"
        );
    }
}

/// Compares soon after the start and then at every interval, until `end` is cancelled.
pub async fn run(shop: &Shop, every: Duration, end: CancellationToken) {
    const FIRST: Duration = Duration::from_secs(5);
    let mut wait = every.min(FIRST);
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = every;
        // The comparison itself ends with the process, and releases its lease.
        let Ok(compared) = AssertUnwindSafe(reconcile(shop, ReconcileOptions::default())).catch_unwind().await else {
            tracing::error!("reconciliation panicked; the next one starts on schedule");
            continue;
        };
        match compared {
            Ok(report) => {
                let repaired =
                    report.differences.iter().filter(|difference| difference.end == Resolution::Repaired).count();
                tracing::info!(repaired, unexplained = report.unexplained, "reconciliation finished");
            }
            Err(ReconcileError::Ended) => return,
            Err(ReconcileError::Busy) => tracing::debug!("another instance is reconciling"),
            Err(error) => tracing::warn!(%error, "reconciliation failed; the next one starts on schedule"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_each_scope_parses_and_is_the_one_in_json() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
        assert_eq!("charges".parse::<Scope>(), Err(UnknownScope));
    }
}
