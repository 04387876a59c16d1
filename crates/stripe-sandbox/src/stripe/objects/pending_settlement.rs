//! A delayed payment whose outcome is not known yet.

use super::DelayedOutcome;

/// A delayed payment that is due to settle.
pub(crate) struct PendingSettlement {
    pub(crate) intent: String,
    pub(crate) due_millis: u128,
    pub(crate) settled: DelayedOutcome,
}
