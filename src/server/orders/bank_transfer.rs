//! Use case: the merchant changes an order that is paid by bank transfer. No event reports these
//! changes: the transfer arrived, or the order is cancelled.

use serde_json::json;
use thiserror::Error;

use super::{
    fulfilment::{apply_session, apply_update},
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
    store::{Applied, OrderKey, Source, StoreError, WebhookEvent},
};

/// The result of a change, with the preorder as it is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TransferChange {
    /// This call changed the order. The order may be held for review: another amount may have
    /// arrived than was asked for.
    Made(Preorder),
    /// The change had been made before, and nothing happened.
    AlreadyMade(Preorder),
}

impl TransferChange {
    /// Returns the preorder as it is now.
    pub const fn preorder(&self) -> &Preorder {
        match self {
            Self::Made(preorder) | Self::AlreadyMade(preorder) => preorder,
        }
    }
}

/// Why nothing was changed. The texts are for the merchant.
#[derive(Debug, Error)]
pub enum BankTransferError {
    #[error("there is no preorder {0}")]
    UnknownOrder(PreorderNumber),
    #[error("it is paid through {}, which reports its payments; only bank transfers are marked by hand", .0.as_str())]
    NotByInvoice(ProviderId),
    #[error("bank transfers are not enabled: add invoice to PAYMENT_PROVIDERS")]
    NotEnabled,
    #[error("the order is {}, which rules this change out", .0.as_str())]
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

/// Records that the transfer for this order arrived: with the amount that was asked for, or with
/// `received`, in minor units of the order's currency.
///
/// # Errors
///
/// [`BankTransferError::WrongStatus`] if the order was refunded, and
/// [`BankTransferError::NoAmount`] if `received` is not above zero.
pub async fn mark_paid(
    shop: &Shop,
    number: &PreorderNumber,
    received: Option<i64>,
) -> Result<TransferChange, BankTransferError> {
    let preorder = invoice_order(shop, number).await?;
    let status = preorder.details.status;
    // Money that arrives for a cancelled order counts, too.
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
    let source = Source { provider: ProviderId::Invoice, event: Some(&delivery), at: shop.clock.now(), dry_run: false };
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

/// Cancels an order that awaits its transfer.
///
/// # Errors
///
/// [`BankTransferError::WrongStatus`] if the order was paid.
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
        // The order changed in the meantime.
        _ => match invoice_order(shop, number).await? {
            preorder if preorder.details.status == PreorderStatus::Cancelled => {
                Ok(TransferChange::AlreadyMade(preorder))
            }
            preorder => Err(BankTransferError::WrongStatus(preorder.details.status)),
        },
    }
}

async fn invoice_order(shop: &Shop, number: &PreorderNumber) -> Result<Preorder, BankTransferError> {
    let purchase = shop.store.order(OrderKey::Number(number)).await?;
    let preorder = purchase.ok_or_else(|| BankTransferError::UnknownOrder(number.clone()))?.preorder;
    match preorder.details.provider {
        ProviderId::Invoice => Ok(preorder),
        other @ ProviderId::Stripe => Err(BankTransferError::NotByInvoice(other)),
    }
}

/// Builds the event that the webhook log stores: one per order, however often it is marked, and
/// without personal data.
fn paid_event(preorder: &Preorder, received: Money) -> Result<WebhookEvent, BankTransferError> {
    let session = &preorder.details.session;
    let body = json!({
        "type": "invoice.marked_paid",
        "session": session.as_str(),
        "preorder_number": preorder.number.as_str(),
        "received_minor": received.minor(),
        "currency": received.currency().code(),
    });
    Ok(WebhookEvent {
        provider: ProviderId::Invoice,
        event_id: EventId::parse(&format!("invoice:{session}:paid"))
            .ok_or_else(|| BankTransferError::NotRecorded("its session id is too long for an event id".to_owned()))?,
        event_type: "invoice.marked_paid".to_owned(),
        body: body.to_string().into(),
    })
}
