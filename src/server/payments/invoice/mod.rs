//! Payment by bank transfer. There is no provider behind it: an order is placed at checkout, awaits
//! its transfer, and the merchant marks it as paid. The recorded orders come from a history that
//! the caller supplies.

mod account;

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::HeaderMap;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

pub use self::account::{BankAccount, Bic, Iban};
use super::{
    Cursor, Customers, DecodeError, Disputes, Endpoints, Events, Page, PaymentError, PaymentIntents, PaymentProvider,
    Prices, ProviderEvent, Refunds, SessionOrder, SignatureError, Started, Subscriptions, VerifiedEvent,
};
use crate::{
    domain::{
        lifecycle::{ExpectedAmount, SessionOutcome, SessionUpdate},
        money::Money,
        payment::{ProviderId, SessionId},
    },
    server::orders::order_link,
};

/// The configuration of bank transfers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvoiceConfig {
    pub account: BankAccount,
    /// How long a place in the batch is reserved for a transfer.
    pub due_days: u16,
    /// Whether real money moves.
    pub livemode: bool,
}

/// The recorded bank-transfer orders: this provider stores nothing itself.
#[async_trait]
pub trait OrderHistory: Send + Sync {
    /// Returns the bank-transfer order of this session, if there is one.
    async fn session(&self, id: &SessionId) -> Result<Option<SessionUpdate>, PaymentError>;

    /// Returns a page of the orders placed since `since`, newest first.
    async fn since(&self, since: OffsetDateTime, from: Option<&Cursor>) -> Result<Page<SessionUpdate>, PaymentError>;
}

pub struct Invoice {
    livemode: bool,
    history: Arc<dyn OrderHistory>,
    /// A secret of this shop, see [`Invoice::token`].
    key: SecretString,
}

impl Invoice {
    /// `key` is any lasting secret of this shop. It is used in one-way hashes only.
    pub fn new(config: &InvoiceConfig, history: Arc<dyn OrderHistory>, key: SecretString) -> Self {
        Self { livemode: config.livemode, history, key }
    }

    /// Returns the token of the order page: a hash of the order, so that a double click and a
    /// reload lead to the same link. It is as hard to guess as the order's attempt, the only part
    /// that others cannot know. An attempt made by our page has 256 random bits and needs nothing
    /// more: its link stays the same when the merchant's keys change. A foreign attempt may be `1`.
    /// Its hash includes a secret of the shop, so that no guess of the attempt yields the token.
    fn token(&self, order: &SessionOrder) -> Result<SecretString, PaymentError> {
        if order.attempt.is_unguessable() {
            return Ok(SecretString::from(hex::encode(digest("token", order))));
        }
        let mut keyed = Hmac::<Sha256>::new_from_slice(self.key.expose_secret().as_bytes())
            .map_err(|_| PaymentError::Unreadable("the signing key of order links is invalid".to_owned()))?;
        keyed.update(&digest("keyed token", order));
        Ok(SecretString::from(hex::encode(keyed.finalize().into_bytes())))
    }
}

#[async_trait]
impl PaymentProvider for Invoice {
    fn id(&self) -> ProviderId {
        ProviderId::Invoice
    }

    fn livemode(&self) -> bool {
        self.livemode
    }

    fn keeps_books(&self) -> bool {
        false
    }

    async fn create_session(&self, order: &SessionOrder) -> Result<Started, PaymentError> {
        let token = self.token(order)?;
        let unreadable = |what: &str| PaymentError::Unreadable(format!("{what} that was derived from an order"));
        let update = SessionUpdate {
            provider: ProviderId::Invoice,
            session: SessionId::parse(&format!("inv_{}", &hex::encode(digest("session", order))[..40]))
                .ok_or_else(|| unreadable("the session"))?,
            outcome: SessionOutcome::Pending,
            intent: None,
            customer: None,
            attempt: Some(order.attempt.clone()),
            email: Some(order.email.as_str().to_owned()),
            color: Some(order.color.as_str().to_owned()),
            amount: Some(order.expected),
            expected: ExpectedAmount::Amount(order.expected),
            locale: Some(order.locale.clone()),
            shipping: None,
            livemode: self.livemode,
            // The order is complete with the form. A repeat comes later; the first time stays.
            completed_at: Some(order.asked_at.unix_timestamp()),
            access: Some(order_link::hash_token(token.expose_secret())),
        };
        Ok(Started::Placed { facts: Box::new(update), token })
    }

    async fn retrieve_session(&self, id: &SessionId) -> Result<SessionUpdate, PaymentError> {
        self.history.session(id).await?.ok_or(PaymentError::NotFound)
    }

    async fn expire_session(&self, id: &SessionId) -> Result<SessionUpdate, PaymentError> {
        let update = self.retrieve_session(id).await?;
        match update.outcome {
            SessionOutcome::Pending => Ok(SessionUpdate { outcome: SessionOutcome::Cancelled, ..update }),
            outcome => Err(PaymentError::State(format!("the order awaits no transfer: {outcome:?}"))),
        }
    }

    async fn list_sessions(
        &self,
        since: OffsetDateTime,
        from: Option<&Cursor>,
    ) -> Result<Page<SessionUpdate>, PaymentError> {
        self.history.since(since, from).await
    }

    /// Rejects everything: a bank account sends no webhooks.
    fn verify(&self, _: &HeaderMap, _: Bytes, _: OffsetDateTime) -> Result<VerifiedEvent, SignatureError> {
        Err(SignatureError::Missing)
    }

    fn decode(&self, _: &[u8]) -> Result<ProviderEvent, DecodeError> {
        Err(DecodeError::NotAnEvent("bank transfer has no webhook events".to_owned()))
    }

    fn prices(&self) -> Option<&dyn Prices> {
        None
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

/// Returns the update of an order for which `received` arrived. The lifecycle flags an amount that
/// differs from the expected one.
pub fn paid(update: SessionUpdate, received: Money) -> SessionUpdate {
    SessionUpdate { outcome: SessionOutcome::Paid, amount: Some(received), ..update }
}

/// Returns a hash of everything that the customer chose and was shown. Hashes of different purposes
/// reveal nothing about each other. The time and the shop's settings are not included: an order is
/// the same order for as long as its page is open.
fn digest(purpose: &str, order: &SessionOrder) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [
        "rolitt invoice",
        purpose,
        order.attempt.as_str(),
        order.color.as_str(),
        order.email.as_str(),
        order.locale.as_str(),
        order.price.as_str(),
        &order.expected.minor().to_string(),
        order.expected.currency().code(),
    ] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
