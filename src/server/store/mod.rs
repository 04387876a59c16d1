//! The contract of a store: each method is one atomic step of a use case, all or nothing.
//!
//! No transaction handle leaves this folder, and no rule about preorders enters it: what a step changes is decided by the
//! function that the step brings along.

mod archive;
pub mod firestore;
mod mapping;
pub mod postgres;
mod privacy;
mod reconciliation;
mod record;
mod status;
mod validate;

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

pub use self::{
    archive::{Archive, Entry, Page, Unread},
    privacy::{Erased, Erasure, Over, Privacy},
    reconciliation::{Books, Mark, OpenDifference, PreorderFilter},
    record::{KEY_SEPARATOR, Row, Table, Value},
    status::{EventStatus, MessageStatus},
};
use crate::domain::{
    checkout::Attempt,
    lifecycle::{Change, Notification, OrderState, PaymentUpdate},
    mirror::Mirror,
    payment::{EventId, IntentId, Mentions, ProviderId, SessionId},
    preorder::{AccessHash, Preorder, PreorderId, PreorderNumber},
};

/// Where preorders, the webhook log and the outbox live. What reconciliation and the merchant's commands need beside it is in
/// [`Books`], what moving a shop needs in [`Archive`], what takes personal data away in [`Privacy`].
#[async_trait]
pub trait Store: Books + Archive + Privacy + Send + Sync {
    /// Applies one fact with all that follows from it. Safe to repeat, and safe beside others that apply the same fact.
    async fn apply(&self, step: Step<'_>) -> Result<Applied, StoreError>;

    /// Keeps an event that could not be applied, to be tried again after `next`, or parked when `next` is `None`.
    /// An event that was applied meanwhile is left alone.
    async fn keep_event(&self, delivery: &Delivery, error: &str, next: Option<Duration>) -> Result<(), StoreError>;

    /// Takes one kept event that is due, for `lease` at most.
    async fn lease_event(&self, lease: Duration) -> Result<Option<LeasedEvent>, StoreError>;

    async fn preorder_of_session(&self, session: &SessionId) -> Result<Option<Preorder>, StoreError>;

    /// The preorder that this opens. Found by it and by nothing else: how long that takes tells of no number whether it exists.
    async fn preorder_of_link(&self, access: &AccessHash) -> Result<Option<Preorder>, StoreError>;

    /// The preorder, with all that is known of its payment.
    async fn purchase(&self, of: PurchaseKey<'_>) -> Result<Option<Purchase>, StoreError>;

    /// Takes one pending message of this kind that is due, for `lease` at most.
    async fn lease_message(&self, kind: MessageKind, lease: Duration) -> Result<Option<LeasedMessage>, StoreError>;

    /// How an attempt to send ended. `false` when the lease was lost meanwhile, and nothing was changed.
    async fn finish_message(&self, message: &LeasedMessage, end: MessageEnd<'_>) -> Result<bool, StoreError>;

    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// Whether the store answers and has the schema that this program needs.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Brings the schema up to date; several instances may do so at once.
    async fn migrate(&self) -> Result<(), StoreError>;

    /// Ends every connection; waits a moment for those in use.
    async fn close(&self);

    /// The least time between two looks of a worker that was told of nothing: a look may have its price.
    fn rest(&self) -> Duration;
}

/// One atomic step.
pub struct Step<'a> {
    /// The event that told it; `None` when it was asked for (the return page, reconciliation).
    pub delivery: Option<&'a Delivery>,
    pub effect: Effect<'a>,
    /// Whether everything is undone at the end: what would happen is told, and nothing does.
    pub dry_run: bool,
}

/// What a fact does.
pub enum Effect<'a> {
    /// Nothing, and the log says why. Where it is about somebody who was erased, the log keeps no body.
    Ignore {
        reason: &'a str,
        mentions: &'a Mentions,
    },
    OrderState(CaseEffect<'a>),
    /// A copy is brought up to date, unless it is newer already.
    Mirror {
        provider: ProviderId,
        mirror: &'a Mirror,
    },
}

/// Makes the messages that consequences cause.
pub type Messages<'a> = dyn Fn(&Preorder, &OrderState, &[Notification]) -> Vec<Message> + Send + Sync + 'a;

/// A change of one purchase. The functions may be called several times.
pub struct CaseEffect<'a> {
    pub provider: ProviderId,
    pub key: CaseKey<'a>,
    pub decide: &'a (dyn Fn(&OrderState) -> Change + Send + Sync),
    /// The messages that consequences which have just begun cause.
    pub messages: &'a Messages<'a>,
    pub ids: &'a dyn Ids,
}

/// Which purchase a fact is about.
#[derive(Clone, Copy, Debug)]
pub enum CaseKey<'a> {
    /// The session's preorder is made when there is none.
    Session {
        session: &'a SessionId,
        intent: Option<&'a IntentId>,
        attempt: Option<&'a Attempt>,
    },
    /// The preorder may not be there yet: what is told of its payment is kept for it.
    Intent(&'a IntentId),
    Number(&'a PreorderNumber),
}

impl<'a> CaseKey<'a> {
    /// The purchase that this is told about.
    pub const fn of(fact: &'a PaymentUpdate) -> Self {
        match fact {
            PaymentUpdate::Session(facts) => Self::Session {
                session: &facts.session,
                intent: facts.intent.as_ref(),
                attempt: facts.attempt.as_ref(),
            },
            PaymentUpdate::Intent(facts) => Self::Intent(&facts.intent),
            PaymentUpdate::Charge(facts) => Self::Intent(&facts.intent),
            PaymentUpdate::Refund(refund) => Self::Intent(&refund.intent),
            PaymentUpdate::Dispute(dispute) => Self::Intent(&dispute.intent),
        }
    }
}

/// How a purchase is found.
#[derive(Clone, Copy, Debug)]
pub enum PurchaseKey<'a> {
    Id(&'a PreorderId),
    Number(&'a PreorderNumber),
    Session(&'a SessionId),
    Intent(&'a IntentId),
}

/// A preorder with all that is known of its payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purchase {
    pub preorder: Preorder,
    /// Holds the same preorder's details.
    pub case: OrderState,
}

/// Names for new rows.
pub trait Ids: Send + Sync {
    /// Returns a token that no other lease has.
    fn lease_token(&self) -> LeaseToken;

    /// The names of this session's order, the same each time: an order that a restored backup has lost is made anew as it was. `draw`
    /// counts from 0; each gives another number, for where one is taken.
    fn preorder_names(&self, session: &SessionId, draw: u32) -> PreorderNames;
}

/// What an order is called: inside, and by people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreorderNames {
    pub id: PreorderId,
    pub number: PreorderNumber,
}

/// What became of a fact.
#[derive(Debug, PartialEq, Eq)]
pub enum Applied {
    /// The event had been applied before.
    Duplicate,
    /// Nothing to do, and why.
    Ignored(String),
    /// Everything was already as the fact says. `None` while only a payment is known, without its preorder.
    Unchanged(Option<Preorder>),
    Changed(Option<Preorder>),
}

/// A verified event as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    pub provider: ProviderId,
    pub event_id: EventId,
    pub event_type: String,
    pub body: bytes::Bytes,
}

/// A kept event, leased.
pub struct LeasedEvent {
    pub delivery: Delivery,
    /// How many times it was tried, this time included.
    pub attempts: u32,
}

/// What a message is and where it goes. Each kind is a lane of its own: one that is stopped does not stop another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    KlaviyoEvent,
}

impl MessageKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KlaviyoEvent => "klaviyo_event",
        }
    }
}

