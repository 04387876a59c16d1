//! Local copies of a provider's customers and subscriptions, as recent as the newest event about
//! them.

use super::payment::{CustomerId, PriceId, SubscriptionId};

/// Decides which of two events about one object is newer: by the provider's clock in whole seconds,
/// then by how final the state is. Of equal versions the one that arrived last wins; a repeat of
/// the same event never gets here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version {
    /// The event's time in unix seconds.
    pub told_at: i64,
    pub finality: i16,
}

/// One object to copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mirror {
    Customer(CustomerCopy),
    Subscription(SubscriptionCopy),
    /// The outcome of a subscription's latest invoice.
    Invoice(InvoiceCopy),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustomerCopy {
    pub id: CustomerId,
    pub version: Version,
    /// The provider deleted the customer; the copy's email and name are removed too.
    pub deleted: bool,
    pub email: Option<String>,
    pub name: Option<String>,
    pub livemode: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubscriptionCopy {
    pub id: SubscriptionId,
    pub version: Version,
    pub customer: Option<CustomerId>,
    pub status: SubscriptionStatus,
    pub price: Option<PriceId>,
    pub quantity: Option<i64>,
    pub paused: bool,
    pub cancel_at_period_end: bool,
    /// Unix seconds.
    pub current_period_end: Option<i64>,
    pub livemode: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvoiceCopy {
    pub subscription: SubscriptionId,
    pub version: Version,
    /// The provider's id of the invoice.
    pub invoice: String,
    pub paid: bool,
    pub livemode: bool,
}

/// The states of a subscription at the provider.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SubscriptionStatus {
    Incomplete,
    IncompleteExpired,
    Trialing,
    Active,
    PastDue,
    Unpaid,
    Paused,
    Canceled,
}

impl SubscriptionStatus {
    pub const ALL: [Self; 8] = [
        Self::Incomplete,
        Self::IncompleteExpired,
        Self::Trialing,
        Self::Active,
        Self::PastDue,
        Self::Unpaid,
        Self::Paused,
        Self::Canceled,
    ];

    /// Returns the name as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
        }
    }

    /// Returns the value of a stored name, or `None` if the name is unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Returns the rank for [`Version::finality`]: within one second, the later state of the
    /// subscription wins.
    pub const fn finality(self) -> i16 {
        match self {
            Self::Incomplete => 0,
            Self::Trialing => 1,
            Self::Active => 2,
            Self::PastDue | Self::Paused => 3,
            Self::Unpaid => 4,
            Self::IncompleteExpired | Self::Canceled => 5,
        }
    }
}
