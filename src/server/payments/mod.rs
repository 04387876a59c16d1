//! The contract of a payment provider.
//!
//! Nothing here names a provider's types, and nothing under here knows the store, marketing or the pages. Every method of
//! [`PaymentProvider`] is required; what not every provider has is a capability, asked for by name. An event that was not
//! verified cannot be built: its fields are private, and only a provider makes one.

pub mod capability;
pub mod error;
pub mod invoice;
pub mod service;
pub mod stripe;

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::HeaderMap;
use bytes::Bytes;
use secrecy::SecretString;
use time::OffsetDateTime;

pub use self::{
    capability::{Customers, Disputes, Endpoints, Events, PaymentIntents, Prices, Refunds, Subscriptions},
    error::{DecodeError, PaymentError, SignatureError},
    service::PaymentService,
};
use crate::domain::{
    checkout::Attempt,
    customer::{Email, Locale},
    lifecycle::{PaymentUpdate, SessionUpdate},
    mirror::Mirror,
    money::Money,
    payment::{EventId, Mentions, PriceId, ProviderId, SessionId},
    product::ProductColor,
};

/// A payment provider. Every method is required: a provider that forgets one does not compile.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    fn id(&self) -> ProviderId;

    /// Whether real money moves.
    fn livemode(&self) -> bool;

    /// Whether it has books of its own, to compare ours with.
    fn keeps_books(&self) -> bool;

    /// Begins the checkout that this order asks for, or finds the one that the same order began before.
    async fn create_session(&self, order: &SessionOrder) -> Result<Started, PaymentError>;

    /// How the session stands now. [`PaymentError::NotFound`] where the provider knows none.
    async fn retrieve_session(&self, id: &SessionId) -> Result<SessionUpdate, PaymentError>;

    /// Ends a session that waits for its customer, and says how it stands. [`PaymentError::State`] where it no longer waits.
    async fn expire_session(&self, id: &SessionId) -> Result<SessionUpdate, PaymentError>;

    /// The sessions that customers finished, of those begun since `since`; newest first, a page at a time.
    async fn list_sessions(
        &self,
        since: OffsetDateTime,
        from: Option<&Cursor>,
    ) -> Result<Page<SessionUpdate>, PaymentError>;

    /// Checks that `body` was signed by the provider, recently.
    fn verify(&self, headers: &HeaderMap, body: Bytes, now: OffsetDateTime) -> Result<VerifiedEvent, SignatureError>;

    /// Reads an event that was verified before.
    fn decode(&self, body: &[u8]) -> Result<ProviderEvent, DecodeError>;

    fn prices(&self) -> Option<&dyn Prices>;
    fn customers(&self) -> Option<&dyn Customers>;
    fn payment_intents(&self) -> Option<&dyn PaymentIntents>;
    fn subscriptions(&self) -> Option<&dyn Subscriptions>;
    fn refunds(&self) -> Option<&dyn Refunds>;
    fn disputes(&self) -> Option<&dyn Disputes>;
    fn events(&self) -> Option<&dyn Events>;
    fn endpoints(&self) -> Option<&dyn Endpoints>;
}

/// Everything that a checkout session is made of. Equal orders lead to one session.
#[derive(Clone, Debug)]
pub struct SessionOrder {
    pub attempt: Attempt,
    pub color: ProductColor,
    pub email: Email,
    pub locale: Locale,
    pub price: PriceId,
    /// What the customer was shown and will be asked to pay.
    pub expected: Money,
    pub asked_at: OffsetDateTime,
    /// Between 30 minutes and 24 hours from now, and the same for every repeat of this order (Stripe's bounds).
    pub expires_at: OffsetDateTime,
    pub success_url: String,
    pub cancel_url: String,
    /// ISO 3166-1 alpha-2.
    pub shipping_countries: Arc<[String]>,
}

/// How a checkout goes on.
pub enum Started {
    /// At the provider's own page; an event will tell how it ended.
    Redirect(OpenSession),
    /// The order is placed, and must be written now: no event will tell of it. The token opens its page and is kept nowhere.
    Placed { facts: Box<SessionUpdate>, token: SecretString },
}

impl Started {
    pub fn session(&self) -> &SessionId {
        match self {
            Self::Redirect(open) => &open.id,
            Self::Placed { facts, .. } => &facts.session,
        }
    }
}

/// A session that waits for its customer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenSession {
    pub id: SessionId,
    /// The provider's own page.
    pub url: String,
}

/// One page of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The ids of objects in the list that do not read; they are not among the items.
    pub unreadable: Vec<String>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// A place in a provider's list. Good for as long as the list's other conditions stay the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor(String);

impl Cursor {
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An event whose signature was good, or that was fetched from the provider itself: what was told, and its name. What it
/// means is for `decode` to say.
pub struct VerifiedEvent {
    id: EventId,
    event_type: String,
    body: Bytes,
}

impl VerifiedEvent {
    pub const fn id(&self) -> &EventId {
        &self.id
    }

    pub fn into_parts(self) -> (EventId, String, Bytes) {
        (self.id, self.event_type, self.body)
    }
}

/// A verified event, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProviderEvent {
    /// Where the event says it. One that does not is of our mode: each mode signs with a secret of its own.
    pub livemode: Option<bool>,
    /// When it happened, by the provider's clock (whole seconds): not an order of events.
    pub created: OffsetDateTime,
    pub occurrence: Occurrence,
    /// Whom it is about, where nothing is done about it.
    pub mentions: Mentions,
}

/// What happened, in the shop's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Occurrence {
    /// About a payment, and so about a preorder.
    PaymentUpdate(Box<PaymentUpdate>),
    /// About something that the shop keeps a copy of.
    Mirror(Box<Mirror>),
    /// Something that the shop does nothing about.
    Other,
}
