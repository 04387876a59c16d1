//! Stripe, API version 2025-06-30.basil: the only folder that names async-stripe or a Stripe field.

mod catalogue;
mod client;
mod customers;
pub mod decode;
mod disputes;
mod endpoints;
pub mod error;
mod event;
mod intents;
mod refunds;
mod retry;
mod session;
mod session_update;
mod signature;
mod subscriptions;
#[cfg(test)]
mod tests;
mod undelivered;

use async_trait::async_trait;
use axum::http::HeaderMap;
use bytes::Bytes;
use secrecy::SecretString;
use time::OffsetDateTime;
use url::Url;

use self::{client::StripeClient, signature::WebhookSecrets};
use super::{
    Cursor, Customers, DecodeError, Disputes, Endpoints, Events, Page, PaymentError, PaymentIntents, PaymentProvider,
    Prices, ProviderEvent, Refunds, SessionOrder, SignatureError, Started, Subscriptions, VerifiedEvent,
};
use crate::domain::{
    lifecycle::SessionUpdate,
    payment::{ProviderId, SessionId},
};

/// Objects of a page of a list: the most that Stripe returns.
const PAGE: i64 = 100;

/// The adapter's configuration.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    pub secret_key: SecretString,
    /// Whether the key is a live key, which moves real money.
    pub livemode: bool,
    /// The active webhook secrets, the current one first. Never empty.
    pub webhook_secrets: Vec<SecretString>,
    pub api_base: Url,
    pub capabilities: Capabilities,
}

/// What the shop may use of Stripe in addition to checkout sessions. A restricted key may lack the
/// permission for some of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "six switches that have nothing to do with each other")]
pub struct Capabilities {
    pub customers: bool,
    pub payment_intents: bool,
    pub subscriptions: bool,
    pub refunds: bool,
    pub disputes: bool,
    pub events: bool,
}

impl Capabilities {
    pub const NONE: Self = Self {
        customers: false,
        payment_intents: false,
        subscriptions: false,
        refunds: false,
        disputes: false,
        events: false,
    };
}

impl Default for Capabilities {
    /// Enables all capabilities.
    fn default() -> Self {
        Self {
            customers: true,
            payment_intents: true,
            subscriptions: true,
            refunds: true,
            disputes: true,
            events: true,
        }
    }
}

/// The shop's connection to one Stripe account.
pub struct Stripe {
    client: StripeClient,
    secrets: WebhookSecrets,
    livemode: bool,
    capabilities: Capabilities,
}

impl Stripe {
    pub fn new(config: &StripeConfig, http: reqwest::Client) -> Self {
        Self {
            client: StripeClient::new(http, &config.api_base, config.secret_key.clone()),
            secrets: WebhookSecrets::new(config.webhook_secrets.clone()),
            livemode: config.livemode,
            capabilities: config.capabilities,
        }
    }
}

#[async_trait]
impl PaymentProvider for Stripe {
    fn id(&self) -> ProviderId {
        ProviderId::Stripe
    }

    fn livemode(&self) -> bool {
        self.livemode
    }

    fn keeps_books(&self) -> bool {
        true
    }

    async fn create_session(&self, order: &SessionOrder) -> Result<Started, PaymentError> {
        session::create(&self.client, order).await.map(Started::Redirect)
    }

    async fn retrieve_session(&self, id: &SessionId) -> Result<SessionUpdate, PaymentError> {
        session::retrieve(self, id).await
    }

    async fn expire_session(&self, id: &SessionId) -> Result<SessionUpdate, PaymentError> {
        session::expire(self, id).await
    }

    async fn list_sessions(
        &self,
        since: OffsetDateTime,
        from: Option<&Cursor>,
    ) -> Result<Page<SessionUpdate>, PaymentError> {
        session::list(self, since, from).await
    }

    fn verify(&self, headers: &HeaderMap, body: Bytes, now: OffsetDateTime) -> Result<VerifiedEvent, SignatureError> {
        self.secrets.verify(headers, &body, now)?;
        let (id, event_type) = event::name(&body).ok_or(SignatureError::Malformed)?;
        Ok(VerifiedEvent { id, event_type, body })
    }

    fn decode(&self, body: &[u8]) -> Result<ProviderEvent, DecodeError> {
        event::decode(body, self.livemode)
    }

    fn prices(&self) -> Option<&dyn Prices> {
        Some(self)
    }

    fn customers(&self) -> Option<&dyn Customers> {
        self.capabilities.customers.then_some(self as &dyn Customers)
    }

    fn payment_intents(&self) -> Option<&dyn PaymentIntents> {
        self.capabilities.payment_intents.then_some(self as &dyn PaymentIntents)
    }

    fn subscriptions(&self) -> Option<&dyn Subscriptions> {
        self.capabilities.subscriptions.then_some(self as &dyn Subscriptions)
    }

    fn refunds(&self) -> Option<&dyn Refunds> {
        self.capabilities.refunds.then_some(self as &dyn Refunds)
    }

    fn disputes(&self) -> Option<&dyn Disputes> {
        self.capabilities.disputes.then_some(self as &dyn Disputes)
    }

    fn events(&self) -> Option<&dyn Events> {
        self.capabilities.events.then_some(self as &dyn Events)
    }

    fn endpoints(&self) -> Option<&dyn Endpoints> {
        Some(self)
    }
}

/// Returns whether Stripe Checkout ships to this ISO 3166-1 alpha-2 code.
pub fn ships_to(code: &str) -> bool {
    session::ships_to(code)
}
