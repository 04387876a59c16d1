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
    DecodeError, OpenSession, PaymentError, PaymentProvider, ProviderEvent, SessionOrder, SignatureError, VerifiedEvent,
};
use crate::domain::{
    money::Money,
    payment::{ProductId, ProviderId, SessionId},
    preorder::SessionFacts,
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

    async fn create_session(&self, order: &SessionOrder) -> Result<OpenSession, PaymentError> {
        session::create(&self.client, order).await
    }

    async fn retrieve_session(&self, id: &SessionId) -> Result<SessionFacts, PaymentError> {
        session::retrieve(&self.client, id).await
    }

    async fn prices(&self, product: &ProductId) -> Result<BTreeMap<String, Money>, PaymentError> {
        catalogue::prices(&self.client, product).await
    }

    fn verify(&self, headers: &HeaderMap, body: Bytes, now: OffsetDateTime) -> Result<VerifiedEvent, SignatureError> {
        self.secrets.verify(headers, &body, now)?;
        let (id, event_type) = event::name(&body).ok_or(SignatureError::Malformed)?;
        Ok(VerifiedEvent { id, event_type, body })
    }

    fn decode(&self, body: &[u8]) -> Result<ProviderEvent, DecodeError> {
        event::decode(body)
    }
}

/// Whether Stripe Checkout ships to this ISO 3166-1 alpha-2 code.
pub fn ships_to(code: &str) -> bool {
    session::ships_to(code)
}
