//! The part of the store's contract that reconciliation and the merchant's commands stand on: lists, marks and leases.

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{LeaseToken, Purchase, StoreError};
use crate::domain::{
    payment::{DisputeId, ProviderId, RefundId},
    preorder::{PreorderNumber, PreorderStatus},
};

#[async_trait]
pub trait Books: Send + Sync {
    /// Purchases, newest first, at most `limit`.
    async fn purchases(&self, filter: &PreorderFilter, limit: u32) -> Result<Vec<Purchase>, StoreError>;

    /// Refunds that are neither through nor failed, oldest first.
    async fn waiting_refunds(&self, provider: ProviderId, limit: u32) -> Result<Vec<RefundId>, StoreError>;

    /// Disputes that are not over, the most urgent first.
    async fn open_disputes(&self, provider: ProviderId, limit: u32) -> Result<Vec<DisputeId>, StoreError>;

    async fn mark(&self, provider: ProviderId, scope: &str) -> Result<Option<Mark>, StoreError>;

    async fn set_mark(&self, provider: ProviderId, scope: &str, mark: &Mark) -> Result<(), StoreError>;

    async fn open_differences(&self, provider: ProviderId) -> Result<Vec<OpenDifference>, StoreError>;

    /// Keeps a difference; one of the same object stays, with what was found last.
    async fn note_difference(&self, provider: ProviderId, open: &OpenDifference) -> Result<(), StoreError>;

    async fn drop_difference(&self, provider: ProviderId, id: &str) -> Result<(), StoreError>;

    /// Takes, or goes on with, the lease of this name; `false` while somebody else holds it.
    async fn take_lease(&self, name: &str, token: &LeaseToken, lease: Duration) -> Result<bool, StoreError>;

    /// Gives a lease back; nothing happens when it is not held.
    async fn drop_lease(&self, name: &str, token: &LeaseToken) -> Result<(), StoreError>;
}

/// A difference between our books and a provider's that is still open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenDifference {
    /// The list in which it was found.
    pub scope: String,
    /// The provider's id of the object.
    pub id: String,
    pub number: Option<String>,
    pub what: String,
}

/// Which preorders are asked for; an empty filter means all.
#[derive(Clone, Debug, Default)]
pub struct PreorderFilter {
    pub status: Option<PreorderStatus>,
    pub in_review: bool,
    pub provider: Option<ProviderId>,
    pub email: Option<String>,
    pub since: Option<OffsetDateTime>,
    /// Only those older than this one: the next page.
    pub after: Option<PreorderNumber>,
}

/// How far a list at a provider was compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Everything that began before was compared.
    pub until: OffsetDateTime,
    /// A pass that was interrupted: when it began, and its place in the provider's list.
    pub passing: Option<(OffsetDateTime, Option<String>)>,
}
