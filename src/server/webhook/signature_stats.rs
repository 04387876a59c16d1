//! What this process has seen of webhook signatures lately, for `rolitt doctor`. In memory: it is about now.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::server::payments::SignatureError;

/// Signatures, good and bad.
#[derive(Default)]
pub struct SignatureStats(Mutex<SignatureCounts>);

/// What was seen since the process started. Times are unix seconds.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignatureCounts {
    pub good: u64,
    pub last_good_at: Option<i64>,
    pub bad: u64,
    pub last_bad_at: Option<i64>,
    /// [`SignatureError::reason`] of the last bad one.
    pub last_bad_reason: Option<String>,
}

impl SignatureStats {
    pub fn record_good(&self, at: OffsetDateTime) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.good += 1;
        counts.last_good_at = Some(at.unix_timestamp());
    }

    pub fn record_bad(&self, error: SignatureError, at: OffsetDateTime) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.bad += 1;
        counts.last_bad_at = Some(at.unix_timestamp());
        counts.last_bad_reason = Some(error.reason().to_owned());
    }

    pub fn snapshot(&self) -> SignatureCounts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
