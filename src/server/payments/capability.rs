//! What not every payment provider has. Each capability is a trait that a provider hands out when it has it and it is switched
//! on. Calls that change something carry an idempotency key of the caller's: the same key, the same effect, once.

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

/// The caller's name for one change: repeats of it change nothing more. At most 200 characters, nothing personal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub const MAX: usize = 200;

    /// `None` when the text is empty, too long, or not of visible ASCII.
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
    /// The prices of the product that can be sold at now: active, paid once, with a fixed amount.
    async fn prices(&self, product: &ProductId) -> Result<BTreeMap<String, Money>, PaymentError>;
}

#[async_trait]
pub trait Customers: Send + Sync {
    async fn create(&self, draft: &CustomerDraft, key: &IdempotencyKey) -> Result<Customer, PaymentError>;
    /// Fields that are `None` stay as they are.
    async fn update(
        &self,
        id: &CustomerId,
        change: &CustomerChange,
        key: &IdempotencyKey,
    ) -> Result<Customer, PaymentError>;
    /// Deleting one that is gone already is [`PaymentError::NotFound`].
    async fn delete(&self, id: &CustomerId) -> Result<(), PaymentError>;
    /// [`PaymentError::NotFound`] for one that was deleted, too.
    async fn retrieve(&self, id: &CustomerId) -> Result<Customer, PaymentError>;
    /// Every customer of exactly this address; several may share one.
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
    /// Pays with `method`, or with the one that the intent has. A refusal is [`PaymentError::Declined`].
    async fn confirm(
        &self,
        id: &IntentId,
        method: Option<&PaymentMethodId>,
        return_url: Option<&str>,
        key: &IdempotencyKey,
    ) -> Result<Intent, PaymentError>;
    /// [`PaymentError::State`] when it was paid, cancelled, or belongs to a checkout session.
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
    /// What the customer must do before it goes on.
    pub next_action: Option<NextAction>,
    /// Why the last try failed.
    pub decline: Option<Decline>,
    /// What lets the customer's browser go on with it.
    pub client_secret: Option<SecretString>,
    pub livemode: bool,
}

/// What a customer must do before a payment goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NextAction {
    /// Give a means of payment.
    GiveMethod,
    /// Confirm it.
    Confirm,
    /// Go to this page of the bank's, and come back.
    Redirect { url: String },
    /// Something that only the provider's own script can do; its name at the provider.
    Scripted { kind: String },
}

#[async_trait]
pub trait Subscriptions: Send + Sync {
    async fn create(&self, draft: &SubscriptionDraft, key: &IdempotencyKey) -> Result<Subscription, PaymentError>;
    /// Fields that are `None` stay as they are.
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
    /// Whether its invoices are collected: `true` stops that, `false` lets it go on.
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
    /// Gives back `amount`, or all that is left where it is `None`. [`PaymentError::State`] when there is not that much left.
    async fn create(&self, draft: &RefundDraft, key: &IdempotencyKey) -> Result<Refund, PaymentError>;
    async fn retrieve(&self, id: &RefundId) -> Result<Refund, PaymentError>;
    /// Refunds made since `since`, or of one payment, or both; newest first.
    async fn list(&self, filter: &RefundFilter, from: Option<&Cursor>) -> Result<Page<Refund>, PaymentError>;
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundDraft {
    pub intent: IntentId,
    /// In the currency that was charged.
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
    /// Disputes that began since `since`; newest first.
    async fn list(&self, since: OffsetDateTime, from: Option<&Cursor>) -> Result<Page<Dispute>, PaymentError>;
}

#[async_trait]
pub trait Events: Send + Sync {
    /// Events of the types that the shop handles, made since `since`, that no endpoint has acknowledged; newest first. How far
    /// back they reach is the provider's to say (Stripe: 30 days).
    async fn undelivered(
        &self,
        since: OffsetDateTime,
        from: Option<&Cursor>,
    ) -> Result<Page<VerifiedEvent>, PaymentError>;
}

/// What the provider has been told about where to send events.
#[async_trait]
pub trait Endpoints: Send + Sync {
    async fn endpoints(&self) -> Result<Vec<Endpoint>, PaymentError>;
    /// The types that an endpoint of this shop must ask for.
    fn expected_events(&self) -> &'static [&'static str];
    /// The version that an endpoint of this shop must send.
    fn expected_version(&self) -> &'static str;
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    pub id: String,
    pub url: String,
    pub enabled: bool,
    /// Event types; `*` stands for all.
    pub events: Vec<String>,
    /// `None`: the account's default, whatever that is.
    pub api_version: Option<String>,
    pub livemode: bool,
}
