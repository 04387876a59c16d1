//! Notifications: which ones a change of an order causes, each once, and whether one still applies
//! when its message is about to be sent.

use std::{fmt, str::FromStr};

use super::{OrderState, Refund, RefundStatus};
use crate::domain::{
    payment::{ProviderId, RefundId},
    preorder::{PreorderDetails, PreorderStatus},
};

/// A moment that the customer hears about. The outbox stores it with the message and checks it
/// again before sending.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Notification {
    /// An order by bank transfer awaits its payment.
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
            _ => Err("not a notification"),
        }
    }
}

/// Returns the notifications that `after` causes and `before` did not. There are none while a
/// review reason blocks them, and none after the customer's erasure.
pub fn notifications(before: &OrderState, after: &OrderState) -> Vec<Notification> {
    let mut found = following(after);
    let known = following(before);
    found.retain(|notification| !known.contains(notification));
    found
}

fn following(state: &OrderState) -> Vec<Notification> {
    let reported =
        |preorder: &&PreorderDetails| !preorder.review.blocks_notifications() && preorder.erased_at.is_none();
    let Some(preorder) = state.preorder.as_ref().filter(reported) else { return Vec::new() };
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
    // Only refunds of the preorder's own payment: until an update names that payment, they are not
    // its.
    let own = |refund: &&Refund| preorder.intent.as_ref() == Some(&refund.intent);
    let sent_back = state.refunds.iter().filter(own).filter(|refund| refund.status == RefundStatus::Succeeded);
    found.extend(sent_back.map(|refund| Notification::Refunded(refund.id.clone())));
    found
}

/// Returns whether a message about `notification` is still true of the order's state `now`.
pub fn still_applies(notification: &Notification, now: &OrderState) -> bool {
    let Some(preorder) = now.preorder.as_ref().filter(|preorder| preorder.erased_at.is_none()) else { return false };
    let status_is = |status| preorder.status == status;
    match notification {
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

/// Returns whether the whole amount was refunded, and not only promised.
fn fully_refunded(preorder: &PreorderDetails) -> bool {
    preorder.status == PreorderStatus::Refunded
        && preorder.amount.is_some_and(|amount| preorder.refunded_minor >= amount.minor())
}
