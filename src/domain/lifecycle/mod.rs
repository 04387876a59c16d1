//! The order lifecycle: how payment updates change an order, and which notifications follow.
//!
//! [`decide`] alone decides that, and it is pure. It merges an update into the known state, where
//! each kind of update has a rank or a maximum, and recomputes the preorder from all of it. So any
//! order of the same updates, repeated any number of times, ends in the same state.

mod notification;
#[cfg(test)]
mod notification_tests;
mod payment;
#[cfg(test)]
mod tests;
mod updates;

pub use self::{
    notification::{Notification, notifications, still_applies},
    payment::PaymentRecord,
    updates::{
        ChargeUpdate, Dispute, DisputeFunds, DisputeStatus, ExpectedAmount, IntentStatus, IntentUpdate, PaymentUpdate,
        Refund, RefundStatus, SessionOutcome, SessionUpdate,
    },
};
use super::{
    payment::IntentId,
    preorder::{PreorderDetails, PreorderStatus, Review, ReviewReason},
    product::ProductColor,
};

/// Everything known about one order. The preorder is `None` while only its payment was reported.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OrderState {
    pub preorder: Option<PreorderDetails>,
    pub payment: Option<PaymentRecord>,
    /// The payment's refunds, sorted by id.
    pub refunds: Vec<Refund>,
    /// The payment's disputes, sorted by id.
    pub disputes: Vec<Dispute>,
    /// Whether another preorder of the same attempt is paid and is not itself the second payment.
    pub attempt_paid_elsewhere: bool,
}

/// The effect of an update or an action on an order state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// No change: the update is known, or older than what is known.
    None,
    /// No change, for a reason that the webhook log stores.
    Ignore(&'static str),
    /// The new state.
    Put(Box<OrderState>),
}

/// Returns how `fact` changes the known state.
pub fn decide(known: &OrderState, update: &PaymentUpdate) -> Change {
    if let Some(reason) = irrelevant(update) {
        return Change::Ignore(reason);
    }
    let mut state = known.clone();
    apply_update(&mut state, update);
    recompute(&mut state);
    if state == *known { Change::None } else { Change::Put(Box::new(state)) }
}

/// A change that the merchant makes by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MerchantAction {
    /// Mark as shipped, with the carrier's tracking number if there is one.
    Ship {
        tracking: Option<String>,
    },
    Deliver,
    /// Resolve the review reasons that are open now.
    Approve,
    /// Remove personal data for good, at `at` in unix seconds. `force` overrides a need for that
    /// data.
    Erase {
        at: i64,
        force: bool,
    },
}

/// Returns how a merchant's action changes the known state.
///
/// # Errors
/// A sentence for the merchant that says why the action is not possible.
pub fn act(known: &OrderState, act: &MerchantAction) -> Result<Change, &'static str> {
    let mut state = known.clone();
    let Some(preorder) = &mut state.preorder else {
        return Err("there is no such preorder");
    };
    match act {
        MerchantAction::Ship { .. } if preorder.status < PreorderStatus::Paid => return Err("it is not paid"),
        MerchantAction::Ship { .. } | MerchantAction::Deliver if preorder.status == PreorderStatus::Refunded => {
            return Err("it was refunded");
        }
        MerchantAction::Ship { .. } if preorder.review.is_open() => {
            return Err("it is held for review; approve it first");
        }
        MerchantAction::Ship { tracking } => {
            preorder.status = preorder.status.max(PreorderStatus::Shipped);
            preorder.tracking = tracking.clone().or(preorder.tracking.take());
        }
        MerchantAction::Deliver if preorder.status < PreorderStatus::Shipped => return Err("it was not shipped"),
        MerchantAction::Deliver => preorder.status = preorder.status.max(PreorderStatus::Delivered),
        MerchantAction::Approve => preorder.review.resolve_all(),
        MerchantAction::Erase { at, force } => {
            if let Some(needed) = still_needed(known).filter(|_| !force && preorder.erased_at.is_none()) {
                return Err(needed);
            }
            preorder.erased_at = preorder.erased_at.or(Some(*at));
        }
    }
    preorder.enforce_erasure();
    Ok(if state == *known { Change::None } else { Change::Put(Box::new(state)) })
}

