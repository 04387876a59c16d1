//! The capabilities that only some payment providers have. Each is a trait that a provider returns
//! if it has the capability and the configuration enables it. Calls that change something carry the
//! caller's idempotency key: the same key has one effect.

use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::SecretString;
use time::OffsetDateTime;

use super::{Cursor, Page, PaymentError, VerifiedEvent, error::Decline};
use crate::domain::{
    customer::{Email, Locale},
    lifecycle::{Dispute, IntentStatus, Refund},
    mirror::SubscriptionStatus,
    money::Money,
    payment::{CustomerId, DisputeId, IntentId, PaymentMethodId, PriceId, ProductId, RefundId, SubscriptionId},
};

/// The caller's name for one change (<https://docs.stripe.com/api/idempotent_requests>). A repeat
/// with the same key changes nothing more. At most 200 characters, without personal data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The longest key, in characters.
    pub const MAX: usize = 200;

    /// Returns the key; `None` if the text is empty, too long, or not of visible ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[async_trait]
pub trait Prices: Send + Sync {
    /// Returns the prices at which the product is sold now: active, one-time and fixed.
    async fn prices(&self, product: &ProductId) -> Result<BTreeMap<String, Money>, PaymentError>;
}

#[async_trait]
pub trait Customers: Send + Sync {
    async fn create(&self, draft: &CustomerDraft, key: &IdempotencyKey) -> Result<Customer, PaymentError>;
    /// Updates a customer. Fields that are `None` stay as they are.
    async fn update(
        &self,
        id: &CustomerId,
        change: &CustomerChange,
        key: &IdempotencyKey,
    ) -> Result<Customer, PaymentError>;
    /// Deletes a customer. Returns [`PaymentError::NotFound`] if it was deleted before.
    async fn delete(&self, id: &CustomerId) -> Result<(), PaymentError>;
    /// Returns a customer. Returns [`PaymentError::NotFound`] for a deleted one, too.
    async fn retrieve(&self, id: &CustomerId) -> Result<Customer, PaymentError>;
    /// Returns all customers of exactly this address; several may share one.
    async fn find_by_email(&self, email: &Email) -> Result<Vec<Customer>, PaymentError>;
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustomerDraft {
    pub email: Email,
    pub name: Option<String>,
    pub locale: Option<Locale>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CustomerChange {
    pub email: Option<Email>,
    pub name: Option<String>,
    pub locale: Option<Locale>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Customer {
    pub id: CustomerId,
    pub email: Option<String>,
    pub name: Option<String>,
    pub livemode: bool,
}

/// Payments without a checkout session.
#[async_trait]
pub trait PaymentIntents: Send + Sync {
    async fn create(&self, draft: &IntentDraft, key: &IdempotencyKey) -> Result<Intent, PaymentError>;
    /// Pays with `method`, or with the intent's own method. Returns [`PaymentError::Declined`] if
    /// the payment is refused.
    async fn confirm(
        &self,
        id: &IntentId,
        method: Option<&PaymentMethodId>,
        return_url: Option<&str>,
        key: &IdempotencyKey,
    ) -> Result<Intent, PaymentError>;
    /// Cancels a payment. Returns [`PaymentError::State`] if it was paid or cancelled, or belongs
    /// to a checkout session.
    async fn cancel(&self, id: &IntentId, key: &IdempotencyKey) -> Result<Intent, PaymentError>;
    async fn retrieve(&self, id: &IntentId) -> Result<Intent, PaymentError>;
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IntentDraft {
    pub amount: Money,
    pub customer: Option<CustomerId>,
    pub description: Option<String>,
    /// Names of at most 40 and values of at most 500 characters (Stripe's bounds).
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub struct Intent {
    pub id: IntentId,
    pub amount: Money,
    pub status: IntentStatus,
    /// What the customer must do next.
    pub next_action: Option<NextAction>,
    /// Why the last attempt failed.
    pub decline: Option<Decline>,
    /// The secret with which the customer's browser continues the payment.
    pub client_secret: Option<SecretString>,
    pub livemode: bool,
}

/// What a customer must do before a payment can continue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NextAction {
    /// Choose a payment method.
    GiveMethod,
    /// Confirm the payment.
    Confirm,
    /// Visit this page of the bank and return.
    Redirect { url: String },
    /// A step that only the provider's script can do, by the provider's name for it.
    Scripted { kind: String },
}

#[async_trait]
pub trait Subscriptions: Send + Sync {
    async fn create(&self, draft: &SubscriptionDraft, key: &IdempotencyKey) -> Result<Subscription, PaymentError>;
    /// Updates a subscription. Fields that are `None` stay as they are.
    async fn update(
        &self,
        id: &SubscriptionId,
        change: &SubscriptionChange,
        key: &IdempotencyKey,
    ) -> Result<Subscription, PaymentError>;
    async fn cancel(
        &self,
        id: &SubscriptionId,
        when: CancelWhen,
        key: &IdempotencyKey,
    ) -> Result<Subscription, PaymentError>;
    async fn retrieve(&self, id: &SubscriptionId) -> Result<Subscription, PaymentError>;
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubscriptionDraft {
    pub customer: CustomerId,
    pub price: PriceId,
    /// At least 1.
    pub quantity: u32,
    pub method: Option<PaymentMethodId>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SubscriptionChange {
    pub price: Option<PriceId>,
    pub quantity: Option<u32>,
    /// Whether to pause the collection of invoices: `true` pauses it, `false` resumes it.
    pub pause: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CancelWhen {
    Now,
    AtPeriodEnd,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub customer: CustomerId,
    pub status: SubscriptionStatus,
    pub price: Option<PriceId>,
    pub quantity: Option<i64>,
    pub paused: bool,
    pub cancel_at_period_end: bool,
    pub current_period_end: Option<OffsetDateTime>,
    pub livemode: bool,
}

#[async_trait]
pub trait Refunds: Send + Sync {
    /// Refunds `amount`, or all that is left if it is `None`. Returns [`PaymentError::State`] if
    /// less is left.
    async fn create(&self, draft: &RefundDraft, key: &IdempotencyKey) -> Result<Refund, PaymentError>;
    async fn retrieve(&self, id: &RefundId) -> Result<Refund, PaymentError>;
    /// Returns refunds made since `since`, or of one payment, or both, newest first.
    async fn list(&self, filter: &RefundFilter, from: Option<&Cursor>) -> Result<Page<Refund>, PaymentError>;
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundDraft {
    pub intent: IntentId,
    /// In the currency of the charge.
    pub amount: Option<Money>,
    pub reason: Option<RefundReason>,
}

/// Why the merchant refunds. Stripe's reasons: <https://docs.stripe.com/api/refunds/create>.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum RefundReason {
    Duplicate,
    Fraudulent,
    RequestedByCustomer,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RefundFilter {
    pub intent: Option<IntentId>,
    pub since: Option<OffsetDateTime>,
}

#[async_trait]
pub trait Disputes: Send + Sync {
    async fn retrieve(&self, id: &DisputeId) -> Result<Dispute, PaymentError>;
    /// Returns disputes that were opened since `since`, newest first.
    async fn list(&self, since: OffsetDateTime, from: Option<&Cursor>) -> Result<Page<Dispute>, PaymentError>;
}

#[async_trait]
pub trait Events: Send + Sync {
    /// Returns the events that no endpoint has acknowledged, of the types that the shop handles,
    /// created since `since`, newest first. The provider bounds how far back they reach (Stripe: 30
    /// days).
    async fn undelivered(
        &self,
        since: OffsetDateTime,
        from: Option<&Cursor>,
    ) -> Result<Page<VerifiedEvent>, PaymentError>;
}

/// The webhook endpoints that are registered at the provider.
#[async_trait]
pub trait Endpoints: Send + Sync {
    async fn endpoints(&self) -> Result<Vec<Endpoint>, PaymentError>;
    /// Returns the event types that an endpoint of this shop must receive.
    fn expected_events(&self) -> &'static [&'static str];
    /// Returns the API version that an endpoint of this shop must send.
    fn expected_version(&self) -> &'static str;
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    pub id: String,
    pub url: String,
    pub enabled: bool,
    /// Event types; `*` stands for all.
    pub events: Vec<String>,
    /// `None` means the account's default version.
    pub api_version: Option<String>,
    pub livemode: bool,
}
