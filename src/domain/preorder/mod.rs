//! A preorder: its number, its status and its details. `lifecycle` decides how it changes.

mod id;
mod number;
mod review;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::{
    id::PreorderId,
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

/// The states of a preorder. Their order is their rank: a preorder only moves up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreorderStatus {
    /// The customer finished checkout with a delayed payment method.
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

    /// Returns the name as it is stored.
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

/// A preorder, as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preorder {
    pub id: PreorderId,
    pub number: PreorderNumber,
    pub details: PreorderDetails,
}

/// Everything about a preorder except its id and number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreorderDetails {
    pub provider: ProviderId,
    pub session: SessionId,
    pub intent: Option<IntentId>,
    /// The attempt that led to the session. Several sessions may share one.
    pub attempt: Option<Attempt>,
    pub status: PreorderStatus,
    /// Empty when the provider reported none, which holds the preorder for review, and after
    /// erasure.
    pub email: String,
    /// `None` only when the session named no color of this shop, which holds the preorder for
    /// review.
    pub color: Option<ProductColor>,
    pub amount: Option<Money>,
    /// Refunded or being refunded, in minor units of the amount's currency.
    pub refunded_minor: i64,
    pub locale: Locale,
    pub shipping: Option<ShippingAddress>,
    pub livemode: bool,
    /// When the customer finished checkout, by the provider's clock, in unix seconds. `None` until
    /// an event reported it.
    pub completed_at: Option<i64>,
    /// The hash of the token that opens the order page; never the token.
    pub access: Option<AccessHash>,
    pub tracking: Option<String>,
    /// Another preorder of the same attempt was paid first.
    pub second_payment: bool,
    /// Why a person must look at it.
    pub review: Review,
    /// When personal data was erased, in unix seconds. No later update fills it again.
    pub erased_at: Option<i64>,
}

impl PreorderDetails {
    /// Removes personal data from an erased preorder, so that no later update restores it.
    pub fn enforce_erasure(&mut self) {
        if self.erased_at.is_some() {
            self.email.clear();
            self.shipping = None;
            self.access = None;
            self.tracking = None;
        }
    }
}

/// The SHA-256 of an order link's token, in hexadecimal.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AccessHash(String);

impl AccessHash {
    /// Returns the hash, or `None` unless `text` is 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        fits.then(|| Self(text.to_owned()))
    }

    /// Returns the hash of a SHA-256 digest.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
        Self(digest.into_iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_names_follow_the_contract_in_rank_order() {
        let names = ["awaiting_payment", "payment_failed", "cancelled", "paid", "shipped", "delivered", "refunded"];
        assert_eq!(PreorderStatus::ALL.map(PreorderStatus::as_str), names);
        assert_eq!(names.map(str::parse), PreorderStatus::ALL.map(Ok));
        assert!(PreorderStatus::ALL.is_sorted());
        assert!("open".parse::<PreorderStatus>().is_err());
    }

    #[test]
    fn an_access_hash_is_64_lower_case_hexadecimal_digits() {
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
