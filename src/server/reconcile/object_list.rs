//! Refunds and disputes, which reconciliation reads in the same way: the provider's list, then the
//! objects that are still open in the shop, one by one.

use std::fmt::Display;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::{
    domain::{
        lifecycle::PaymentUpdate,
        payment::{DisputeId, ProviderId, RefundId},
    },
    server::{
        payments::{
            Cursor, Page, PaymentError,
            capability::{Disputes, RefundFilter, Refunds},
        },
        store::{Store, StoreError},
    },
};

/// One kind of object that belongs to a payment.
#[async_trait]
pub(super) trait ObjectList: Send + Sync {
    type Id: Display + Send + Sync;

    /// The difference when the shop did not know an object of the list.
    const NOT_RECORDED: &'static str;

    /// The difference when an object that was open in the shop has changed.
    const CHANGED: &'static str;

    /// Returns a page of the provider's objects since `since`, each with its id.
    async fn list(
        &self,
        since: OffsetDateTime,
        from: Option<&Cursor>,
    ) -> Result<Page<(String, PaymentUpdate)>, PaymentError>;

    /// Returns one object as the provider has it now.
    async fn retrieve(&self, id: &Self::Id) -> Result<PaymentUpdate, PaymentError>;

    /// Returns the ids of at most `limit` objects that are open in the shop.
    async fn open(&self, store: &dyn Store, provider: ProviderId, limit: u32) -> Result<Vec<Self::Id>, StoreError>;
}

pub(super) struct RefundList<'a>(pub(super) &'a dyn Refunds);

#[async_trait]
impl ObjectList for RefundList<'_> {
    type Id = RefundId;

    const NOT_RECORDED: &'static str = "a refund was not recorded";
    const CHANGED: &'static str = "a refund had changed its status";

    async fn list(
        &self,
        since: OffsetDateTime,
        from: Option<&Cursor>,
    ) -> Result<Page<(String, PaymentUpdate)>, PaymentError> {
        let page = self.0.list(&RefundFilter { since: Some(since), intent: None }, from).await?;
        let items = page.items.into_iter().map(|refund| (refund.id.to_string(), PaymentUpdate::Refund(refund)));
        Ok(Page { items: items.collect(), unreadable: page.unreadable, next: page.next })
    }

    async fn retrieve(&self, id: &RefundId) -> Result<PaymentUpdate, PaymentError> {
        self.0.retrieve(id).await.map(PaymentUpdate::Refund)
    }

    async fn open(&self, store: &dyn Store, provider: ProviderId, limit: u32) -> Result<Vec<RefundId>, StoreError> {
        store.waiting_refunds(provider, limit).await
    }
}

pub(super) struct DisputeList<'a>(pub(super) &'a dyn Disputes);

#[async_trait]
impl ObjectList for DisputeList<'_> {
    type Id = DisputeId;

    const NOT_RECORDED: &'static str = "a dispute was not recorded";
    const CHANGED: &'static str = "a dispute had changed its status";

    async fn list(
        &self,
        since: OffsetDateTime,
        from: Option<&Cursor>,
    ) -> Result<Page<(String, PaymentUpdate)>, PaymentError> {
        let page = self.0.list(since, from).await?;
        let items = page.items.into_iter().map(|dispute| (dispute.id.to_string(), PaymentUpdate::Dispute(dispute)));
        Ok(Page { items: items.collect(), unreadable: page.unreadable, next: page.next })
    }

    async fn retrieve(&self, id: &DisputeId) -> Result<PaymentUpdate, PaymentError> {
        self.0.retrieve(id).await.map(PaymentUpdate::Dispute)
    }

    async fn open(&self, store: &dyn Store, provider: ProviderId, limit: u32) -> Result<Vec<DisputeId>, StoreError> {
        store.open_disputes(provider, limit).await
    }
}
