//! The part of the store's contract that moving a shop stands on: its rows, read and written as they are. Nothing is decided here,
//! and nothing is ever taken away.
//!
//! Beside a table's own columns (the surrogate ids of `webhook_logs` and `outbox` and the derived `raw_data` left out), a row
//! carries what the other store keeps with it: a preorder's `klaviyo_event_sent`; a payment's `session_id` (of its oldest
//! preorder), `refund_ids` and `dispute_ids` (in the order of their ids).

use async_trait::async_trait;

use super::{
    StoreError,
    record::{Row, Table},
};

#[async_trait]
pub trait Archive: Send + Sync {
    /// What there is of this table after the place `after`, in the store's own order; at most `limit` rows.
    async fn export(&self, table: Table, after: Option<&str>, limit: u32) -> Result<Page, StoreError>;

    /// The rows of these keys, those that are there.
    async fn rows(&self, table: Table, keys: &[String]) -> Result<Vec<Entry>, StoreError>;

    /// Writes these rows of one table, in place of those of the same keys, with everything that the store keeps beside them. Answers those
    /// that it refuses (a number that another order has); the others are written.
    async fn import(&self, table: Table, rows: &[Row]) -> Result<Vec<Unread>, StoreError>;

    async fn count(&self, table: Table) -> Result<u64, StoreError>;

    /// How far rows from `origin` were copied into this store: the place there of the last row of this table that was.
    async fn place(&self, origin: &str, table: Table) -> Result<Option<String>, StoreError>;

    /// Keeps the place; `None` forgets it.
    async fn set_place(&self, origin: &str, table: Table, place: Option<&str>) -> Result<(), StoreError>;
}

/// One page of a table.
#[derive(Debug, Default)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// Where the last row stands in the store's own order, to go on after it. Not its key: a store may call its rows otherwise.
    pub last: Option<String>,
    /// Whether there may be more.
    pub more: bool,
}

impl Page {
    /// After which place the next page begins; `None` when there is nothing more.
    pub fn next(&self) -> Option<String> {
        self.last.clone().filter(|_| self.more)
    }
}

/// A row, or why there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    Row(Row),
    Unreadable(Unread),
}

/// A row that cannot be read, or not be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    pub key: String,
    /// Names columns, never what is in them.
    pub why: String,
}

impl Entry {
    pub fn key(&self) -> String {
        match self {
            Self::Row(row) => row.key(),
            Self::Unreadable(unread) => unread.key.clone(),
        }
    }
}
