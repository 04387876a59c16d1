//! The part of the store's contract that takes away what is personal: for one customer who asks, and by age. Rows stay, with their
//! names and their money, so that nothing is ever done twice because it was forgotten.

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::{
    lifecycle::{Change, OrderState},
    payment::SessionId,
    preorder::{Preorder, PreorderNumber},
};

#[async_trait]
pub trait Privacy: Send + Sync {
    /// Erases one order as `decide` says: its row, the bodies and addresses of its closed events, and its messages, of which those
    /// that were not sent are withdrawn. `None` when there is no such order. Safe to repeat, and safe beside everything else that
    /// is told of the order.
    async fn erase(&self, erasure: Erasure<'_>) -> Result<Option<Erased>, StoreError>;

    /// Takes the bodies and addresses out of those of these events that are closed; out of parked ones too, where that is said, which are
    /// then past being applied. Answers how many had any.
    async fn erase_events(&self, events: &[String], parked: bool) -> Result<u64, StoreError>;

    /// Takes address and name out of these copies of customers, for ever. Answers how many were not erased before.
    async fn erase_customers(&self, customers: &[String]) -> Result<u64, StoreError>;

    /// As `erase_events`, of at most `limit` events that were closed longer ago than `age`, the oldest first. Less than `limit` means
    /// that there are no more.
    async fn forget_events(&self, age: Duration, limit: u32) -> Result<u64, StoreError>;

    /// Empties the bodies of at most `limit` messages that were sent, or withdrawn, longer ago than `age`. Less than `limit` means that
    /// there are no more.
    async fn forget_messages(&self, age: Duration, limit: u32) -> Result<u64, StoreError>;

    /// Orders that are over (delivered, refunded, cancelled or not paid) and untouched for longer than `age`, the longest first; those
    /// after `after`, at most `limit`. Orders that are erased may be among them.
    async fn orders_over(&self, age: Duration, after: Option<&Over>, limit: u32) -> Result<Vec<Over>, StoreError>;
}

/// One order to be erased.
pub struct Erasure<'a> {
    pub number: &'a PreorderNumber,
    pub decide: &'a (dyn Fn(&OrderState) -> Change + Send + Sync),
    /// Whether everything is undone at the end: what would be erased is told, and nothing is.
    pub dry_run: bool,
}

/// What became of one order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Erased {
    /// Nothing was changed, and why.
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
pub struct Over {
    pub number: PreorderNumber,
    pub session: SessionId,
    /// When it was last changed.
    pub touched: OffsetDateTime,
    pub erased: bool,
}
