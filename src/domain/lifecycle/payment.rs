//! What is known of a payment, and how each further fact joins it. Every join is the larger of two, so order does not matter.

use super::updates::{Dispute, DisputeFunds, IntentStatus, IntentUpdate, Refund};
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

    pub fn apply_attempt(&mut self, facts: &IntentUpdate) {
        self.status = self.status.max(facts.status);
        self.amount = larger(self.amount, facts.amount);
        self.ours |= facts.ours;
        self.failure = self.failure.take().max(facts.failure.clone());
    }

    pub fn apply_refunded_total(&mut self, refunded: Money) {
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
    pub fn new(id: RefundId, intent: IntentId, amount: Money, status: super::RefundStatus, livemode: bool) -> Self {
        let succeeded = status == super::RefundStatus::Succeeded;
        Self { id, intent, amount, status, counted: status.counts(), succeeded, reason: None, failure: None, livemode }
    }

    pub fn merge(&mut self, told: &Self) {
        self.status = self.status.max(told.status);
        self.counted |= told.counted;
        self.succeeded |= told.succeeded;
        self.reason = self.reason.take().max(told.reason.clone());
        self.failure = self.failure.take().max(told.failure.clone());
    }
}

impl Dispute {
    /// A dispute of which nothing but its being is known.
    pub const fn new(
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

    pub fn merge(&mut self, told: &Self) {
        self.status = self.status.max(told.status);
        self.funds = self.funds.max(told.funds);
        self.due_by = self.due_by.max(told.due_by);
        if self.reason.is_empty() {
            self.reason.clone_from(&told.reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{DisputeStatus, RefundStatus},
        *,
    };

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, code.parse().unwrap()).unwrap()
    }

    fn intent() -> IntentId {
        IntentId::parse("pi_1").unwrap()
    }

    fn facts(status: IntentStatus, amount: Option<Money>, failed_at: Option<i64>) -> IntentUpdate {
        let failure = failed_at.map(|at| (at, "card_declined".to_owned()));
        IntentUpdate { intent: intent(), status, amount, ours: false, failure, livemode: false }
    }

    #[test]
    fn what_is_heard_of_a_payment_only_adds() {
        let mut record = PaymentRecord::new(intent(), false);
        record.apply_attempt(&facts(IntentStatus::Succeeded, Some(money(200, "usd")), Some(5)));
        record.apply_attempt(&IntentUpdate {
            ours: true,
            ..facts(IntentStatus::Waiting, Some(money(100, "usd")), Some(4))
        });
        record.apply_attempt(&facts(IntentStatus::Processing, None, None));
        assert_eq!((record.status, record.amount), (IntentStatus::Succeeded, Some(money(200, "usd"))));
        assert!(record.ours);
        assert_eq!(record.failure, Some((5, "card_declined".to_owned())));
        record.apply_attempt(&facts(IntentStatus::Waiting, Some(money(201, "usd")), Some(6)));
        assert_eq!((record.amount, record.failure.unwrap().0), (Some(money(201, "usd")), 6));
    }

    #[test]
    fn of_two_equal_numbers_the_one_that_is_known_stays() {
        let (known, told) = (money(100, "usd"), money(100, "eur"));
        assert_eq!(larger(Some(known), Some(told)), Some(known));
        assert_eq!((larger(None, Some(told)), larger(Some(known), None)), (Some(told), Some(known)));
    }

    #[test]
    fn the_largest_total_that_went_back_is_remembered() {
        let mut record = PaymentRecord::new(intent(), false);
        for (told, known) in [(50, 50), (20, 50), (70, 70)] {
            record.apply_refunded_total(money(told, "usd"));
            assert_eq!(record.refunded_minor, known);
        }
    }

    #[test]
    fn a_refund_remembers_that_it_counted_that_it_succeeded_and_why() {
        let told = |status| {
            let id = RefundId::parse("re_1").unwrap();
            Refund::new(id, intent(), money(1, "usd"), status, false)
        };
        let mut refund = told(RefundStatus::Failed);
        assert!(!refund.counted && !refund.succeeded);
        refund.merge(&Refund { reason: Some("duplicate".into()), ..told(RefundStatus::Pending) });
        assert!(refund.counted && !refund.succeeded);
        refund.merge(&Refund { failure: Some("lost_card".into()), ..told(RefundStatus::Succeeded) });
        assert!(refund.succeeded);
        assert_eq!(refund.status, RefundStatus::Failed);
        refund.merge(&told(RefundStatus::Pending));
        assert_eq!((refund.reason.as_deref(), refund.failure.as_deref()), (Some("duplicate"), Some("lost_card")));
        assert!(refund.counted && refund.succeeded);
    }

    #[test]
    fn a_dispute_goes_on_and_its_first_reason_stays() {
        let told = |status| {
            let id = DisputeId::parse("du_1").unwrap();
            Dispute::new(id, intent(), money(1, "usd"), status, false)
        };
        let mut dispute = told(DisputeStatus::NeedsResponse);
        let reason = |text: &str| text.to_owned();
        let more = Dispute { funds: DisputeFunds::Withdrawn, due_by: Some(7), ..told(DisputeStatus::UnderReview) };
        dispute.merge(&Dispute { reason: reason("general"), ..more });
        dispute.merge(&Dispute { reason: reason("fraudulent"), due_by: Some(6), ..told(DisputeStatus::NeedsResponse) });
        assert_eq!((dispute.status, dispute.funds), (DisputeStatus::UnderReview, DisputeFunds::Withdrawn));
        assert_eq!((dispute.due_by, dispute.reason.as_str()), (Some(7), "general"));
    }
}
