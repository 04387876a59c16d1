//! The part of the store's contract that a store copy rests on: rows, read and written as they are.
//! Nothing is decided here, and nothing is ever deleted.
//!
//! A row has the columns of its table, except the surrogate ids of `webhook_logs` and `outbox` and
//! the derived `raw_data`. It also has what Firestore stores with it and PostgreSQL derives: a
//! preorder's `klaviyo_event_sent`; a payment's `session_id` (of its oldest preorder), `refund_ids`
//! and `dispute_ids` (in the order of their ids).

use async_trait::async_trait;

use super::{
    StoreError,
    record::{Row, Table},
};

/// Whole rows, out and in, and the cursors of a store copy.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Returns at most `limit` rows of this table after the cursor `after`, in the store's own
    /// order.
    async fn export(&self, table: Table, after: Option<&str>, limit: u32) -> Result<Page, StoreError>;

    /// Returns the rows of these keys. A key without a row has no entry.
    async fn rows(&self, table: Table, keys: &[String]) -> Result<Vec<Entry>, StoreError>;

    /// Writes these rows of one table, in place of those of the same keys, with everything that the
    /// store derives from them. Returns the rows that it rejects (a number that another order has);
    /// the others are written.
    async fn import(&self, table: Table, rows: &[Row]) -> Result<Vec<RowProblem>, StoreError>;

    /// Counts the rows of this table.
    async fn count(&self, table: Table) -> Result<u64, StoreError>;

    /// Returns how far rows of this table were copied from `origin` into this store: the cursor at
    /// `origin` of the last one that was.
    async fn copy_cursor(&self, origin: &str, table: Table) -> Result<Option<String>, StoreError>;

    /// Stores the cursor; `None` removes it.
    async fn set_copy_cursor(&self, origin: &str, table: Table, cursor: Option<&str>) -> Result<(), StoreError>;
}

/// One page of a table.
#[derive(Debug, Default)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// The cursor of the last row in the store's own order. It is not the row's key: a store may
    /// have another name for its rows.
    pub last: Option<String>,
    /// Whether there may be more.
    pub more: bool,
}

impl Page {
    /// Returns the cursor after which the next page begins; `None` when there are no more rows.
    pub fn next(&self) -> Option<String> {
        self.last.clone().filter(|_| self.more)
    }
}

/// A row, or reason there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    Row(Row),
    Unreadable(RowProblem),
}

/// A row that cannot be read, or that cannot be written, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowProblem {
    pub key: String,
    /// Names columns, never their content.
    pub reason: String,
}

impl Entry {
    /// Returns the key of the row.
    pub fn key(&self) -> String {
        match self {
            Self::Row(row) => row.key(),
            Self::Unreadable(problem) => problem.key.clone(),
        }
    }
}
