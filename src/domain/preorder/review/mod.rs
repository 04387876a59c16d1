//! Why a person must look at a preorder. A reason is a value: no decision reads its words.

use std::{cmp::Ordering, collections::BTreeSet, fmt};

use crate::domain::{
    money::Money,
    payment::{DisputeId, IntentId, RefundId},
};

/// One reason for a person to look at a preorder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReviewReason {
    /// The customer paid another amount than the checkout asked for.
    AmountDiffers { paid: Money, expected: Money },
    /// The provider reported no amount.
    AmountMissing,
    /// The session's metadata holds an expected amount that cannot be read.
    ExpectedAmountUnreadable,
    /// The session names a color that this shop does not sell.
    UnknownColor,
    /// The provider reported no email address.
    EmailMissing,
    /// The customer paid twice for one attempt.
    SecondPayment,
    /// Another payment intent paid the same session too.
    OtherIntent(IntentId),
    /// A refund is in another currency than the payment.
    RefundCurrencyDiffers(RefundId),
    /// A refund that was on its way did not reach the customer.
    RefundFailed(RefundId),
    /// The customer's bank decided a dispute against the shop.
    DisputeLost(DisputeId),
    /// A reason that this release does not know, as it is stored. Another release wrote it.
    Unknown(String),
}

/// Orders by code, so that a stored text is the same whatever the order of the updates was.
impl Ord for ReviewReason {
    fn cmp(&self, other: &Self) -> Ordering {
        self.code().cmp(&other.code())
    }
}

impl PartialOrd for ReviewReason {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl ReviewReason {
    /// Returns whether no notification may leave before a person has approved the order: the order
    /// itself is in doubt. Every other reason only flags what later happened to its money.
    pub const fn blocks_notifications(&self) -> bool {
        match self {
            Self::AmountDiffers { .. }
            | Self::AmountMissing
            | Self::ExpectedAmountUnreadable
            | Self::UnknownColor
            | Self::EmailMissing
            | Self::OtherIntent(_)
            | Self::Unknown(_) => true,
            Self::SecondPayment | Self::RefundCurrencyDiffers(_) | Self::RefundFailed(_) | Self::DisputeLost(_) => {
                false
            }
        }
    }

    /// Returns the code under which the reason is stored: its name, then its details after a
    /// colon. The names of reasons that only flag begin as the first releases expect, which
    /// decided by them: such a release may run next to this one during a deployment.
    pub fn code(&self) -> String {
        match self {
            Self::AmountDiffers { paid, expected } => {
                format!("amount differs:{}:{}", amount_code(*paid), amount_code(*expected))
            }
            Self::AmountMissing => "amount missing".to_owned(),
            Self::ExpectedAmountUnreadable => "expected amount unreadable".to_owned(),
            Self::UnknownColor => "unknown color".to_owned(),
            Self::EmailMissing => "email missing".to_owned(),
            Self::SecondPayment => "a second payment".to_owned(),
            Self::OtherIntent(intent) => format!("other intent:{intent}"),
            Self::RefundCurrencyDiffers(refund) => format!("refund currency differs:{refund}"),
            Self::RefundFailed(refund) => format!("refund failed:{refund}"),
            Self::DisputeLost(dispute) => format!("dispute lost:{dispute}"),
            Self::Unknown(stored) => stored.clone(),
        }
    }

    /// Reads what [`code`](Self::code) returned. Whatever does not read becomes
    /// [`Unknown`](Self::Unknown), which blocks notifications, so that no reason is ever lost.
    pub fn from_code(stored: &str) -> Self {
        let (word, about) = stored.split_once(':').unwrap_or((stored, ""));
        let known = match (word, about) {
            ("amount differs", about) => about.split_once(':').and_then(|(paid, expected)| {
                Some(Self::AmountDiffers { paid: amount_from_code(paid)?, expected: amount_from_code(expected)? })
            }),
            ("amount missing", "") => Some(Self::AmountMissing),
            ("expected amount unreadable", "") => Some(Self::ExpectedAmountUnreadable),
            ("unknown color", "") => Some(Self::UnknownColor),
            ("email missing", "") => Some(Self::EmailMissing),
            ("a second payment", "") => Some(Self::SecondPayment),
            ("other intent", id) => IntentId::parse(id).map(Self::OtherIntent),
            ("refund currency differs", id) => RefundId::parse(id).map(Self::RefundCurrencyDiffers),
            ("refund failed", id) => RefundId::parse(id).map(Self::RefundFailed),
            ("dispute lost", id) => DisputeId::parse(id).map(Self::DisputeLost),
            _ => None,
        };
        known.or_else(|| legacy::from_sentence(stored)).unwrap_or_else(|| Self::Unknown(stored.to_owned()))
    }
}

/// Returns minor units and currency as one word: `29900 usd`.
fn amount_code(amount: Money) -> String {
    format!("{} {}", amount.minor(), amount.currency())
}

fn amount_from_code(text: &str) -> Option<Money> {
    let (minor, currency) = text.split_once(' ')?;
    Money::new(minor.parse().ok()?, currency.parse().ok()?).ok()
}

/// Writes the reason for people: what a log, a command or an operations page shows.
impl fmt::Display for ReviewReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AmountDiffers { paid, expected } => write!(
                f,
                "paid {} {}, expected {} {}",
                paid.decimal(),
                paid.currency(),
                expected.decimal(),
                expected.currency()
            ),
            Self::AmountMissing => f.write_str("the provider reported no amount"),
            Self::ExpectedAmountUnreadable => f.write_str("the expected amount cannot be read"),
            Self::UnknownColor => f.write_str("the session names no color of this shop"),
            Self::EmailMissing => f.write_str("the provider reported no email address"),
            Self::SecondPayment => f.write_str("the customer paid twice for one attempt"),
            Self::OtherIntent(intent) => write!(f, "the payment {intent} paid the same session too"),
            Self::RefundCurrencyDiffers(refund) => write!(f, "refund {refund} is in another currency than the payment"),
            Self::RefundFailed(refund) => write!(f, "refund {refund} did not reach the customer"),
            Self::DisputeLost(dispute) => write!(f, "dispute {dispute} was lost"),
            Self::Unknown(stored) => f.write_str(stored),
        }
    }
}

