//! Why a step failed, sorted by whether the same step may succeed later.

use thiserror::Error;

/// Why a step failed. In each case nothing of the step was stored, except where the connection was
/// lost while it committed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store cannot be reached. The same step may succeed later.
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// The store took too long over this step, which was undone. The step may succeed later.
    #[error("the store was too busy: {0}")]
    Busy(String),
    /// The step lost a race (a deadlock, a serialization failure) and was undone. Retrying at once
    /// is right.
    #[error("the store undid a race: {0}")]
    Conflict(String),
    /// The store rejects the step as it is.
    #[error("the store refused: {0}")]
    Refused(String),
    /// The store rejects a value that its column's type does not take, such as JSON that `jsonb`
    /// cannot hold.
    #[error("the store refused: {0}")]
    InvalidData(String),
    /// A row does not read as what it should be. Names the column, never its content.
    #[error("unreadable row: {0}")]
    Unreadable(String),
    /// Every preorder number drawn was taken: the generator is broken, or the numbers are used up.
    #[error("no free preorder number was found")]
    NumbersExhausted,
}

impl StoreError {
    /// Whether the same step may succeed later.
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy(_) | Self::Conflict(_))
    }
}