/// Returns why the order's personal data is still needed, or `None`.
fn still_needed(state: &OrderState) -> Option<&'static str> {
    let status = state.preorder.as_ref().map(|preorder| preorder.status)?;
    match status {
        PreorderStatus::AwaitingPayment => Some("its payment may still come; cancel it first, or say --force"),
        PreorderStatus::Paid => {
            Some("it is paid and not shipped, which needs an address; refund or ship it first, or say --force")
        }
        _ if state.disputes.iter().any(|dispute| !dispute.status.is_over()) => {
            Some("a dispute over it is open, and its evidence may be needed; wait for its end, or say --force")
        }
        _ => None,
    }
}

/// Returns why an update does not concern this shop, or `None`.
fn irrelevant(update: &PaymentUpdate) -> Option<&'static str> {
    let PaymentUpdate::Session(update) = update else { return None };
    match update.outcome {
        _ if update.color.is_none() => Some("not a session of this shop"),
        SessionOutcome::Open => Some("the session is still open"),
        SessionOutcome::Expired => Some("the session expired without a payment"),
        _ => None,
    }
}

fn apply_update(state: &mut OrderState, update: &PaymentUpdate) {
    match update {
        PaymentUpdate::Session(update) => {
            if let Some(intent) = &update.intent {
                payment_of(state, intent, update.livemode).ours = true;
            }
            let reported = details_from(update);
            state.preorder = Some(match state.preorder.take() {
                Some(current) => merge(current, reported),
                None => reported,
            });
        }
        PaymentUpdate::Intent(update) => payment_of(state, &update.intent, update.livemode).apply_attempt(update),
        PaymentUpdate::Charge(update) => {
            payment_of(state, &update.intent, update.livemode).apply_refunded_total(update.refunded);
        }
        PaymentUpdate::Refund(refund) => {
            payment_of(state, &refund.intent, refund.livemode);
            match state.refunds.binary_search_by(|known| known.id.as_str().cmp(refund.id.as_str())) {
                Ok(place) => state.refunds[place].merge(refund),
                Err(place) => state.refunds.insert(place, refund.clone()),
            }
        }
        PaymentUpdate::Dispute(dispute) => {
            payment_of(state, &dispute.intent, dispute.livemode);
            match state.disputes.binary_search_by(|known| known.id.as_str().cmp(dispute.id.as_str())) {
                Ok(place) => state.disputes[place].merge(dispute),
                Err(place) => state.disputes.insert(place, dispute.clone()),
            }
        }
    }
}

/// Returns the payment's record, and creates it if there is none.
fn payment_of<'a>(state: &'a mut OrderState, intent: &IntentId, livemode: bool) -> &'a mut PaymentRecord {
    state.payment.get_or_insert_with(|| PaymentRecord::new(intent.clone(), livemode))
}

/// Recomputes the preorder from everything known. Its status never goes down.
fn recompute(state: &mut OrderState) {
    let Some(preorder) = &mut state.preorder else { return };
    preorder.enforce_erasure();
    if let Some(payment) = &state.payment {
        let reported = match payment.status {
            IntentStatus::Succeeded => Some(PreorderStatus::Paid),
            IntentStatus::Cancelled => Some(PreorderStatus::Cancelled),
            // A card declined while the customer was still choosing does not fail the order.
            _ if payment.failed_after(preorder.completed_at) => Some(PreorderStatus::PaymentFailed),
            _ => None,
        };
        preorder.status = reported.map_or(preorder.status, |reported| reported.max(preorder.status));
        recompute_refunds(preorder, payment, &state.refunds);
    }
    if preorder.status >= PreorderStatus::Paid && state.attempt_paid_elsewhere {
        preorder.second_payment = true;
        preorder.review.add(ReviewReason::SecondPayment);
    }
    for dispute in &state.disputes {
        if dispute.status == DisputeStatus::Lost {
            preorder.review.add(ReviewReason::DisputeLost(dispute.id.clone()));
        }
    }
}

