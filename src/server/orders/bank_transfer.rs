//! Use case: the merchant settles orders by invoice, which no event tells of: the transfer arrived, or the order is called off.

use serde_json::json;
use thiserror::Error;

use super::{
    fulfilment::{Telling, fulfil, record},
    invoice_history::update_of,
};
use crate::domain::{
    lifecycle::PaymentUpdate,
    money::Money,
    payment::{EventId, ProviderId},
    preorder::{Preorder, PreorderNumber, PreorderStatus},
};
use crate::server::{
    payments::{PaymentError, invoice},
    state::Shop,
    store::{Applied, Delivery, PurchaseKey, StoreError},
};

/// The preorder as it stands now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Settled {
    /// It was settled by this call. It may be held for review, when another amount came than was asked for.
    Now(Preorder),
    /// It had been settled before, and nothing was changed.
    Before(Preorder),
}

impl Settled {
    pub const fn preorder(&self) -> &Preorder {
        match self {
            Self::Now(preorder) | Self::Before(preorder) => preorder,
        }
    }
}

/// Why nothing was settled, in words for the merchant.
#[derive(Debug, Error)]
pub enum SettleError {
    #[error("there is no preorder {0}")]
    Unknown(PreorderNumber),
    #[error("it is paid by {}, which tells by itself what happens", .0.as_str())]
    NotByInvoice(ProviderId),
    #[error("invoice is not among PAYMENT_PROVIDERS")]
    NotSetUp,
    #[error("it is {}", .0.as_str())]
    Over(PreorderStatus),
    #[error("the amount received must be above zero, in minor units (29900 for 299.00)")]
    NoAmount,
    #[error("it cannot be recorded: {0}")]
    Ignored(String),
    #[error(transparent)]
    Payment(#[from] PaymentError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Notes that the transfer for this order arrived: what was asked for, or `received` in minor units of its currency.
pub async fn mark_paid(shop: &Shop, number: &PreorderNumber, received: Option<i64>) -> Result<Settled, SettleError> {
    let preorder = by_invoice(shop, number).await?;
    let status = preorder.details.status;
    // Money that comes for an order that was called off is money all the same.
    if status == PreorderStatus::Refunded {
        return Err(SettleError::Over(status));
    }
    let asked = preorder.details.amount.ok_or_else(|| SettleError::Ignored("it has no amount".to_owned()))?;
    let received = match received {
        None => asked,
        Some(minor) if minor > 0 => Money::new(minor, asked.currency()).map_err(|_| SettleError::NoAmount)?,
        Some(_) => return Err(SettleError::NoAmount),
    };
    let facts = invoice::paid(update_of(&preorder.details), received);
    let delivery = delivery(&preorder, received)?;
    let telling =
        Telling { provider: ProviderId::Invoice, delivery: Some(&delivery), at: shop.clock.now(), dry_run: false };
    match record(shop, telling, &PaymentUpdate::Session(Box::new(facts))).await? {
        Applied::Changed(Some(preorder)) => Ok(Settled::Now(preorder)),
        Applied::Ignored(reason) => Err(SettleError::Ignored(reason)),
        Applied::Duplicate | Applied::Unchanged(_) | Applied::Changed(None) => match by_invoice(shop, number).await? {
            preorder if preorder.details.status >= PreorderStatus::Paid => Ok(Settled::Before(preorder)),
            preorder => Err(SettleError::Over(preorder.details.status)),
        },
    }
}

/// Calls off an order that awaits its transfer.
pub async fn cancel(shop: &Shop, number: &PreorderNumber) -> Result<Settled, SettleError> {
    let preorder = by_invoice(shop, number).await?;
    if preorder.details.status == PreorderStatus::Cancelled {
        return Ok(Settled::Before(preorder));
    }
    let provider = shop.payments.by_id(ProviderId::Invoice).ok_or(SettleError::NotSetUp)?;
    let facts = match provider.expire_session(&preorder.details.session).await {
        Err(PaymentError::State(_)) => return Err(SettleError::Over(preorder.details.status)),
        told => told?,
    };
    match fulfil(shop, &facts).await? {
        Applied::Ignored(reason) => Err(SettleError::Ignored(reason)),
        Applied::Changed(Some(preorder)) => Ok(Settled::Now(preorder)),
        // Something else happened to it meanwhile.
        _ => match by_invoice(shop, number).await? {
            preorder if preorder.details.status == PreorderStatus::Cancelled => Ok(Settled::Before(preorder)),
            preorder => Err(SettleError::Over(preorder.details.status)),
        },
    }
}

async fn by_invoice(shop: &Shop, number: &PreorderNumber) -> Result<Preorder, SettleError> {
    let purchase = shop.store.purchase(PurchaseKey::Number(number)).await?;
    let preorder = purchase.ok_or_else(|| SettleError::Unknown(number.clone()))?.preorder;
    match preorder.details.provider {
        ProviderId::Invoice => Ok(preorder),
        other @ ProviderId::Stripe => Err(SettleError::NotByInvoice(other)),
    }
}

/// What the log keeps of it: one entry per order, however often it is said, and nothing personal.
fn delivery(preorder: &Preorder, received: Money) -> Result<Delivery, SettleError> {
    let session = &preorder.details.session;
    let body = json!({
        "type": "invoice.marked_paid",
        "session": session.as_str(),
        "preorder_number": preorder.number.as_str(),
        "received_minor": received.minor(),
        "currency": received.currency().code(),
    });
    Ok(Delivery {
        provider: ProviderId::Invoice,
        event_id: EventId::parse(&format!("invoice:{session}:paid"))
            .ok_or_else(|| SettleError::Ignored("its session makes no event's name".to_owned()))?,
        event_type: "invoice.marked_paid".to_owned(),
        body: body.to_string().into(),
    })
}
