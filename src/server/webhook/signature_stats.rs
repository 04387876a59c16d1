//! Counts the webhook signatures that this process has verified, for `rolitt doctor`. The counts
//! are in memory: they describe this process only.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::server::payments::SignatureError;

/// Counters of good and bad signatures.
#[derive(Default)]
pub struct SignatureStats(Mutex<SignatureCounts>);

/// The counts since the process started. Times are Unix seconds.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignatureCounts {
    pub good: u64,
    pub last_good_at: Option<i64>,
    pub bad: u64,
    pub last_bad_at: Option<i64>,
    /// The [`SignatureError::reason`] of the last bad signature.
    pub last_bad_reason: Option<String>,
}

impl SignatureStats {
    /// Counts a good signature at the time `at`.
    pub(crate) fn record_good(&self, at: OffsetDateTime) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.good += 1;
        counts.last_good_at = Some(at.unix_timestamp());
    }

    /// Counts a bad signature at the time `at`.
    pub(crate) fn record_bad(&self, error: SignatureError, at: OffsetDateTime) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.bad += 1;
        counts.last_bad_at = Some(at.unix_timestamp());
        counts.last_bad_reason = Some(error.reason().to_owned());
    }

    /// Returns a copy of the current counts.
    pub(crate) fn snapshot(&self) -> SignatureCounts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
