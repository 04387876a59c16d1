//! Use case: the merchant gives money back. The provider does it; what it then says is recorded like anything else it says.

use thiserror::Error;

use super::{
    fulfilment::{Telling, record},
    payments::{
        PaymentError,
        capability::{IdempotencyKey, RefundDraft, RefundReason},
    },
    state::Shop,
    store::{PurchaseKey, StoreError},
};
use crate::domain::{
    life::{Fact, Refund},
    money::Money,
    preorder::PreorderNumber,
};

/// Why nothing was given back.
#[derive(Debug, Error)]
pub enum RefundError {
    #[error("there is no preorder {0}")]
    Unknown(PreorderNumber),
    #[error("it was not paid through a provider that can give money back; pay it back yourself")]
    NotPossible,
    #[error(
        "the amount must be above zero, no more than is left of it ({left}), and in steps of {} minor units",
        left.currency().step()
    )]
    Amount { left: Money },
    #[error("everything was given back already")]
    NothingLeft,
    #[error("{0}")]
    Provider(#[from] PaymentError),
    /// The money is on its way; reconciliation, or the event, will record it.
    #[error("the provider gave the money back, and it could not be recorded: {0}; `rolitt reconcile` will")]
    NotRecorded(StoreError),
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Gives back `minor` units of what was charged, or all that is left. The same call after a crash gives nothing back twice:
/// its idempotency key says how much had gone back before.
pub async fn refund(
    shop: &Shop,
    number: &PreorderNumber,
    minor: Option<i64>,
    reason: Option<RefundReason>,
) -> Result<Refund, RefundError> {
    let purchase = shop.store.purchase(PurchaseKey::Number(number)).await?;
    let purchase = purchase.ok_or_else(|| RefundError::Unknown(number.clone()))?;
    let details = &purchase.preorder.details;
    let provider = shop.payments.by_id(details.provider).ok_or(RefundError::NotPossible)?;
    let (Some(refunds), Some(intent), Some(charged)) = (provider.refunds(), &details.intent, details.amount) else {
        return Err(RefundError::NotPossible);
    };
    let left = charged.minor().saturating_sub(details.refunded_minor);
    let left = Money::new(left.max(0), charged.currency()).map_err(|_| RefundError::NothingLeft)?;
    if left.minor() == 0 {
        return Err(RefundError::NothingLeft);
    }
    let amount = match minor {
        None => None,
        Some(minor) if (1..=left.minor()).contains(&minor) && minor % charged.currency().step() == 0 => {
            Money::new(minor, charged.currency()).ok()
        }
        Some(_) => return Err(RefundError::Amount { left }),
    };
    let asked = amount.map_or_else(|| "all".to_owned(), |amount| amount.minor().to_string());
    let key = format!("refund-{number}-{}-{asked}", details.refunded_minor);
    let key = IdempotencyKey::parse(&key).ok_or(RefundError::NotPossible)?;
    let refund = refunds.create(&RefundDraft { intent: intent.clone(), amount, reason }, &key).await?;
    let telling = Telling { provider: details.provider, delivery: None, at: shop.clock.now(), rehearsal: false };
    record(shop, telling, &Fact::Refund(refund.clone())).await.map_err(RefundError::NotRecorded)?;
    Ok(refund)
}
