//! The contract of a payment provider.
//!
//! Nothing here names a provider's types, and nothing in this room knows the store, marketing or
//! the pages. Every method of [`PaymentProvider`] is required. What only some providers have is a
//! capability that a caller asks for. An event that was not verified cannot be built: its fields
//! are private, and only a provider makes one.

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

/// A payment provider. Every method is required, so that a provider without one does not compile.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Returns the provider's id.
    fn id(&self) -> ProviderId;

    /// Returns whether real money moves.
    fn livemode(&self) -> bool;

    /// Returns whether the provider has records of its own, to compare ours with.
    fn keeps_books(&self) -> bool;

    /// Creates the checkout session of this order, or returns the one that an equal order created
    /// before.
    async fn create_session(&self, order: &SessionOrder) -> Result<Started, PaymentError>;

    /// Returns the current state of a session.
    ///
    /// # Errors
    ///
    /// [`PaymentError::NotFound`] if the provider does not know it.
    async fn retrieve_session(&self, id: &SessionId) -> Result<SessionUpdate, PaymentError>;

    /// Ends a session that waits for its customer, and returns its state.
    ///
    /// # Errors
    ///
    /// [`PaymentError::State`] if the session no longer waits.
    async fn expire_session(&self, id: &SessionId) -> Result<SessionUpdate, PaymentError>;

    /// Returns a page of the sessions that were created since `since` and that customers finished,
    /// newest first.
    async fn list_sessions(
        &self,
        since: OffsetDateTime,
        from: Option<&Cursor>,
    ) -> Result<Page<SessionUpdate>, PaymentError>;

    /// Verifies that the provider signed `body` recently.
    fn verify(&self, headers: &HeaderMap, body: Bytes, now: OffsetDateTime) -> Result<VerifiedEvent, SignatureError>;

    /// Decodes an event that was verified before.
    fn decode(&self, body: &[u8]) -> Result<ProviderEvent, DecodeError>;

    // The capabilities. No use case needs prices, customers, payment intents or subscriptions
    // through this trait yet. The requirements ask for them, and the conformance suite calls them.
    fn prices(&self) -> Option<&dyn Prices>;
    fn customers(&self) -> Option<&dyn Customers>;
    fn payment_intents(&self) -> Option<&dyn PaymentIntents>;
    fn subscriptions(&self) -> Option<&dyn Subscriptions>;
    fn refunds(&self) -> Option<&dyn Refunds>;
    fn disputes(&self) -> Option<&dyn Disputes>;
    fn events(&self) -> Option<&dyn Events>;
    fn endpoints(&self) -> Option<&dyn Endpoints>;
}

/// The content of a checkout session. Equal orders lead to one session.
#[derive(Clone, Debug)]
pub struct SessionOrder {
    pub attempt: Attempt,
    pub color: ProductColor,
    pub email: Email,
    pub locale: Locale,
    pub price: PriceId,
    /// The amount that the page showed and that the customer will be asked to pay.
    pub expected: Money,
    pub asked_at: OffsetDateTime,
    /// Between 30 minutes and 24 hours from now (Stripe's bounds), and equal for every repeat of
    /// this order.
    pub expires_at: OffsetDateTime,
    pub success_url: String,
    pub cancel_url: String,
    /// ISO 3166-1 alpha-2.
    pub shipping_countries: Arc<[String]>,
}

/// The next step of a checkout.
pub enum Started {
    /// The customer pays on the provider's page. An event will report the result.
    Redirect(OpenSession),
    /// The order is placed and must be stored now: no event will report it. The token opens its
    /// order page and is stored nowhere.
    Placed { facts: Box<SessionUpdate>, token: SecretString },
}

impl Started {
    /// Returns the session's id.
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
    /// The provider's payment page.
    pub url: String,
}

/// One page of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The ids of objects in the list that could not be parsed; they are not among the items.
    pub unreadable: Vec<String>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<Cursor>,
}

/// A position in a provider's list. Valid while the list's other conditions stay the same.
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

/// An event with a valid signature, or one that was fetched from the provider itself. `decode`
/// interprets its body.
pub struct VerifiedEvent {
    id: EventId,
    event_type: String,
    body: Bytes,
}

impl VerifiedEvent {
    /// Returns the event's id at the provider.
    pub const fn id(&self) -> &EventId {
        &self.id
    }

    /// Returns the id, the type and the body.
    pub fn into_parts(self) -> (EventId, String, Bytes) {
        (self.id, self.event_type, self.body)
    }
}

/// A verified event, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProviderEvent {
    /// The event's own `livemode`. An event without one belongs to our mode: each mode signs with
    /// its own secret.
    pub livemode: Option<bool>,
    /// When it happened, by the provider's clock, in whole seconds. It does not order events.
    pub created: OffsetDateTime,
    pub occurrence: Occurrence,
    /// Whose data an event holds that changes nothing.
    pub mentions: Mentions,
}

/// What happened, in the shop's terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Occurrence {
    /// A payment changed, and so a preorder may.
    PaymentUpdate(Box<PaymentUpdate>),
    /// An object changed of which the shop has a copy.
    Mirror(Box<Mirror>),
    /// An event that changes nothing in the shop.
    Other,
}
