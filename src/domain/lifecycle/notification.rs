//! What a preorder's state causes outside, each once; and whether a cause still holds when its message is about to leave.

use std::{fmt, str::FromStr};

use super::{OrderState, Refund, RefundStatus};
use crate::domain::{
    payment::{ProviderId, RefundId},
    preorder::{PreorderDetails, PreorderStatus},
};

/// A moment that customers are told about. Written with an outbox row, to be looked at again when the row is sent.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Notification {
    /// An order by invoice waits for its transfer.
    AwaitingPayment,
    PaymentFailed,
    Cancelled,
    Paid,
    Shipped,
    Refunded(RefundId),
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwaitingPayment => f.write_str("awaiting_payment"),
            Self::PaymentFailed => f.write_str("payment_failed"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Paid => f.write_str("paid"),
            Self::Shipped => f.write_str("shipped"),
            Self::Refunded(refund) => write!(f, "refunded:{refund}"),
        }
    }
}

impl FromStr for Notification {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix("refunded:").and_then(RefundId::parse)) {
            (_, Some(refund)) => Ok(Self::Refunded(refund)),
            ("awaiting_payment", _) => Ok(Self::AwaitingPayment),
            ("payment_failed", _) => Ok(Self::PaymentFailed),
            ("cancelled", _) => Ok(Self::Cancelled),
            ("paid", _) => Ok(Self::Paid),
            ("shipped", _) => Ok(Self::Shipped),
            _ => Err("not a consequence"),
        }
    }
}

/// What follows from `after` that did not follow from `before`. Nothing while the order itself is in doubt, nor once there is
/// nobody to tell: the customer was erased.
pub fn notifications(before: &OrderState, after: &OrderState) -> Vec<Notification> {
    let mut found = following(after);
    let known = following(before);
    found.retain(|consequence| !known.contains(consequence));
    found
}

fn following(case: &OrderState) -> Vec<Notification> {
    let told = |preorder: &&PreorderDetails| !preorder.review.blocks_notifications() && preorder.erased_at.is_none();
    let Some(preorder) = case.preorder.as_ref().filter(told) else { return Vec::new() };
    let mut found = Vec::new();
    match preorder.status {
        PreorderStatus::AwaitingPayment if preorder.provider == ProviderId::Invoice => {
            found.push(Notification::AwaitingPayment);
        }
        PreorderStatus::AwaitingPayment => {}
        PreorderStatus::PaymentFailed => found.push(Notification::PaymentFailed),
        PreorderStatus::Cancelled => found.push(Notification::Cancelled),
        _ => found.push(Notification::Paid),
    }
    if matches!(preorder.status, PreorderStatus::Shipped | PreorderStatus::Delivered) {
        found.push(Notification::Shipped);
    }
    // Refunds of its own payment: those of one that it is only told to belong to follow from the telling.
    let own = |refund: &&Refund| preorder.intent.as_ref() == Some(&refund.intent);
    let sent_back = case.refunds.iter().filter(own).filter(|refund| refund.status == RefundStatus::Succeeded);
    found.extend(sent_back.map(|refund| Notification::Refunded(refund.id.clone())));
    found
}

/// Whether a message about `consequence` is still true, given what is known now.
pub fn still_applies(consequence: &Notification, now: &OrderState) -> bool {
    let Some(preorder) = now.preorder.as_ref().filter(|preorder| preorder.erased_at.is_none()) else { return false };
    let status_is = |status| preorder.status == status;
    match consequence {
        Notification::AwaitingPayment => status_is(PreorderStatus::AwaitingPayment),
        Notification::PaymentFailed => status_is(PreorderStatus::PaymentFailed),
        Notification::Cancelled => status_is(PreorderStatus::Cancelled),
        Notification::Paid => preorder.status >= PreorderStatus::Paid && !fully_refunded(preorder),
        Notification::Shipped => preorder.status >= PreorderStatus::Shipped,
        Notification::Refunded(id) => {
            now.refunds.iter().any(|refund| refund.id == *id && refund.status == RefundStatus::Succeeded)
        }
    }
}

/// Whether everything went back, and not only is on its way.
fn fully_refunded(preorder: &PreorderDetails) -> bool {
    preorder.status == PreorderStatus::Refunded
        && preorder.amount.is_some_and(|amount| preorder.refunded_minor >= amount.minor())
}
