//! A preorder: its number, its status, and everything that is known about it. How it changes is `life`'s business.

mod number;

use std::{collections::BTreeSet, str::FromStr};

use serde::{Deserialize, Serialize};

pub use self::number::PreorderNumber;
use super::{
    checkout::Attempt,
    customer::{Locale, ShippingAddress},
    money::Money,
    payment::{IntentId, ProviderId, SessionId},
    product::ProductColor,
};

/// The states of a preorder. Their order is their rank: a preorder only ever moves up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreorderStatus {
    /// The customer finished checkout with a method that pays later.
    AwaitingPayment,
    PaymentFailed,
    Cancelled,
    Paid,
    Shipped,
    Delivered,
    Refunded,
}

impl PreorderStatus {
    pub const ALL: [Self; 7] = [
        Self::AwaitingPayment,
        Self::PaymentFailed,
        Self::Cancelled,
        Self::Paid,
        Self::Shipped,
        Self::Delivered,
        Self::Refunded,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "awaiting_payment",
            Self::PaymentFailed => "payment_failed",
            Self::Cancelled => "cancelled",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Refunded => "refunded",
        }
    }
}

impl FromStr for PreorderStatus {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or("not a preorder's status")
    }
}

/// A preorder as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preorder {
    pub id: String,
    pub number: PreorderNumber,
    pub details: PreorderDetails,
}

/// Everything about a preorder but its names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreorderDetails {
    pub provider: ProviderId,
    pub session: SessionId,
    pub intent: Option<IntentId>,
    /// The customer's intention that led to the session; several sessions may share it.
    pub attempt: Option<Attempt>,
    pub status: PreorderStatus,
    /// Empty when the provider had none, which holds the preorder for review, and once it was erased.
    pub email: String,
    /// `None` only when the session named no color of ours; such a preorder is held for review.
    pub color: Option<ProductColor>,
    pub amount: Option<Money>,
    /// What went back, or is on its way back, in minor units of the amount's currency.
    pub refunded_minor: i64,
    pub locale: Locale,
    pub shipping: Option<ShippingAddress>,
    pub livemode: bool,
    /// When the customer finished checkout, by the provider's clock, in unix seconds; `None` while no event told.
    pub completed_at: Option<i64>,
    /// What opens the customer's own page of this order: the hash of a token, never the token.
    pub access: Option<AccessHash>,
    pub tracking: Option<String>,
    /// Another preorder of the same attempt was paid before this one.
    pub second_payment: bool,
    /// Why a person must look at it.
    pub review: Review,
    /// When what is personal in it was erased, in unix seconds. It stays so, whatever is told later.
    pub erased_at: Option<i64>,
}

impl PreorderDetails {
    /// Takes away what is personal, where that was erased: nothing that is told later may bring it back.
    pub fn keep_erased(&mut self) {
        if self.erased_at.is_some() {
            self.email.clear();
            self.shipping = None;
            self.access = None;
            self.tracking = None;
        }
    }
}

/// Reasons for a person to look at a preorder, and those that a person has looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Review {
    pub reasons: BTreeSet<String>,
    pub settled: BTreeSet<String>,
}

impl Review {
    /// Between reasons, where they are one text. No reason contains it.
    pub const SEPARATOR: &'static str = "; ";

    /// The reasons that nobody has looked at.
    pub fn open(&self) -> impl Iterator<Item = &str> {
        self.reasons.difference(&self.settled).map(String::as_str)
    }

    pub fn is_open(&self) -> bool {
        self.open().next().is_some()
    }

    /// Whether an open reason is one for which nothing may be told outside before a person has looked: the order itself is in
    /// doubt. What happened to its money later is flagged, and told.
    pub fn holds(&self) -> bool {
        self.open().any(|reason| !Self::FLAGS.iter().any(|flag| reason.starts_with(flag)))
    }

    /// How reasons begin that only flag.
    pub const FLAGS: [&'static str; 3] = ["a second payment", "refund ", "dispute "];

    /// The open reasons as one text; empty when there is none.
    pub fn text(&self) -> String {
        self.open().collect::<Vec<_>>().join(Self::SEPARATOR)
    }

    /// The settled reasons as one text; empty when there is none.
    pub fn settled_text(&self) -> String {
        self.settled.iter().map(String::as_str).collect::<Vec<_>>().join(Self::SEPARATOR)
    }

    /// What `text` and `settled_text` told.
    pub fn from_texts(open: Option<&str>, settled: Option<&str>) -> Self {
        let reasons = |text: Option<&str>| -> BTreeSet<String> {
            text.iter().flat_map(|text| text.split(Self::SEPARATOR)).map(str::to_owned).collect()
        };
        let settled = reasons(settled);
        Self { reasons: &reasons(open) | &settled, settled }
    }

    pub fn add(&mut self, reason: impl Into<String>) {
        self.reasons.insert(reason.into());
    }
}

/// SHA-256 of a token that opens an order, in hexadecimal.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AccessHash(String);

impl AccessHash {
    /// `None` unless it is 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        fits.then(|| Self(text.to_owned()))
    }

    pub fn from_digest(digest: [u8; 32]) -> Self {
        let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
        Self(digest.into_iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
