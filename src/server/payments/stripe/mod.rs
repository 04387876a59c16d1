//! Stripe, API version 2025-06-30.basil: the only folder that names async-stripe or a Stripe field.

mod catalogue;
mod client;
mod error;
mod event;
mod read;
mod session;
mod signature;

use std::collections::BTreeMap;

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
    life::SessionFacts,
    money::Money,
    payment::{ProductId, ProviderId, SessionId},
};

/// What the adapter needs to know.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    pub secret_key: SecretString,
    /// Live keys move real money.
    pub livemode: bool,
    /// The active webhook secrets, the current one first; never empty, never blank.
    pub webhook_secrets: Vec<SecretString>,
    pub api_base: Url,
}

/// The shop's connection to one Stripe account.
pub struct Stripe {
    client: StripeClient,
    secrets: WebhookSecrets,
    livemode: bool,
}

impl Stripe {
    pub fn new(config: &StripeConfig, http: reqwest::Client) -> Self {
        Self {
            client: StripeClient::new(http, &config.api_base, config.secret_key.clone()),
            secrets: WebhookSecrets::new(config.webhook_secrets.clone()),
            livemode: config.livemode,
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

    async fn create_session(&self, order: &SessionOrder) -> Result<Started, PaymentError> {
        session::create(&self.client, order).await
    }

    async fn retrieve_session(&self, id: &SessionId) -> Result<SessionFacts, PaymentError> {
        session::retrieve(&self.client, id).await
    }

    fn verify(&self, headers: &HeaderMap, body: Bytes, now: OffsetDateTime) -> Result<VerifiedEvent, SignatureError> {
        self.secrets.verify(headers, &body, now)?;
        let (id, event_type) = event::name(&body).ok_or(SignatureError::Malformed)?;
        Ok(VerifiedEvent { id, event_type, body })
    }

    fn decode(&self, body: &[u8]) -> Result<ProviderEvent, DecodeError> {
        event::decode(body)
    }

    async fn expire_session(&self, _: &SessionId) -> Result<SessionFacts, PaymentError> {
        Err(PaymentError::NotFound)
    }

    async fn list_sessions(&self, _: OffsetDateTime, _: Option<&Cursor>) -> Result<Page<SessionFacts>, PaymentError> {
        Ok(Page { items: Vec::new(), next: None })
    }

    fn prices(&self) -> Option<&dyn Prices> {
        Some(self)
    }

    fn customers(&self) -> Option<&dyn Customers> {
        None
    }

    fn payment_intents(&self) -> Option<&dyn PaymentIntents> {
        None
    }

    fn subscriptions(&self) -> Option<&dyn Subscriptions> {
        None
    }

    fn refunds(&self) -> Option<&dyn Refunds> {
        None
    }

    fn disputes(&self) -> Option<&dyn Disputes> {
        None
    }

    fn events(&self) -> Option<&dyn Events> {
        None
    }

    fn endpoints(&self) -> Option<&dyn Endpoints> {
        None
    }
}

#[async_trait]
impl Prices for Stripe {
    async fn prices(&self, product: &ProductId) -> Result<BTreeMap<String, Money>, PaymentError> {
        catalogue::prices(&self.client, product).await
    }
}

/// Whether Stripe Checkout ships to this ISO 3166-1 alpha-2 code.
pub fn ships_to(code: &str) -> bool {
    session::ships_to(code)
}