/// The reasons for a person to look at a preorder, and those that a person has resolved.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Review {
    pub reasons: BTreeSet<ReviewReason>,
    pub resolved: BTreeSet<ReviewReason>,
}

impl Review {
    /// Stands between two codes in one stored text. No code contains it.
    pub const SEPARATOR: &'static str = "; ";

    /// Returns the reasons that no person has resolved yet.
    pub fn open(&self) -> impl Iterator<Item = &ReviewReason> {
        self.reasons.difference(&self.resolved)
    }

    /// Returns whether a person still has to look at the order.
    pub fn is_open(&self) -> bool {
        self.open().next().is_some()
    }

    /// Returns whether an open reason blocks notifications.
    pub fn blocks_notifications(&self) -> bool {
        self.open().any(ReviewReason::blocks_notifications)
    }

    /// Returns the open reasons as a sentence for people; empty when there is none.
    pub fn text(&self) -> String {
        self.open().map(ToString::to_string).collect::<Vec<_>>().join(Self::SEPARATOR)
    }

    /// Returns the codes of the open reasons as one text; empty when there is none.
    pub fn open_codes(&self) -> String {
        codes(self.open())
    }

    /// Returns the codes of the resolved reasons as one text; empty when there is none.
    pub fn resolved_codes(&self) -> String {
        codes(self.resolved.iter())
    }

    /// Reads what [`open_codes`](Self::open_codes) and [`resolved_codes`](Self::resolved_codes)
    /// returned.
    pub fn from_codes(open: Option<&str>, resolved: Option<&str>) -> Self {
        let reasons = |text: Option<&str>| -> BTreeSet<ReviewReason> {
            text.iter().flat_map(|text| text.split(Self::SEPARATOR)).map(ReviewReason::from_code).collect()
        };
        let resolved = reasons(resolved);
        Self { reasons: &reasons(open) | &resolved, resolved }
    }

    /// Adds a reason; adding a known one changes nothing.
    pub fn add(&mut self, reason: ReviewReason) {
        self.reasons.insert(reason);
    }

    /// Marks every open reason as resolved.
    pub fn resolve_all(&mut self) {
        self.resolved.clone_from(&self.reasons);
    }
}

fn codes<'a>(reasons: impl Iterator<Item = &'a ReviewReason>) -> String {
    reasons.map(ReviewReason::code).collect::<Vec<_>>().join(Review::SEPARATOR)
}

/// The sentences that the first databases hold instead of codes. A migration rewrites them in
/// PostgreSQL; documents in Firestore keep theirs until their order changes.
mod legacy {
    use super::{DisputeId, IntentId, Money, RefundId, ReviewReason};

    pub(super) fn from_sentence(text: &str) -> Option<ReviewReason> {
        let between = |before, after| text.strip_prefix(before)?.strip_suffix(after);
        let refund = |after| between("refund ", after).and_then(RefundId::parse);
        match text {
            "the provider told no amount" => Some(ReviewReason::AmountMissing),
            "what was asked does not read" => Some(ReviewReason::ExpectedAmountUnreadable),
            "the session names no color of ours" => Some(ReviewReason::UnknownColor),
            "the provider has no email address" => Some(ReviewReason::EmailMissing),
            "a second payment for one attempt: it was ordered once and paid twice" => Some(ReviewReason::SecondPayment),
            _ => refund(" did not reach the customer")
                .map(ReviewReason::RefundFailed)
                .or_else(|| refund(" is not in the currency that was charged").map(ReviewReason::RefundCurrencyDiffers))
                .or_else(|| between("dispute ", " was lost").and_then(DisputeId::parse).map(ReviewReason::DisputeLost))
                .or_else(|| {
                    between("the session was paid by ", " too").and_then(IntentId::parse).map(ReviewReason::OtherIntent)
                })
                .or_else(|| {
                    let (paid, expected) = text.strip_prefix("paid ")?.split_once(", asked ")?;
                    Some(ReviewReason::AmountDiffers { paid: decimal(paid)?, expected: decimal(expected)? })
                }),
        }
    }

    /// Reads an amount as it was printed: `299.00 usd`.
    fn decimal(text: &str) -> Option<Money> {
        let (number, currency) = text.split_once(' ')?;
        let digits: String = number.chars().filter(|c| *c != '.').collect();
        let money = Money::new(digits.parse().ok()?, currency.parse().ok()?).ok()?;
        (money.decimal() == number).then_some(money)
    }
}

#[cfg(test)]
mod tests;
