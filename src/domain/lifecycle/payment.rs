//! The record of a payment, and how each update merges into it. Every merge takes the larger of two
//! values, so the order of updates does not matter.

use super::updates::{Dispute, DisputeFunds, IntentStatus, IntentUpdate, Refund};
use crate::domain::{
    money::Money,
    payment::{DisputeId, IntentId, RefundId},
};

/// What the shop knows of a payment intent, its own or foreign: updates may arrive before the
/// session that explains them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentRecord {
    pub intent: IntentId,
    pub status: IntentStatus,
    pub amount: Option<Money>,
    /// Whether a checkout of this shop is known to have created it.
    pub ours: bool,
    /// The latest failed payment attempt: its time in unix seconds, and the provider's failure
    /// code.
    pub failure: Option<(i64, String)>,
    /// The largest refunded total that the charge ever reported, in minor units.
    pub refunded_minor: i64,
    pub livemode: bool,
}

impl PaymentRecord {
    /// Creates the record of an intent of which nothing else is known.
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

    /// Merges what the provider reported about the intent.
    pub fn apply_attempt(&mut self, update: &IntentUpdate) {
        self.status = self.status.max(update.status);
        self.amount = larger(self.amount, update.amount);
        self.ours |= update.ours;
        self.failure = self.failure.take().max(update.failure.clone());
    }

    /// Merges the charge's refunded total.
    pub fn apply_refunded_total(&mut self, refunded: Money) {
        self.refunded_minor = self.refunded_minor.max(refunded.minor());
    }

    /// Returns whether a payment attempt failed after the customer finished checkout: a delayed
    /// payment did not arrive.
    pub fn failed_after(&self, completed_at: Option<i64>) -> bool {
        match (&self.failure, completed_at) {
            // Times are whole seconds: a failure in the second of completion may be an earlier
            // card.
            (Some((failed_at, _)), Some(completed_at)) => *failed_at > completed_at,
            _ => false,
        }
    }
}

fn larger(known: Option<Money>, reported: Option<Money>) -> Option<Money> {
    match (known, reported) {
        (Some(known), Some(reported)) => Some(if reported.minor() > known.minor() { reported } else { known }),
        (known, reported) => known.or(reported),
    }
}

impl Refund {
    /// Creates a refund from one report.
    pub fn new(id: RefundId, intent: IntentId, amount: Money, status: super::RefundStatus, livemode: bool) -> Self {
        let succeeded = status == super::RefundStatus::Succeeded;
        Self { id, intent, amount, status, counted: status.counts(), succeeded, reason: None, failure: None, livemode }
    }

    /// Merges another report of the same refund.
    pub fn merge(&mut self, reported: &Self) {
        self.status = self.status.max(reported.status);
        self.counted |= reported.counted;
        self.succeeded |= reported.succeeded;
        self.reason = self.reason.take().max(reported.reason.clone());
        self.failure = self.failure.take().max(reported.failure.clone());
    }
}

impl Dispute {
    /// Creates a dispute of which only these values are known.
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

    /// Merges another report of the same dispute.
    pub fn merge(&mut self, reported: &Self) {
        self.status = self.status.max(reported.status);
        self.funds = self.funds.max(reported.funds);
        self.due_by = self.due_by.max(reported.due_by);
        if self.reason.is_empty() {
            self.reason.clone_from(&reported.reason);
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

    fn update(status: IntentStatus, amount: Option<Money>, failed_at: Option<i64>) -> IntentUpdate {
        let failure = failed_at.map(|at| (at, "card_declined".to_owned()));
        IntentUpdate { intent: intent(), status, amount, ours: false, failure, livemode: false }
    }

    #[test]
    fn payment_updates_only_ever_add() {
        let mut record = PaymentRecord::new(intent(), false);
        record.apply_attempt(&update(IntentStatus::Succeeded, Some(money(200, "usd")), Some(5)));
        record.apply_attempt(&IntentUpdate {
            ours: true,
            ..update(IntentStatus::Waiting, Some(money(100, "usd")), Some(4))
        });
        record.apply_attempt(&update(IntentStatus::Processing, None, None));
        assert_eq!((record.status, record.amount), (IntentStatus::Succeeded, Some(money(200, "usd"))));
        assert!(record.ours);
        assert_eq!(record.failure, Some((5, "card_declined".to_owned())));
        record.apply_attempt(&update(IntentStatus::Waiting, Some(money(201, "usd")), Some(6)));
        assert_eq!((record.amount, record.failure.unwrap().0), (Some(money(201, "usd")), 6));
    }

    #[test]
    fn of_two_equal_amounts_the_known_one_stays() {
        let (known, reported) = (money(100, "usd"), money(100, "eur"));
        assert_eq!(larger(Some(known), Some(reported)), Some(known));
        assert_eq!((larger(None, Some(reported)), larger(Some(known), None)), (Some(reported), Some(known)));
    }

    #[test]
    fn the_largest_refunded_total_is_retained() {
        let mut record = PaymentRecord::new(intent(), false);
        for (reported, known) in [(50, 50), (20, 50), (70, 70)] {
            record.apply_refunded_total(money(reported, "usd"));
            assert_eq!(record.refunded_minor, known);
        }
    }

    #[test]
    fn a_refund_retains_that_it_counted_and_succeeded() {
        let reported = |status| {
            let id = RefundId::parse("re_1").unwrap();
            Refund::new(id, intent(), money(1, "usd"), status, false)
        };
        let mut refund = reported(RefundStatus::Failed);
        assert!(!refund.counted && !refund.succeeded);
        refund.merge(&Refund { reason: Some("duplicate".into()), ..reported(RefundStatus::Pending) });
        assert!(refund.counted && !refund.succeeded);
        refund.merge(&Refund { failure: Some("lost_card".into()), ..reported(RefundStatus::Succeeded) });
        assert!(refund.succeeded);
        assert_eq!(refund.status, RefundStatus::Failed);
        refund.merge(&reported(RefundStatus::Pending));
        assert_eq!((refund.reason.as_deref(), refund.failure.as_deref()), (Some("duplicate"), Some("lost_card")));
        assert!(refund.counted && refund.succeeded);
    }

    #[test]
    fn a_dispute_advances_and_keeps_its_first_reason() {
        let reported = |status| {
            let id = DisputeId::parse("du_1").unwrap();
            Dispute::new(id, intent(), money(1, "usd"), status, false)
        };
        let mut dispute = reported(DisputeStatus::NeedsResponse);
        let reason = |text: &str| text.to_owned();
        let more = Dispute { funds: DisputeFunds::Withdrawn, due_by: Some(7), ..reported(DisputeStatus::UnderReview) };
        dispute.merge(&Dispute { reason: reason("general"), ..more });
        dispute.merge(&Dispute {
            reason: reason("fraudulent"),
            due_by: Some(6),
            ..reported(DisputeStatus::NeedsResponse)
        });
        assert_eq!((dispute.status, dispute.funds), (DisputeStatus::UnderReview, DisputeFunds::Withdrawn));
        assert_eq!((dispute.due_by, dispute.reason.as_str()), (Some(7), "general"));
    }
}
