//! Use case: the merchant gives money back. The provider does it; what it then says is recorded like anything else it says.

use thiserror::Error;

use super::fulfilment::{Source, apply_update};
use crate::domain::{
    lifecycle::{PaymentUpdate, Refund},
    money::Money,
    payment::RefundId,
    preorder::PreorderNumber,
};
use crate::server::{
    payments::{
        PaymentError,
        capability::{IdempotencyKey, RefundDraft, RefundReason},
    },
    state::Shop,
    store::{PurchaseKey, StoreError},
};

/// Why nothing was given back.
#[derive(Debug, Error)]
pub enum RefundError {
    #[error("there is no preorder {0}")]
    UnknownOrder(PreorderNumber),
    #[error("it was not paid through a provider that can give money back; pay it back yourself")]
    NotSupported,
    #[error(
        "the amount must be above zero, no more than is left of it ({left}), and in steps of {} minor units",
        left.currency().step()
    )]
    InvalidAmount { left: Money },
    #[error("everything was given back already")]
    NothingLeft,
    #[error("{0} gave back the same amount before; say --again if another refund is meant")]
    SameAmount(RefundId),
    #[error(transparent)]
    Provider(PaymentError),
    /// No answer, or one that says nothing: the money may be on its way.
    #[error(
        "{0}; it may have gone through: run `rolitt reconcile`, look at the order, and repeat it only if it has not"
    )]
    OutcomeUnknown(PaymentError),
    /// The money is on its way; reconciliation, or the event, will record it.
    #[error("the provider gave the money back, and it could not be recorded: {0}; `rolitt reconcile` will")]
    NotRecorded(StoreError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the merchant asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct RefundRequest {
    /// In minor units of what was charged; `None` is all that is left.
    pub minor: Option<i64>,
    pub reason: Option<RefundReason>,
    /// Whether another refund of an amount that went back before is meant.
    pub allow_repeat: bool,
}

/// Gives money back. A call that is repeated at once, because its answer was lost, gives nothing back twice: its idempotency key
/// counts the refunds that are known. One that is repeated after the refund became known is refused unless another is meant.
pub async fn refund(shop: &Shop, number: &PreorderNumber, request: RefundRequest) -> Result<Refund, RefundError> {
    let purchase = shop.store.purchase(PurchaseKey::Number(number)).await?;
    let purchase = purchase.ok_or_else(|| RefundError::UnknownOrder(number.clone()))?;
    let details = &purchase.preorder.details;
    let provider = shop.payments.by_id(details.provider).ok_or(RefundError::NotSupported)?;
    let (Some(refunds), Some(intent), Some(charged)) = (provider.refunds(), &details.intent, details.amount) else {
        return Err(RefundError::NotSupported);
    };
    let left = charged.minor().saturating_sub(details.refunded_minor);
    let left = Money::new(left.max(0), charged.currency()).map_err(|_| RefundError::NothingLeft)?;
    if left.minor() == 0 {
        return Err(RefundError::NothingLeft);
    }
    let amount = match request.minor {
        None => None,
        Some(minor) if (1..=left.minor()).contains(&minor) && minor % charged.currency().step() == 0 => {
            Money::new(minor, charged.currency()).ok()
        }
        Some(_) => return Err(RefundError::InvalidAmount { left }),
    };
    let known = &purchase.case.refunds;
    let repeated = known.iter().find(|refund| refund.status.counts() && Some(refund.amount) == amount);
    if let Some(repeated) = repeated.filter(|_| !request.allow_repeat) {
        return Err(RefundError::SameAmount(repeated.id.clone()));
    }
    let amount_text = amount.map_or_else(|| "all".to_owned(), |amount| amount.minor().to_string());
    let key = IdempotencyKey::parse(&format!("refund-{number}-{}-{amount_text}", known.len()))
        .ok_or(RefundError::NotSupported)?;
    let draft = RefundDraft { intent: intent.clone(), amount, reason: request.reason };
    let refund = refunds.create(&draft, &key).await.map_err(|error| {
        if error.retryable() { RefundError::OutcomeUnknown(error) } else { RefundError::Provider(error) }
    })?;
    let source = Source { provider: details.provider, delivery: None, at: shop.clock.now(), dry_run: false };
    apply_update(shop, source, &PaymentUpdate::Refund(refund.clone())).await.map_err(RefundError::NotRecorded)?;
    Ok(refund)
}
