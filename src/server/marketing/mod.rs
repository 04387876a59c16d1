//! The contract with marketing: an event is built once, as bytes, and those bytes are sent until
//! the receiver has accepted them.
//!
//! Nothing here knows the store or the payment provider. The use cases decide which change causes
//! an event.

pub mod klaviyo;

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

/// A frozen event: every attempt sends the same bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct MarketingEvent {
    /// The receiver's deduplication key: always the same for the same occurrence.
    pub unique_id: String,
    pub body: Vec<u8>,
}

/// Sends events to a marketing service.
#[async_trait]
pub trait EventSender: Send + Sync {
    /// Sends a frozen body once. A repeat is harmless: the service knows its `unique_id`.
    async fn send(&self, body: Vec<u8>) -> Result<(), MarketingError>;
}

/// Why an event was not accepted.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MarketingError {
    /// No response, or a temporary failure: a retry may succeed.
    #[error("not accepted at the moment: {0}")]
    Temporary(String),
    /// The receiver asks for a pause of this length.
    #[error("rate limited by the receiver")]
    Throttled { retry_after: Duration },
    /// The key is not accepted. Nothing can be sent until the key is corrected.
    #[error("the API key is rejected: {0}; set a valid key")]
    RefusedKey(String),
    /// The receiver will never accept this event.
    #[error("rejected for good: {0}")]
    Permanent(String),
}
