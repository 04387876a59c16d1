//! Payment by bank transfer. There is nobody to ask and nobody who tells: an order is placed at checkout, awaits its transfer,
//! and is settled by the merchant. What was recorded is asked of a ledger that is handed in.

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

/// What the merchant sets up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvoiceConfig {
    pub account: BankAccount,
    /// How long a place in the batch is kept for a transfer.
    pub due_days: u16,
    /// Whether real money moves.
    pub livemode: bool,
}

/// The orders by invoice that were recorded: this provider has no memory of its own.
#[async_trait]
pub trait InvoiceLedger: Send + Sync {
    /// The order of this session, where there is one by invoice.
    async fn session(&self, id: &SessionId) -> Result<Option<SessionUpdate>, PaymentError>;

    /// Orders by invoice placed since `since`; newest first, a page at a time.
    async fn since(&self, since: OffsetDateTime, from: Option<&Cursor>) -> Result<Page<SessionUpdate>, PaymentError>;
}

pub struct Invoice {
    livemode: bool,
    ledger: Arc<dyn InvoiceLedger>,
    /// A secret of this shop, see [`Invoice::token`].
    key: SecretString,
}

impl Invoice {
    /// `key` is any lasting secret of this shop; only one-way hashes are made of it.
    pub fn new(config: &InvoiceConfig, ledger: Arc<dyn InvoiceLedger>, key: SecretString) -> Self {
        Self { livemode: config.livemode, ledger, key }
    }

    /// What opens the order's page: a hash of the order, so that a double click and a reload lead to one link. It is as hard to
    /// guess as the order is, and of the order only the attempt is nobody else's. One that a page of ours made is 256 random
    /// bits of our own, and needs nothing more: its link stays the same whatever the merchant's keys do. One that somebody else
    /// made may be `1`; there a secret of the shop goes into the hash, so that no guess of the attempt makes the token.
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
        let facts = SessionUpdate {
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
            // The order is complete with the form. Repeats come later, and the earliest moment stays.
            completed_at: Some(order.asked_at.unix_timestamp()),
            access: Some(order_link::hash_token(token.expose_secret())),
        };
        Ok(Started::Placed { facts: Box::new(facts), token })
    }

    async fn retrieve_session(&self, id: &SessionId) -> Result<SessionUpdate, PaymentError> {
        self.ledger.session(id).await?.ok_or(PaymentError::NotFound)
    }

    async fn expire_session(&self, id: &SessionId) -> Result<SessionUpdate, PaymentError> {
        let facts = self.retrieve_session(id).await?;
        match facts.outcome {
            SessionOutcome::Pending => Ok(SessionUpdate { outcome: SessionOutcome::Cancelled, ..facts }),
            outcome => Err(PaymentError::State(format!("the order awaits no transfer: {outcome:?}"))),
        }
    }

    async fn list_sessions(
        &self,
        since: OffsetDateTime,
        from: Option<&Cursor>,
    ) -> Result<Page<SessionUpdate>, PaymentError> {
        self.ledger.since(since, from).await
    }

    /// Nobody signs for a bank account.
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

/// The same order once `received` has arrived. An amount that is not the one asked for is for the preorder's life to flag.
pub fn paid(facts: SessionUpdate, received: Money) -> SessionUpdate {
    SessionUpdate { outcome: SessionOutcome::Paid, amount: Some(received), ..facts }
}

/// A hash of everything that the customer decided and was shown; `purpose` makes hashes that say nothing about each other.
/// Not of the moment, nor of the shop's settings: an order stays the same order for as long as its page is open.
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
