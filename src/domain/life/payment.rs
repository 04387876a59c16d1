//! What is known of a payment, and how each further fact joins it. Every join is the larger of two, so order does not matter.

use super::facts::{Dispute, DisputeFunds, IntentFacts, IntentStatus, Refund};
use crate::domain::{
    money::Money,
    payment::{DisputeId, IntentId, RefundId},
};

/// A payment intent as the shop remembers it, ours or not: facts may come before the session that explains them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentRecord {
    pub intent: IntentId,
    pub status: IntentStatus,
    pub amount: Option<Money>,
    /// Whether a checkout of this shop made it, as far as is known.
    pub ours: bool,
    /// The last try that failed: when, in unix seconds, and the provider's code.
    pub failure: Option<(i64, String)>,
    /// The most that the charge was ever told to have given back, in minor units.
    pub refunded_minor: i64,
    pub livemode: bool,
}

impl PaymentRecord {
    pub const fn new(intent: IntentId, livemode: bool) -> Self {
        Self {
            intent,
            status: IntentStatus::Waiting,
            amount: None,
            ours: false,
            failure: None,
            refunded_minor: 0,
            livemode,
        }
    }

    pub fn hear(&mut self, facts: &IntentFacts) {
        self.status = self.status.max(facts.status);
        self.amount = larger(self.amount, facts.amount);
        self.ours |= facts.ours;
        self.failure = self.failure.take().max(facts.failure.clone());
    }

    pub fn hear_refunded(&mut self, refunded: Money) {
        self.refunded_minor = self.refunded_minor.max(refunded.minor());
    }

    /// Whether a try to pay failed after the customer had finished: the money of a delayed method did not come.
    pub fn failed_after(&self, completed_at: Option<i64>) -> bool {
        match (&self.failure, completed_at) {
            // Whole seconds: a failure within the second of completion may be the card before.
            (Some((failed_at, _)), Some(completed_at)) => *failed_at > completed_at,
            _ => false,
        }
    }
}

fn larger(known: Option<Money>, told: Option<Money>) -> Option<Money> {
    match (known, told) {
        (Some(known), Some(told)) => Some(if told.minor() > known.minor() { told } else { known }),
        (known, told) => known.or(told),
    }
}

impl Refund {
    /// A refund as it was told once.
    pub fn told(id: RefundId, intent: IntentId, amount: Money, status: super::RefundStatus, livemode: bool) -> Self {
        let succeeded = status == super::RefundStatus::Succeeded;
        Self { id, intent, amount, status, counted: status.counts(), succeeded, reason: None, failure: None, livemode }
    }

    pub fn join(&mut self, told: &Self) {
        self.status = self.status.max(told.status);
        self.counted |= told.counted;
        self.succeeded |= told.succeeded;
        self.reason = self.reason.take().max(told.reason.clone());
        self.failure = self.failure.take().max(told.failure.clone());
    }
}

impl Dispute {
    /// A dispute of which nothing but its being is known.
    pub const fn told(
        id: DisputeId,
        intent: IntentId,
        amount: Money,
        status: super::DisputeStatus,
        livemode: bool,
    ) -> Self {
        Self {
            id,
            intent,
            amount,
            status,
            funds: DisputeFunds::Untouched,
            reason: String::new(),
            due_by: None,
            livemode,
        }
    }

    pub fn join(&mut self, told: &Self) {
        self.status = self.status.max(told.status);
        self.funds = self.funds.max(told.funds);
        self.due_by = self.due_by.max(told.due_by);
        if self.reason.is_empty() {
            self.reason.clone_from(&told.reason);
        }
    }
}
