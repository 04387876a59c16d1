//! What a provider can tell about a payment, in the shop's words. Facts are cleaned, and say nothing about what follows.

use crate::domain::{
    checkout::Attempt,
    customer::{Locale, ShippingAddress},
    money::Money,
    payment::{CustomerId, DisputeId, IntentId, ProviderId, RefundId, SessionId},
    preorder::AccessHash,
};

/// One thing that was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PaymentUpdate {
    Session(Box<SessionUpdate>),
    Intent(IntentUpdate),
    Charge(ChargeUpdate),
    Refund(Refund),
    Dispute(Dispute),
}

/// How a checkout session stands, as its provider told it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionOutcome {
    /// The customer has not finished: nothing to record.
    Open,
    Paid,
    /// Finished, and the money is on its way.
    Pending,
    /// Finished, and the money did not come.
    Failed,
    /// Finished, and called off before the money came.
    Cancelled,
    /// Never finished.
    Expired,
}

/// What the customer was asked to pay, as the session says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpectedAmount {
    /// It does not say: nothing is compared.
    NotStated,
    Amount(Money),
    /// It says something that is no amount.
    Unreadable,
}

/// What a provider told about one checkout session, cleaned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionUpdate {
    pub provider: ProviderId,
    pub session: SessionId,
    pub outcome: SessionOutcome,
    pub intent: Option<IntentId>,
    pub customer: Option<CustomerId>,
    pub attempt: Option<Attempt>,
    /// As the provider has it; not necessarily what [`crate::domain::customer::Email`] would accept, because money may have
    /// moved.
    pub email: Option<String>,
    /// The text of the session's `color`; `None` when it is not one of our sessions.
    pub color: Option<String>,
    pub amount: Option<Money>,
    pub expected: ExpectedAmount,
    pub locale: Option<Locale>,
    pub shipping: Option<ShippingAddress>,
    pub livemode: bool,
    /// When the customer finished, by the provider's clock, in unix seconds; only the event of that moment knows.
    pub completed_at: Option<i64>,
    /// The hash of the token that opens this order's page, where the provider gave one out.
    pub access: Option<AccessHash>,
}

/// How far a payment came. The order is a rank: money that came is never forgotten.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IntentStatus {
    /// Waiting for the customer: a method, a confirmation, an authentication.
    Waiting,
    Processing,
    Cancelled,
    Succeeded,
}

impl IntentStatus {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Processing, Self::Cancelled, Self::Succeeded];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Processing => "processing",
            Self::Cancelled => "cancelled",
            Self::Succeeded => "succeeded",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// What was told about a payment intent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IntentUpdate {
    pub intent: IntentId,
    pub status: IntentStatus,
    pub amount: Option<Money>,
    /// Whether it was made by a checkout of this shop.
    pub ours: bool,
    /// A try to pay that failed: when, by the provider's clock in unix seconds, and the provider's code for why.
    pub failure: Option<(i64, String)>,
    pub livemode: bool,
}

/// How much of a payment's charge went back, refunds under way included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChargeUpdate {
    pub intent: IntentId,
    pub refunded: Money,
    pub livemode: bool,
}

/// The states of a refund. The order is a rank: a refund that failed has failed, even after it had succeeded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RefundStatus {
    Pending,
    RequiresAction,
    Succeeded,
    Cancelled,
    Failed,
}

impl RefundStatus {
    pub const ALL: [Self; 5] = [Self::Pending, Self::RequiresAction, Self::Succeeded, Self::Cancelled, Self::Failed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether its money is back with the customer, or on its way.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Pending | Self::RequiresAction | Self::Succeeded)
    }
}

/// A refund: one of possibly several of a payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refund {
    pub id: RefundId,
    pub intent: IntentId,
    pub amount: Money,
    pub status: RefundStatus,
    /// Whether it counted at any time: a refund that failed later had been promised.
    pub counted: bool,
    /// Whether it had succeeded at any time.
    pub succeeded: bool,
    /// The provider's word for why it was made.
    pub reason: Option<String>,
    /// The provider's word for why it failed.
    pub failure: Option<String>,
    pub livemode: bool,
}

