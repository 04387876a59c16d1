//! The life of a preorder: what facts about its payment change in it, and what follows outside.
//!
//! `decide` is the one place where that is settled. It is pure. Facts are joined to what is known (each kind has a rank or a
//! maximum of its own), and the preorder's state is worked out from all of it, so that any order of the same facts, and any
//! number of repeats, ends in the same state.

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

/// Everything that is known about one purchase. A preorder may be missing while only its payment has been heard of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OrderState {
    pub preorder: Option<PreorderDetails>,
    pub payment: Option<PaymentRecord>,
    /// Of the payment, by id.
    pub refunds: Vec<Refund>,
    /// Of the payment, by id.
    pub disputes: Vec<Dispute>,
    /// Whether another preorder of the same attempt has been paid, and is not itself the second one.
    pub attempt_paid_elsewhere: bool,
}

/// What a fact does to a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Nothing: it is known, or older than what is known.
    None,
    /// Nothing, for a reason worth a line in the log.
    Ignore(&'static str),
    /// The case becomes this.
    Put(Box<OrderState>),
}

/// Settles what `fact` changes in what is known.
pub fn decide(known: &OrderState, fact: &PaymentUpdate) -> Change {
    if let Some(reason) = irrelevant(fact) {
        return Change::Ignore(reason);
    }
    let mut case = known.clone();
    apply_update(&mut case, fact);
    recompute(&mut case);
    if case == *known { Change::None } else { Change::Put(Box::new(case)) }
}

/// What a merchant does to a preorder by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MerchantAction {
    /// Sent, with the carrier's number where there is one.
    Ship {
        tracking: Option<String>,
    },
    Deliver,
    /// A person looked at the reasons for review that are open now.
    Approve,
    /// What is personal in it is taken away for ever, at this moment in unix seconds. `force` where the order still needs it.
    Erase {
        at: i64,
        force: bool,
    },
}

/// Settles what a merchant's act changes; the text says why it cannot be done.
pub fn act(known: &OrderState, act: &MerchantAction) -> Result<Change, &'static str> {
    let mut case = known.clone();
    let Some(preorder) = &mut case.preorder else {
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
    Ok(if case == *known { Change::None } else { Change::Put(Box::new(case)) })
}

/// What the personal data of a preorder is still needed for, if for anything.
fn still_needed(case: &OrderState) -> Option<&'static str> {
    let status = case.preorder.as_ref().map(|preorder| preorder.status)?;
    match status {
        PreorderStatus::AwaitingPayment => Some("its payment may still come; cancel it first, or say --force"),
        PreorderStatus::Paid => {
            Some("it is paid and not shipped, which needs an address; refund or ship it first, or say --force")
        }
        _ if case.disputes.iter().any(|dispute| !dispute.status.is_over()) => {
            Some("a dispute over it is open, and its evidence may be needed; wait for its end, or say --force")
        }
        _ => None,
    }
}

/// Why a fact is no business of this shop, if it is not.
fn irrelevant(fact: &PaymentUpdate) -> Option<&'static str> {
    let PaymentUpdate::Session(facts) = fact else { return None };
    match facts.outcome {
        _ if facts.color.is_none() => Some("not a session of this shop"),
        SessionOutcome::Open => Some("the session is still open"),
        SessionOutcome::Expired => Some("the session expired without a payment"),
        _ => None,
    }
}

fn apply_update(case: &mut OrderState, fact: &PaymentUpdate) {
    match fact {
        PaymentUpdate::Session(facts) => {
            if let Some(intent) = &facts.intent {
                payment_of(case, intent, facts.livemode).ours = true;
            }
            let told = details_from(facts);
            case.preorder = Some(match case.preorder.take() {
                Some(current) => merge(current, told),
                None => told,
            });
        }
        PaymentUpdate::Intent(facts) => payment_of(case, &facts.intent, facts.livemode).apply_attempt(facts),
        PaymentUpdate::Charge(facts) => {
            payment_of(case, &facts.intent, facts.livemode).apply_refunded_total(facts.refunded)
        }
        PaymentUpdate::Refund(refund) => {
            payment_of(case, &refund.intent, refund.livemode);
            match case.refunds.binary_search_by(|known| known.id.as_str().cmp(refund.id.as_str())) {
                Ok(place) => case.refunds[place].merge(refund),
                Err(place) => case.refunds.insert(place, refund.clone()),
            }
        }
        PaymentUpdate::Dispute(dispute) => {
            payment_of(case, &dispute.intent, dispute.livemode);
            match case.disputes.binary_search_by(|known| known.id.as_str().cmp(dispute.id.as_str())) {
                Ok(place) => case.disputes[place].merge(dispute),
                Err(place) => case.disputes.insert(place, dispute.clone()),
            }
        }
    }
}

