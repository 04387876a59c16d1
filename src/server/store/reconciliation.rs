//! The part of the store's contract that reconciliation keeps its progress and its findings in.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::payment::ProviderId;

/// The progress of reconciliation, and the differences that it could not explain.
#[async_trait]
pub trait Reconciliation: Send + Sync {
    /// Returns how far this list of this provider was compared; `None` when it never was.
    async fn reconcile_cursor(&self, provider: ProviderId, scope: &str) -> Result<Option<ReconcileCursor>, StoreError>;

    /// Stores how far this list of this provider was compared.
    async fn set_reconcile_cursor(
        &self,
        provider: ProviderId,
        scope: &str,
        cursor: &ReconcileCursor,
    ) -> Result<(), StoreError>;

    /// Lists the open differences of a provider, the oldest first, at most 1,000.
    async fn open_differences(&self, provider: ProviderId) -> Result<Vec<OpenDifference>, StoreError>;

    /// Stores a difference. An open one of the same object stays, with the newer description.
    async fn record_difference(&self, provider: ProviderId, open: &OpenDifference) -> Result<(), StoreError>;

    /// Removes the difference of this object, if there is one.
    async fn remove_difference(&self, provider: ProviderId, id: &str) -> Result<(), StoreError>;
}

/// A difference between the shop's records and a provider's that is still open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenDifference {
    /// The list in which it was found.
    pub scope: String,
    /// The provider's id of the object.
    pub id: String,
    /// The number of the order that it is about, where that is known.
    pub number: Option<String>,
    /// What differs, for a person.
    pub what: String,
}

/// How far a list at a provider was compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReconcileCursor {
    /// Everything that began before was compared.
    pub until: OffsetDateTime,
    /// A pass that was interrupted: when it began, and its cursor in the provider's list.
    pub interrupted: Option<(OffsetDateTime, Option<String>)>,
}