/// A message for the outbox, its body frozen.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub kind: MessageKind,
    pub dedupe_key: String,
    pub body: Vec<u8>,
    /// What it is about, to be looked at again before it is sent.
    pub consequence: Notification,
}

/// A message's name inside its store: a row id in PostgreSQL, a document's path in Firestore.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MessageId(pub(in crate::server::store) String);

/// A fencing token: the proof that a lease is still held. A step of a worker that slept past its
/// lease names a token that is no longer stored, and changes nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LeaseToken(String);

impl LeaseToken {
    /// Makes a token of any text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Makes a token of the operating system's randomness.
    pub fn random() -> Self {
        Self(nanoid::nanoid!())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message that this worker may send now.
pub struct LeasedMessage {
    pub id: MessageId,
    pub lease_token: LeaseToken,
    pub body: Vec<u8>,
    /// How many times it was tried, this time included.
    pub attempts: u32,
    /// How long ago it was written.
    pub age: Duration,
    /// The preorder that caused it, and what it is about; `None` where it is to be sent whatever happened since.
    pub cause: Option<(PreorderId, Notification)>,
}

impl LeasedMessage {
    /// What an operator finds it by: the preorder's row id and what it tells. Its own key is made of an address.
    pub fn about(&self) -> String {
        self.cause.as_ref().map_or_else(String::new, |(preorder, consequence)| format!("{preorder} {consequence}"))
    }
}

/// How an attempt to send a message ended.
pub enum MessageEnd<'a> {
    Sent,
    /// To be tried again after `next`. `counts` is false when the lane failed rather than the message.
    Again {
        error: &'a str,
        next: Duration,
        counts: bool,
    },
    Parked {
        error: &'a str,
    },
    /// What it is about no longer holds: its body is emptied, because nobody will be told.
    Withdrawn,
}

/// What waits: rows by state, and the age of the oldest that is due, in seconds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub events_waiting: i64,
    pub events_parked: i64,
    pub events_oldest_seconds: i64,
    pub messages_pending: i64,
    pub messages_parked: i64,
    pub messages_oldest_seconds: i64,
    pub preorders_in_review: i64,
    pub disputes_open: i64,
    /// Until the evidence for the most urgent open dispute is due, in seconds; 0 when it is due now, or there is none.
    pub dispute_due_seconds: i64,
    /// Payments of this shop that succeeded more than ten minutes ago and have no preorder.
    pub payments_without_preorder: i64,
    /// What comparing the books found, and nothing explained.
    pub differences_open: i64,
}

#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be reached. The same step may succeed later.
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// It is there, and took too long over this step, which was undone. The step may succeed later.
    #[error("the store was too busy: {0}")]
    Busy(String),
    /// The step lost a race (a deadlock, a serialization failure) and was undone. Trying again at once is right.
    #[error("the store undid a race: {0}")]
    Conflict(String),
    /// It answered, and the step cannot be done as it is.
    #[error("the store refused: {0}")]
    Refused(String),
    /// A value is outside its column's type, as JSON that `jsonb` does not hold. The step cannot succeed with it.
    #[error("the store refused: {0}")]
    InvalidData(String),
    /// A row that does not read as what it should be.
    #[error("unreadable row: {0}")]
    Unreadable(String),
    /// Every number drawn was taken: the generator is broken, or the numbers are used up.
    #[error("no free preorder number was found")]
    NumbersExhausted,
}

impl StoreError {
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy(_) | Self::Conflict(_))
    }
}