fn recompute_refunds(preorder: &mut PreorderDetails, payment: &PaymentRecord, refunds: &[Refund]) {
    let charged = preorder.amount.map(super::money::Money::currency);
    let same = |refund: &&Refund| charged.is_none_or(|charged| charged == refund.amount.currency());
    let sum = |wanted: &dyn Fn(&Refund) -> bool| -> i64 {
        refunds
            .iter()
            .filter(same)
            .filter(|refund| wanted(refund))
            .fold(0, |sum, refund| sum.saturating_add(refund.amount.minor()))
    };
    // The charge's total may exceed the known refunds: other refunds were not reported yet.
    let unexplained = payment.refunded_minor.saturating_sub(sum(&|_| true)).max(0);
    preorder.refunded_minor = sum(&|refund| refund.status.counts()).saturating_add(unexplained);
    let ever = payment.refunded_minor.max(sum(&|refund| refund.succeeded));
    if preorder.amount.is_some_and(|amount| amount.minor() > 0 && ever >= amount.minor()) {
        preorder.status = PreorderStatus::Refunded;
    }
    for refund in refunds {
        if !same(&refund) {
            preorder.review.add(ReviewReason::RefundCurrencyDiffers(refund.id.clone()));
        } else if refund.counted && !refund.status.counts() {
            preorder.review.add(ReviewReason::RefundFailed(refund.id.clone()));
        }
    }
}

fn details_from(update: &SessionUpdate) -> PreorderDetails {
    let color = update.color.as_deref().and_then(|color| color.parse::<ProductColor>().ok());
    let mut review = Review::default();
    if color.is_none() {
        review.add(ReviewReason::UnknownColor);
    }
    if update.email.is_none() {
        review.add(ReviewReason::EmailMissing);
    }
    match (update.amount, update.expected) {
        (None, _) => review.add(ReviewReason::AmountMissing),
        (_, ExpectedAmount::Unreadable) => review.add(ReviewReason::ExpectedAmountUnreadable),
        (Some(amount), ExpectedAmount::Amount(expected)) if amount != expected => {
            review.add(ReviewReason::AmountDiffers { paid: amount, expected });
        }
        _ => {}
    }
    PreorderDetails {
        provider: update.provider,
        session: update.session.clone(),
        intent: update.intent.clone(),
        attempt: update.attempt.clone(),
        status: match update.outcome {
            SessionOutcome::Paid => PreorderStatus::Paid,
            SessionOutcome::Failed => PreorderStatus::PaymentFailed,
            SessionOutcome::Cancelled => PreorderStatus::Cancelled,
            SessionOutcome::Pending | SessionOutcome::Open | SessionOutcome::Expired => PreorderStatus::AwaitingPayment,
        },
        email: update.email.clone().unwrap_or_default(),
        color,
        amount: update.amount,
        refunded_minor: 0,
        locale: update.locale.clone().unwrap_or_default(),
        shipping: update.shipping.clone(),
        livemode: update.livemode,
        completed_at: update.completed_at,
        access: update.access.clone(),
        tracking: None,
        second_payment: false,
        review,
        erased_at: None,
    }
}

/// Keeps known values, fills in missing ones, and never lowers the status.
fn merge(current: PreorderDetails, reported: PreorderDetails) -> PreorderDetails {
    let mut review = current.review;
    // An erased order needs no address.
    let missed = |reason: &ReviewReason| current.erased_at.is_none() || *reason != ReviewReason::EmailMissing;
    review.reasons.extend(reported.review.reasons.into_iter().filter(missed));
    if let (Some(known), Some(other)) = (&current.intent, &reported.intent)
        && known != other
    {
        review.add(ReviewReason::OtherIntent(other.clone()));
    }
    PreorderDetails {
        intent: current.intent.or(reported.intent),
        attempt: current.attempt.or(reported.attempt),
        status: current.status.max(reported.status),
        email: if current.email.is_empty() { reported.email } else { current.email },
        color: current.color.or(reported.color),
        // The amount paid replaces the amount announced.
        amount: match (current.status >= PreorderStatus::Paid, reported.status >= PreorderStatus::Paid) {
            (false, true) => reported.amount.or(current.amount),
            _ => current.amount.or(reported.amount),
        },
        shipping: current.shipping.or(reported.shipping),
        completed_at: match (current.completed_at, reported.completed_at) {
            (Some(known), Some(reported)) => Some(known.min(reported)),
            (known, reported) => known.or(reported),
        },
        access: current.access.or(reported.access),
        review,
        ..current
    }
}
