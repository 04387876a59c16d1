//! The part of the store's contract that removes personal data: on a customer's request, and by
//! age. Rows stay, with their keys and amounts, so that nothing is ever done twice because its row
//! is gone.

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::{
    lifecycle::{Change, OrderState},
    payment::SessionId,
    preorder::{Preorder, PreorderNumber},
};

/// Erasure and retention.
#[async_trait]
pub trait Privacy: Send + Sync {
    /// Erases one order as `decide` says: its row, the bodies and addresses of its closed events,
    /// and its messages, of which those that were not sent are withdrawn. Returns `None` when there
    /// is no such order. Safe to repeat, and safe at the same time as any update of the order.
    async fn erase(&self, erasure: Erasure<'_>) -> Result<Option<Erased>, StoreError>;

    /// Removes the bodies and addresses of those of these events that are closed; with `parked`
    /// also of parked ones, which can then no longer be applied. Returns the number of events that
    /// had any.
    async fn erase_events(&self, events: &[String], parked: bool) -> Result<u64, StoreError>;

    /// Removes address and name from these copies of customers, for good. Returns the number of
    /// copies that were not erased before.
    async fn erase_customers(&self, customers: &[String]) -> Result<u64, StoreError>;

    /// Removes the bodies and addresses of at most `limit` events that were closed longer ago than
    /// `age`, the oldest first. A number below `limit` means that there are no more.
    async fn erase_old_events(&self, age: Duration, limit: u32) -> Result<u64, StoreError>;

    /// Empties the bodies of at most `limit` messages that were sent or withdrawn longer ago than
    /// `age`. A number below `limit` means that there are no more.
    async fn erase_old_messages(&self, age: Duration, limit: u32) -> Result<u64, StoreError>;

    /// Lists at most `limit` orders that are over (delivered, refunded, cancelled or not paid) and
    /// were not changed for longer than `age`, the longest first, beginning after `after`. Erased
    /// orders may be among them.
    async fn finished_orders(
        &self,
        age: Duration,
        after: Option<&FinishedOrder>,
        limit: u32,
    ) -> Result<Vec<FinishedOrder>, StoreError>;
}

/// One order to be erased.
pub struct Erasure<'a> {
    pub number: &'a PreorderNumber,
    /// Computes the erased state from the stored one.
    pub decide: &'a (dyn Fn(&OrderState) -> Change + Send + Sync),
    /// Whether everything is undone at the end: the step returns what would be erased.
    pub dry_run: bool,
}

/// What the erasure of one order came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Erased {
    /// Nothing was changed; says why.
    Refused(String),
    Done {
        preorder: Box<Preorder>,
        /// Closed events that had a body or an address.
        events: u64,
        /// Messages that had a body, or were still to be sent.
        messages: u64,
    },
}

/// An order that is over, as it was when it was listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FinishedOrder {
    pub number: PreorderNumber,
    pub session: SessionId,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
    pub erased: bool,
}