/// The record of the payment that the fact is about, begun where there is none.
fn payment_of<'a>(case: &'a mut OrderState, intent: &IntentId, livemode: bool) -> &'a mut PaymentRecord {
    case.payment.get_or_insert_with(|| PaymentRecord::new(intent.clone(), livemode))
}

/// Works out the preorder's state from all that is known. The status only ever goes up.
fn recompute(case: &mut OrderState) {
    let Some(preorder) = &mut case.preorder else { return };
    preorder.enforce_erasure();
    if let Some(payment) = &case.payment {
        let told = match payment.status {
            IntentStatus::Succeeded => Some(PreorderStatus::Paid),
            IntentStatus::Cancelled => Some(PreorderStatus::Cancelled),
            // A card that was refused while the customer was still choosing is no failure of the order.
            _ if payment.failed_after(preorder.completed_at) => Some(PreorderStatus::PaymentFailed),
            _ => None,
        };
        preorder.status = told.map_or(preorder.status, |told| told.max(preorder.status));
        recompute_refunds(preorder, payment, &case.refunds);
    }
    if preorder.status >= PreorderStatus::Paid && case.attempt_paid_elsewhere {
        preorder.second_payment = true;
        preorder.review.add(ReviewReason::SecondPayment);
    }
    for dispute in &case.disputes {
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
    // What the charge's total says beyond the refunds that are known went back too, by refunds still unheard of.
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

fn details_from(facts: &SessionUpdate) -> PreorderDetails {
    let color = facts.color.as_deref().and_then(|color| color.parse::<ProductColor>().ok());
    let mut review = Review::default();
    if color.is_none() {
        review.add(ReviewReason::UnknownColor);
    }
    if facts.email.is_none() {
        review.add(ReviewReason::EmailMissing);
    }
    match (facts.amount, facts.expected) {
        (None, _) => review.add(ReviewReason::AmountMissing),
        (_, ExpectedAmount::Unreadable) => review.add(ReviewReason::ExpectedAmountUnreadable),
        (Some(amount), ExpectedAmount::Amount(expected)) if amount != expected => {
            review.add(ReviewReason::AmountDiffers { paid: amount, expected });
        }
        _ => {}
    }
    PreorderDetails {
        provider: facts.provider,
        session: facts.session.clone(),
        intent: facts.intent.clone(),
        attempt: facts.attempt.clone(),
        status: match facts.outcome {
            SessionOutcome::Paid => PreorderStatus::Paid,
            SessionOutcome::Failed => PreorderStatus::PaymentFailed,
            SessionOutcome::Cancelled => PreorderStatus::Cancelled,
            SessionOutcome::Pending | SessionOutcome::Open | SessionOutcome::Expired => PreorderStatus::AwaitingPayment,
        },
        email: facts.email.clone().unwrap_or_default(),
        color,
        amount: facts.amount,
        refunded_minor: 0,
        locale: facts.locale.clone().unwrap_or_default(),
        shipping: facts.shipping.clone(),
        livemode: facts.livemode,
        completed_at: facts.completed_at,
        access: facts.access.clone(),
        tracking: None,
        second_payment: false,
        review,
        erased_at: None,
    }
}

/// What is known stays, what was missing is filled in, the status goes up and never down.
fn merge(current: PreorderDetails, told: PreorderDetails) -> PreorderDetails {
    let mut review = current.review;
    // Of an erased order nobody misses the address.
    let missed = |reason: &ReviewReason| current.erased_at.is_none() || *reason != ReviewReason::EmailMissing;
    review.reasons.extend(told.review.reasons.into_iter().filter(missed));
    if let (Some(known), Some(other)) = (&current.intent, &told.intent)
        && known != other
    {
        review.add(ReviewReason::OtherIntent(other.clone()));
    }
    PreorderDetails {
        intent: current.intent.or(told.intent),
        attempt: current.attempt.or(told.attempt),
        status: current.status.max(told.status),
        email: if current.email.is_empty() { told.email } else { current.email },
        color: current.color.or(told.color),
        // What was paid counts, not what was going to be.
        amount: match (current.status >= PreorderStatus::Paid, told.status >= PreorderStatus::Paid) {
            (false, true) => told.amount.or(current.amount),
            _ => current.amount.or(told.amount),
        },
        shipping: current.shipping.or(told.shipping),
        completed_at: match (current.completed_at, told.completed_at) {
            (Some(known), Some(told)) => Some(known.min(told)),
            (known, told) => known.or(told),
        },
        access: current.access.or(told.access),
        review,
        ..current
    }
}
