//! Use case: the merchant refunds an order. The provider makes the refund, and its response is
//! recorded like every other update.

use thiserror::Error;

use super::fulfilment::apply_update;
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
    store::{OrderKey, Source, StoreError},
};

/// Why no refund was made or recorded.
#[derive(Debug, Error)]
pub enum RefundError {
    #[error("there is no preorder {0}")]
    UnknownOrder(PreorderNumber),
    #[error("its payment provider cannot make refunds; return the money yourself")]
    NotSupported,
    #[error(
        "the amount must be above zero, at most what is left ({left}), and in steps of {} minor units",
        left.currency().step()
    )]
    InvalidAmount { left: Money },
    #[error("the whole amount was refunded already")]
    NothingLeft,
    #[error("{0} refunded the same amount before; use --again if you mean another refund")]
    SameAmount(RefundId),
    #[error(transparent)]
    Provider(PaymentError),
    /// The provider did not respond, or not clearly: the refund may exist.
    #[error(
        "{0}; the refund may have gone through: run `rolitt reconcile`, look at the order, and repeat it only if it has not"
    )]
    OutcomeUnknown(PaymentError),
    /// The refund exists. Its event or a reconciliation will record it.
    #[error("the refund was made but not recorded: {0}; run `rolitt reconcile` to record it")]
    NotRecorded(StoreError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A merchant's request for a refund.
#[derive(Clone, Copy, Debug, Default)]
pub struct RefundRequest {
    /// In minor units of the charge's currency; `None` refunds all that is left.
    pub minor: Option<i64>,
    pub reason: Option<RefundReason>,
    /// Whether to allow another refund of an amount that was refunded before.
    pub allow_repeat: bool,
}

/// Refunds an order in full or in part.
///
/// A call that is repeated at once, because its response was lost, refunds only once: the
/// idempotency key counts the known refunds. A call that is repeated after the refund became known
/// is refused unless `allow_repeat` is set.
///
/// # Errors
///
/// [`RefundError::OutcomeUnknown`] and [`RefundError::NotRecorded`] mean that the refund may exist.
pub async fn refund(shop: &Shop, number: &PreorderNumber, request: RefundRequest) -> Result<Refund, RefundError> {
    let purchase = shop.store.order(OrderKey::Number(number)).await?;
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
    let known = &purchase.state.refunds;
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
    let source = Source { provider: details.provider, event: None, at: shop.clock.now(), dry_run: false };
    apply_update(shop, source, &PaymentUpdate::Refund(refund.clone())).await.map_err(RefundError::NotRecorded)?;
    Ok(refund)
}
