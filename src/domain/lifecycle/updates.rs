//! Payment updates: what a provider can report about a payment, in the shop's terms. An update is
//! sanitized and decides nothing by itself.

use crate::domain::{
    checkout::Attempt,
    customer::{Locale, ShippingAddress},
    money::Money,
    payment::{CustomerId, DisputeId, IntentId, ProviderId, RefundId, SessionId},
    preorder::AccessHash,
};

/// One update received from a payment provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PaymentUpdate {
    Session(Box<SessionUpdate>),
    Intent(IntentUpdate),
    Charge(ChargeUpdate),
    Refund(Refund),
    Dispute(Dispute),
}

/// The state of a checkout session, as its provider reported it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionOutcome {
    /// The customer has not finished, and there is nothing to record.
    Open,
    Paid,
    /// Finished; the payment is pending.
    Pending,
    /// Finished; the payment failed.
    Failed,
    /// Finished; the order was cancelled before it was paid.
    Cancelled,
    /// Expired before the customer finished.
    Expired,
}

/// The amount that the checkout asked for, from the session's metadata.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpectedAmount {
    /// The session states none, so nothing is compared.
    NotStated,
    Amount(Money),
    /// The session states something that is no amount.
    Unreadable,
}

/// What a provider reported about one checkout session, sanitized.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionUpdate {
    pub provider: ProviderId,
    pub session: SessionId,
    pub outcome: SessionOutcome,
    pub intent: Option<IntentId>,
    pub customer: Option<CustomerId>,
    pub attempt: Option<Attempt>,
    /// The provider's text. [`crate::domain::customer::Email`] may reject it, but money may have
    /// moved.
    pub email: Option<String>,
    /// The session's `color`; `None` when the session is not this shop's.
    pub color: Option<String>,
    pub amount: Option<Money>,
    pub expected: ExpectedAmount,
    pub locale: Option<Locale>,
    pub shipping: Option<ShippingAddress>,
    pub livemode: bool,
    /// When the customer finished, by the provider's clock in unix seconds. Only the completion
    /// event has it.
    pub completed_at: Option<i64>,
    /// The hash of the order link's token, for a provider that issues one.
    pub access: Option<AccessHash>,
}

/// The states of a payment intent. Their order is their rank: a payment that succeeded stays so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IntentStatus {
    /// Waiting for the customer to choose a method, confirm or authenticate.
    Waiting,
    Processing,
    Cancelled,
    Succeeded,
}

impl IntentStatus {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Processing, Self::Cancelled, Self::Succeeded];

    /// Returns the name as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Processing => "processing",
            Self::Cancelled => "cancelled",
            Self::Succeeded => "succeeded",
        }
    }

    /// Returns the value of a stored name, or `None` if the name is unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// What a provider reported about a payment intent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IntentUpdate {
    pub intent: IntentId,
    pub status: IntentStatus,
    pub amount: Option<Money>,
    /// Whether a checkout of this shop created it.
    pub ours: bool,
    /// A failed payment attempt: its time by the provider's clock in unix seconds, and the
    /// provider's failure code.
    pub failure: Option<(i64, String)>,
    pub livemode: bool,
}

/// The total refunded of a payment's charge, pending refunds included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChargeUpdate {
    pub intent: IntentId,
    pub refunded: Money,
    pub livemode: bool,
}

/// The states of a refund. Their order is their rank: a refund can fail even after it succeeded.
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

    /// Returns the name as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Returns the value of a stored name, or `None` if the name is unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Returns whether the money is back with the customer or on its way.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Pending | Self::RequiresAction | Self::Succeeded)
    }
}

/// A refund. One payment may have several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refund {
    pub id: RefundId,
    pub intent: IntentId,
    pub amount: Money,
    pub status: RefundStatus,
    /// Whether this refund ever counted: one that failed later had been promised.
    pub counted: bool,
    /// Whether this refund ever succeeded.
    pub succeeded: bool,
    /// The provider's reason code for the refund.
    pub reason: Option<String>,
    /// The provider's failure code.
    pub failure: Option<String>,
    pub livemode: bool,
}

/// The states of a dispute. Their order is their rank: an inquiry may become a chargeback, and a
/// chargeback ends won or lost.
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

    /// Returns the name as it is stored.
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

    /// Returns the value of a stored name, or `None` if the name is unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Returns whether the dispute is decided.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::WarningClosed | Self::Prevented | Self::Won | Self::Lost)
    }
}

/// Where a dispute's money is. Their order is their rank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DisputeFunds {
    /// No movement of money was reported.
    Untouched,
    Withdrawn,
    Reinstated,
}

impl DisputeFunds {
    pub const ALL: [Self; 3] = [Self::Untouched, Self::Withdrawn, Self::Reinstated];

    /// Returns the name as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Withdrawn => "withdrawn",
            Self::Reinstated => "reinstated",
        }
    }

    /// Returns the value of a stored name, or `None` if the name is unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|funds| funds.as_str() == name)
    }
}

/// A dispute: a chargeback, or an inquiry by the customer's bank.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dispute {
    pub id: DisputeId,
    pub intent: IntentId,
    pub amount: Money,
    pub status: DisputeStatus,
    pub funds: DisputeFunds,
    /// The provider's code for the customer's claim.
    pub reason: String,
    /// The deadline for evidence, in unix seconds.
    pub due_by: Option<i64>,
    pub livemode: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_names_follow_the_database_in_rank_order() {
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
    fn a_refund_counts_until_it_fails_and_a_dispute_is_open_until_decided() {
        let counting: Vec<&str> =
            RefundStatus::ALL.into_iter().filter(|s| s.counts()).map(RefundStatus::as_str).collect();
        assert_eq!(counting, ["pending", "requires_action", "succeeded"]);
        let over: Vec<&str> =
            DisputeStatus::ALL.into_iter().filter(|s| s.is_over()).map(DisputeStatus::as_str).collect();
        assert_eq!(over, ["warning_closed", "prevented", "won", "lost"]);
    }
}
