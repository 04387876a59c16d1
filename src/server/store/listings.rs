//! The part of the store's contract that lists and counts: for the merchant's commands, for
//! reconciliation and for metrics.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{StoreError, StoredOrder};
use crate::domain::{
    payment::{DisputeId, ProviderId, RefundId},
    preorder::{PreorderNumber, PreorderStatus},
};

/// Lists and counts. Nothing here changes a row.
#[async_trait]
pub trait Listings: Send + Sync {
    /// Lists at most `limit` orders that the filter lets through, the newest first.
    async fn orders(&self, filter: &PreorderFilter, limit: u32) -> Result<Vec<StoredOrder>, StoreError>;

    /// Lists at most `limit` refunds that have neither succeeded nor failed, the oldest first.
    async fn waiting_refunds(&self, provider: ProviderId, limit: u32) -> Result<Vec<RefundId>, StoreError>;

    /// Lists at most `limit` disputes that are not over, the most urgent first.
    async fn open_disputes(&self, provider: ProviderId, limit: u32) -> Result<Vec<DisputeId>, StoreError>;

    /// Counts what waits, for the metrics.
    async fn backlog(&self) -> Result<Backlog, StoreError>;
}

/// Which preorders are listed. An empty filter lets all of them through.
#[derive(Clone, Debug, Default)]
pub struct PreorderFilter {
    pub status: Option<PreorderStatus>,
    /// Only those with an open review reason.
    pub in_review: bool,
    pub provider: Option<ProviderId>,
    /// In any case.
    pub email: Option<String>,
    /// Only those that were created at this time or later.
    pub since: Option<OffsetDateTime>,
    /// Only those that are older than this one: the next page.
    pub after: Option<PreorderNumber>,
}

/// What waits: rows by state, and the age of the oldest, in seconds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub events_waiting: i64,
    pub events_parked: i64,
    pub events_oldest_seconds: i64,
    pub messages_pending: i64,
    pub messages_parked: i64,
    pub messages_oldest_seconds: i64,
    pub preorders_in_review: i64,
    pub disputes_open: i64,
    /// Seconds until the evidence for the most urgent open dispute is due; 0 when it is due now, or
    /// when there is none.
    pub dispute_due_seconds: i64,
    /// Payments of this shop that succeeded more than ten minutes ago and have no preorder.
    pub payments_without_preorder: i64,
    /// Differences that reconciliation found and nothing explained.
    pub differences_open: i64,
}
