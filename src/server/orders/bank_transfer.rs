//! Use case: the merchant settles orders by invoice, which no event tells of: the transfer arrived, or the order is called off.

use serde_json::json;
use thiserror::Error;

use super::{
    fulfilment::{Source, apply_session, apply_update},
    invoice_history::session_update,
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
pub enum TransferChange {
    /// It was settled by this call. It may be held for review, when another amount came than was asked for.
    Made(Preorder),
    /// It had been settled before, and nothing was changed.
    AlreadyMade(Preorder),
}

impl TransferChange {
    pub const fn preorder(&self) -> &Preorder {
        match self {
            Self::Made(preorder) | Self::AlreadyMade(preorder) => preorder,
        }
    }
}

/// Why nothing was settled, in words for the merchant.
#[derive(Debug, Error)]
pub enum BankTransferError {
    #[error("there is no preorder {0}")]
    UnknownOrder(PreorderNumber),
    #[error("it is paid by {}, which tells by itself what happens", .0.as_str())]
    NotByInvoice(ProviderId),
    #[error("invoice is not among PAYMENT_PROVIDERS")]
    NotEnabled,
    #[error("it is {}", .0.as_str())]
    WrongStatus(PreorderStatus),
    #[error("the amount received must be above zero, in minor units (29900 for 299.00)")]
    NoAmount,
    #[error("it cannot be recorded: {0}")]
    NotRecorded(String),
    #[error(transparent)]
    Payment(#[from] PaymentError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Notes that the transfer for this order arrived: what was asked for, or `received` in minor units of its currency.
pub async fn mark_paid(
    shop: &Shop,
    number: &PreorderNumber,
    received: Option<i64>,
) -> Result<TransferChange, BankTransferError> {
    let preorder = invoice_order(shop, number).await?;
    let status = preorder.details.status;
    // Money that comes for an order that was called off is money all the same.
    if status == PreorderStatus::Refunded {
        return Err(BankTransferError::WrongStatus(status));
    }
    let expected =
        preorder.details.amount.ok_or_else(|| BankTransferError::NotRecorded("it has no amount".to_owned()))?;
    let received = match received {
        None => expected,
        Some(minor) if minor > 0 => Money::new(minor, expected.currency()).map_err(|_| BankTransferError::NoAmount)?,
        Some(_) => return Err(BankTransferError::NoAmount),
    };
    let update = invoice::paid(session_update(&preorder.details), received);
    let delivery = paid_event(&preorder, received)?;
    let source =
        Source { provider: ProviderId::Invoice, delivery: Some(&delivery), at: shop.clock.now(), dry_run: false };
    match apply_update(shop, source, &PaymentUpdate::Session(Box::new(update))).await? {
        Applied::Changed(Some(preorder)) => Ok(TransferChange::Made(preorder)),
        Applied::Ignored(reason) => Err(BankTransferError::NotRecorded(reason)),
        Applied::Duplicate | Applied::Unchanged(_) | Applied::Changed(None) => match invoice_order(shop, number).await?
        {
            preorder if preorder.details.status >= PreorderStatus::Paid => Ok(TransferChange::AlreadyMade(preorder)),
            preorder => Err(BankTransferError::WrongStatus(preorder.details.status)),
        },
    }
}

/// Calls off an order that awaits its transfer.
pub async fn cancel(shop: &Shop, number: &PreorderNumber) -> Result<TransferChange, BankTransferError> {
    let preorder = invoice_order(shop, number).await?;
    if preorder.details.status == PreorderStatus::Cancelled {
        return Ok(TransferChange::AlreadyMade(preorder));
    }
    let provider = shop.payments.by_id(ProviderId::Invoice).ok_or(BankTransferError::NotEnabled)?;
    let update = match provider.expire_session(&preorder.details.session).await {
        Err(PaymentError::State(_)) => return Err(BankTransferError::WrongStatus(preorder.details.status)),
        expired => expired?,
    };
    match apply_session(shop, &update).await? {
        Applied::Ignored(reason) => Err(BankTransferError::NotRecorded(reason)),
        Applied::Changed(Some(preorder)) => Ok(TransferChange::Made(preorder)),
        // Something else happened to it meanwhile.
        _ => match invoice_order(shop, number).await? {
            preorder if preorder.details.status == PreorderStatus::Cancelled => {
                Ok(TransferChange::AlreadyMade(preorder))
            }
            preorder => Err(BankTransferError::WrongStatus(preorder.details.status)),
        },
    }
}

async fn invoice_order(shop: &Shop, number: &PreorderNumber) -> Result<Preorder, BankTransferError> {
    let purchase = shop.store.purchase(PurchaseKey::Number(number)).await?;
    let preorder = purchase.ok_or_else(|| BankTransferError::UnknownOrder(number.clone()))?.preorder;
    match preorder.details.provider {
        ProviderId::Invoice => Ok(preorder),
        other @ ProviderId::Stripe => Err(BankTransferError::NotByInvoice(other)),
    }
}

/// What the log keeps of it: one entry per order, however often it is said, and nothing personal.
fn paid_event(preorder: &Preorder, received: Money) -> Result<Delivery, BankTransferError> {
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
            .ok_or_else(|| BankTransferError::NotRecorded("its session makes no event's name".to_owned()))?,
        event_type: "invoice.marked_paid".to_owned(),
        body: body.to_string().into(),
    })
}
