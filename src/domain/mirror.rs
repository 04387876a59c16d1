//! What the shop keeps of a provider's customers and subscriptions: a copy, as new as the newest that was told.

use super::payment::{CustomerId, PriceId, SubscriptionId};

/// Which of two tellings is the newer one: the provider's clock (whole seconds), then how final the told state is. Of
/// equal versions the one that came last counts: a repeat of one event is stopped before it gets here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version {
    /// Unix seconds, of the event that told.
    pub told_at: i64,
    pub finality: i16,
}

/// One thing to copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mirror {
    Customer(CustomerCopy),
    Subscription(SubscriptionCopy),
    /// How the latest invoice of a subscription ended.
    Invoice(InvoiceCopy),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustomerCopy {
    pub id: CustomerId,
    pub version: Version,
    /// Gone at the provider; its address is forgotten here too.
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

/// The states of a subscription, as providers have them.
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

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// For [`Version::finality`]: within one second, the later state of a subscription's life wins.
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
