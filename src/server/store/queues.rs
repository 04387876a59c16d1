//! The part of the store's contract that workers lease from: the inbox of webhook events, and the
//! outbox of messages.

use std::time::Duration;

use async_trait::async_trait;

use super::{LeaseToken, StoreError};
use crate::domain::{
    lifecycle::Notification,
    payment::{EventId, ProviderId},
    preorder::PreorderId,
};

/// The webhook log as a queue. [`super::Orders::apply`] adds to it and closes its events.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Stores an event that could not be applied, to be retried after `retry`, or parked when
    /// `retry` is `None`. Changes nothing when the event was applied meanwhile.
    async fn record_failure(
        &self,
        event: &WebhookEvent,
        error: &str,
        retry: Option<Duration>,
    ) -> Result<(), StoreError>;

    /// Leases one stored event that is due, for `lease` at most, and counts the attempt.
    async fn lease_event(&self, lease: Duration) -> Result<Option<LeasedEvent>, StoreError>;
}

/// The queue of messages to other services. [`super::Orders::apply`] adds to it.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Leases one pending message of this kind that is due, for `lease` at most, and counts the
    /// attempt.
    async fn lease_message(&self, kind: MessageKind, lease: Duration) -> Result<Option<LeasedMessage>, StoreError>;

    /// Stores how an attempt to send ended. Returns `false`, and changes nothing, when the lease
    /// was lost meanwhile.
    async fn finish_message(&self, message: &LeasedMessage, end: MessageEnd<'_>) -> Result<bool, StoreError>;
}

/// A verified webhook event as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    pub provider: ProviderId,
    pub event_id: EventId,
    pub event_type: String,
    /// The bytes that were signed.
    pub body: bytes::Bytes,
}

/// A stored event that this worker may apply now.
pub struct LeasedEvent {
    pub event: WebhookEvent,
    /// How many attempts there were, this one included.
    pub attempts: u32,
}

/// What a message is and where it goes. Each kind has a lane of its own: one that is stopped does
/// not stop another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    KlaviyoEvent,
}

impl MessageKind {
    /// Returns the name that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KlaviyoEvent => "klaviyo_event",
        }
    }
}

/// A message for the outbox, with a frozen body.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub kind: MessageKind,
    /// A second message with the same key is not stored.
    pub dedupe_key: String,
    pub body: Vec<u8>,
    /// What the message is about: it is sent only while this still applies.
    pub notification: Notification,
}

/// A message's name inside its store: a row id in PostgreSQL, a document's path in Firestore.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MessageId(pub(super) String);

/// A message that this worker may send now.
pub struct LeasedMessage {
    pub id: MessageId,
    pub lease_token: LeaseToken,
    pub body: Vec<u8>,
    /// How many attempts there were, this one included.
    pub attempts: u32,
    /// The time since it was written.
    pub age: Duration,
    /// The preorder and the notification that caused it; `None` for a message that is always sent.
    pub cause: Option<(PreorderId, Notification)>,
}

impl LeasedMessage {
    /// Returns what an operator finds it by: the preorder's row id and the notification. The dedupe
    /// key would not do, because it is made of an address.
    pub fn about(&self) -> String {
        self.cause.as_ref().map_or_else(String::new, |(preorder, notification)| format!("{preorder} {notification}"))
    }
}

/// How an attempt to send a message ended.
pub enum MessageEnd<'a> {
    Sent,
    /// To be retried after `after`. `counts` is false when the lane failed and not the message: the
    /// attempt is then not counted.
    Retry {
        error: &'a str,
        after: Duration,
        counts: bool,
    },
    /// Not to be retried before a person has acted.
    Parked {
        error: &'a str,
    },
    /// Its notification no longer applies: the body is emptied and nothing is sent.
    Withdrawn,
}
