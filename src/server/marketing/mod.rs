//! The contract with marketing: an event is made once, as bytes, and those bytes are sent until somebody has them.
//!
//! Nothing here knows the store or the payment provider. Which moment deserves an event is the use cases' business.

pub mod klaviyo;

use std::time::Duration;

use thiserror::Error;

/// An event, frozen: every attempt sends the same bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct MarketingEvent {
    /// The receiver's key against doubles: the same for ever for the same occurrence.
    pub unique_id: String,
    pub body: Vec<u8>,
}

/// Why an event was not taken.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MarketingError {
    /// No answer, or "later": this event may go through at another time.
    #[error("not accepted at the moment: {0}")]
    Again(String),
    /// Nothing more may be sent for this long.
    #[error("rate limited by the receiver")]
    Throttled { retry_after: Duration },
    /// The key is not accepted: nothing can be sent until somebody mends it.
    #[error("the API key is rejected: {0}; set a valid key")]
    Refused(String),
    /// This event will never be taken.
    #[error("rejected for good: {0}")]
    Final(String),
}