/// The states of a dispute. The order is a rank: an inquiry may become a chargeback, and a chargeback ends one way or the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DisputeStatus {
    WarningNeedsResponse,
    WarningUnderReview,
    WarningClosed,
    NeedsResponse,
    UnderReview,
    Prevented,
    Won,
    Lost,
}

impl DisputeStatus {
    pub const ALL: [Self; 8] = [
        Self::WarningNeedsResponse,
        Self::WarningUnderReview,
        Self::WarningClosed,
        Self::NeedsResponse,
        Self::UnderReview,
        Self::Prevented,
        Self::Won,
        Self::Lost,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WarningNeedsResponse => "warning_needs_response",
            Self::WarningUnderReview => "warning_under_review",
            Self::WarningClosed => "warning_closed",
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Prevented => "prevented",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    pub const fn is_over(self) -> bool {
        matches!(self, Self::WarningClosed | Self::Prevented | Self::Won | Self::Lost)
    }
}

/// Where a dispute's money is. The order is a rank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DisputeFunds {
    /// Nothing was moved, as far as is known.
    Untouched,
    Withdrawn,
    Reinstated,
}

impl DisputeFunds {
    pub const ALL: [Self; 3] = [Self::Untouched, Self::Withdrawn, Self::Reinstated];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Withdrawn => "withdrawn",
            Self::Reinstated => "reinstated",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|funds| funds.as_str() == name)
    }
}

/// A customer's protest at their bank.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dispute {
    pub id: DisputeId,
    pub intent: IntentId,
    pub amount: Money,
    pub status: DisputeStatus,
    pub funds: DisputeFunds,
    /// The provider's word for what the customer says.
    pub reason: String,
    /// Until when evidence is taken, in unix seconds.
    pub due_by: Option<i64>,
    pub livemode: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_named_as_the_database_has_them_in_the_order_of_their_ranks() {
        let intents = ["waiting", "processing", "cancelled", "succeeded"];
        assert_eq!(IntentStatus::ALL.map(IntentStatus::as_str), intents);
        assert_eq!(intents.map(IntentStatus::from_name), IntentStatus::ALL.map(Some));
        let refunds = ["pending", "requires_action", "succeeded", "cancelled", "failed"];
        assert_eq!(RefundStatus::ALL.map(RefundStatus::as_str), refunds);
        assert_eq!(refunds.map(RefundStatus::from_name), RefundStatus::ALL.map(Some));
        let disputes = [
            "warning_needs_response",
            "warning_under_review",
            "warning_closed",
            "needs_response",
            "under_review",
            "prevented",
            "won",
            "lost",
        ];
        assert_eq!(DisputeStatus::ALL.map(DisputeStatus::as_str), disputes);
        assert_eq!(disputes.map(DisputeStatus::from_name), DisputeStatus::ALL.map(Some));
        let funds = ["untouched", "withdrawn", "reinstated"];
        assert_eq!(DisputeFunds::ALL.map(DisputeFunds::as_str), funds);
        assert_eq!(funds.map(DisputeFunds::from_name), DisputeFunds::ALL.map(Some));
        assert!(IntentStatus::ALL.is_sorted() && RefundStatus::ALL.is_sorted());
        assert!(DisputeStatus::ALL.is_sorted() && DisputeFunds::ALL.is_sorted());
        assert_eq!(IntentStatus::from_name("paid"), None);
    }

    #[test]
    fn a_refund_counts_until_it_fails_and_a_dispute_is_open_until_it_is_decided() {
        let counting: Vec<&str> =
            RefundStatus::ALL.into_iter().filter(|s| s.counts()).map(RefundStatus::as_str).collect();
        assert_eq!(counting, ["pending", "requires_action", "succeeded"]);
        let over: Vec<&str> =
            DisputeStatus::ALL.into_iter().filter(|s| s.is_over()).map(DisputeStatus::as_str).collect();
        assert_eq!(over, ["warning_closed", "prevented", "won", "lost"]);
    }
}
