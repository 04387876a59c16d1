//! The contract of a payment provider, and the registry of those that are set up.
//!
//! Nothing here names a provider's types, and nothing under here knows the store, marketing or the pages. An event that was
//! not verified cannot be built: its fields are private, and only `verify` makes one.

pub mod stripe;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::http::HeaderMap;
use bytes::Bytes;
use thiserror::Error;
use time::OffsetDateTime;

use crate::domain::{
    checkout::{Attempt, CheckoutError, Field},
    customer::{Email, Locale},
    money::Money,
    payment::{EventId, PriceId, ProductId, ProviderId, SessionId},
    preorder::SessionFacts,
    product::ProductColor,
};

/// A payment provider. Every method is required: a provider that forgets one does not compile.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    fn id(&self) -> ProviderId;

    /// Whether real money moves.
    fn livemode(&self) -> bool;

    /// Creates the checkout session that this order asks for, or finds the one that the same order made before.
    async fn create_session(&self, order: &SessionOrder) -> Result<OpenSession, PaymentError>;

    async fn retrieve_session(&self, id: &SessionId) -> Result<SessionFacts, PaymentError>;

    /// The prices of the product that can be sold at now: active, paid once, with a fixed amount.
    async fn prices(&self, product: &ProductId) -> Result<BTreeMap<String, Money>, PaymentError>;

    /// Checks that `body` was signed by the provider, recently.
    fn verify(&self, headers: &HeaderMap, body: Bytes, now: OffsetDateTime) -> Result<VerifiedEvent, SignatureError>;

    /// Reads an event that was verified before.
    fn decode(&self, body: &[u8]) -> Result<ProviderEvent, DecodeError>;
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

/// A session that waits for its customer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenSession {
    pub id: SessionId,
    /// The provider's own page.
    pub url: String,
}

/// An event whose signature was good: what was signed, and its name. What it means is for `decode` to say.
pub struct VerifiedEvent {
    id: EventId,
    event_type: String,
    body: Bytes,
}

impl VerifiedEvent {
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
}

/// What happened, in the shop's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Occurrence {
    Session(Box<SessionFacts>),
    /// Something that the shop does nothing about.
    Other,
}

/// Why a webhook request is not believed. Told to nobody but the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SignatureError {
    #[error("no signature header")]
    Missing,
    #[error("the signature header does not read")]
    Malformed,
    #[error("the signature is too old or from the future")]
    Stale,
    #[error("no signature matches")]
    Mismatch,
}

impl SignatureError {
    /// A word for a metric's label.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Stale => "stale",
            Self::Mismatch => "mismatch",
        }
    }
}

/// Why a verified event could not be read. Carries where, never what stood there.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DecodeError {
    /// Not an event at all: no later try will read it.
    #[error("the body is not an event: {0}")]
    NotAnEvent(String),
    /// An event of a type that matters here, with an object that does not read.
    #[error("the event's object does not read: {0}")]
    Object(String),
}

/// Why a call to the provider failed. The texts are for the operator.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PaymentError {
    /// No answer, or one that says "later". The same call may succeed.
    #[error("the provider could not be reached: {0}")]
    Unreachable(String),
    #[error("the provider asks for fewer calls")]
    RateLimited { retry_after: Option<Duration> },
    /// The key, its permissions, or an id in the configuration is wrong: every call like this will fail.
    #[error("the provider refused the shop: {0}")]
    Configuration(String),
    /// The provider does not take this email address.
    #[error("the provider refused the email address")]
    Email,
    /// The provider refused this payment.
    #[error("the provider refused the payment: {0}")]
    Declined(String),
    #[error("the provider knows no such object")]
    NotFound,
    /// An answer that does not read.
    #[error("the provider's answer does not read: {0}")]
    Unreadable(String),
}

impl PaymentError {
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::RateLimited { .. })
    }

    /// What a customer is told of it.
    pub fn for_customer(&self) -> CheckoutError {
        match self {
            Self::Unreachable(_) | Self::RateLimited { .. } => CheckoutError::Network,
            Self::Email => CheckoutError::invalid(
                Field::Email,
                "Our payment partner does not take this address. Check it, please.",
            ),
            Self::Declined(_) => CheckoutError::Payment,
            Self::Configuration(_) | Self::NotFound | Self::Unreadable(_) => CheckoutError::Configuration,
        }
    }
}

/// The providers that are set up, by name, one of them the default.
#[derive(Clone)]
pub struct PaymentService {
    default: Arc<dyn PaymentProvider>,
    others: Vec<Arc<dyn PaymentProvider>>,
}

impl PaymentService {
    pub fn new(default: Arc<dyn PaymentProvider>, others: Vec<Arc<dyn PaymentProvider>>) -> Self {
        Self { default, others }
    }

    pub fn default_provider(&self) -> &Arc<dyn PaymentProvider> {
        &self.default
    }

    pub fn by_id(&self, id: ProviderId) -> Option<&Arc<dyn PaymentProvider>> {
        std::iter::once(&self.default).chain(&self.others).find(|provider| provider.id() == id)
    }

    /// The provider that `/api/webhooks/{name}` means.
    pub fn by_name(&self, name: &str) -> Option<&Arc<dyn PaymentProvider>> {
        std::iter::once(&self.default).chain(&self.others).find(|provider| provider.id().as_str() == name)
    }
}
