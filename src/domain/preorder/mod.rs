//! A preorder: its number, its status, and everything that is known about it. How it changes is `life`'s business.

mod number;
mod review;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::{
    number::PreorderNumber,
    review::{Review, ReviewReason},
};
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
    pub fn enforce_erasure(&mut self) {
        if self.erased_at.is_some() {
            self.email.clear();
            self.shipping = None;
            self.access = None;
            self.tracking = None;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_named_as_the_contract_has_them_in_the_order_of_their_ranks() {
        let names = ["awaiting_payment", "payment_failed", "cancelled", "paid", "shipped", "delivered", "refunded"];
        assert_eq!(PreorderStatus::ALL.map(PreorderStatus::as_str), names);
        assert_eq!(names.map(str::parse), PreorderStatus::ALL.map(Ok));
        assert!(PreorderStatus::ALL.is_sorted());
        assert!("open".parse::<PreorderStatus>().is_err());
    }

    #[test]
    fn a_hash_is_64_lower_case_hexadecimal_digits() {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&[0x01, 0x9f, 0xa0, 0xff]);
        let hash = AccessHash::from_digest(digest);
        assert_eq!(hash.as_str(), format!("019fa0ff{}", "0".repeat(56)));
        assert_eq!(AccessHash::parse(hash.as_str()), Some(hash));
        let (digits, letters) = ("0".repeat(64), "f".repeat(64));
        assert!(AccessHash::parse(&digits).is_some() && AccessHash::parse(&letters).is_some());
        for bad in [&digits[1..], &format!("{digits}0"), &"F".repeat(64), &"g".repeat(64), &"-".repeat(64), ""] {
            assert_eq!(AccessHash::parse(bad), None, "{bad}");
        }
    }
}
