//! A preorder and its life: what a provider's facts about a checkout session change in it.
//!
//! `decide` is the one place where that is settled. It is pure, and its result does not depend on the order or the number
//! of times in which facts arrive, as long as they are about the same session.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    customer::{Locale, ShippingAddress},
    money::Money,
    payment::{IntentId, SessionId},
    product::ProductColor,
};

/// `ROL-` and eight symbols of Crockford's base 32: a label to read out on the phone, never a secret (40 bits).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PreorderNumber(String);

impl PreorderNumber {
    /// Crockford's alphabet: no I, L, O and U. Source: <https://www.crockford.com/base32.html>.
    pub const ALPHABET: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M', 'N',
        'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
    ];
    pub const SYMBOLS: usize = 8;

    /// The number made of `symbols`, read as people write them: any case, `O` for zero, `I` and `L` for one.
    pub fn from_symbols(symbols: &str) -> Option<Self> {
        let read: String = symbols
            .chars()
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let fits = read.chars().count() == Self::SYMBOLS && read.chars().all(|c| Self::ALPHABET.contains(&c));
        fits.then(|| Self(format!("ROL-{read}")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PreorderNumber {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let symbols = text.get(..4).filter(|prefix| prefix.eq_ignore_ascii_case("ROL-")).and_then(|_| text.get(4..));
        symbols.and_then(Self::from_symbols).ok_or("a preorder number looks like ROL-7K3M9QXZ")
    }
}

impl TryFrom<String> for PreorderNumber {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PreorderNumber> for String {
    fn from(number: PreorderNumber) -> Self {
        number.0
    }
}

impl fmt::Display for PreorderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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
    /// Never finished.
    Expired,
}

/// What the customer was asked to pay, as the session says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// It does not say: nothing is compared.
    Unsaid,
    Amount(Money),
    /// It says something that is no amount.
    Unreadable,
}

/// What a provider told about one checkout session of ours, cleaned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionFacts {
    pub session: SessionId,
    pub outcome: SessionOutcome,
    pub intent: Option<IntentId>,
    /// As the provider has it; not necessarily what [`super::customer::Email`] would accept, because money may have moved.
    pub email: Option<String>,
    /// The text of the session's `color`; `None` when it is not one of our sessions.
    pub color: Option<String>,
    pub amount: Option<Money>,
    pub expected: Asked,
    pub locale: Option<Locale>,
    pub shipping: Option<ShippingAddress>,
    pub livemode: bool,
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
    pub session: SessionId,
    pub intent: Option<IntentId>,
    pub status: PreorderStatus,
    /// Empty only when the provider had none; such a preorder is held for review.
    pub email: String,
    /// `None` only when the session named no color of ours; such a preorder is held for review.
    pub color: Option<ProductColor>,
    pub amount: Option<Money>,
    pub locale: Locale,
    pub shipping: Option<ShippingAddress>,
    pub livemode: bool,
    /// Why a person must look at it before it counts as sold.
    pub review: Option<String>,
}

/// What facts do to a preorder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Nothing: it is known, or older than what is known.
    None,
    /// Nothing, for a reason worth a line in the log.
    Ignore(&'static str),
    /// A preorder begins, or becomes what these details say. `became_paid` is true once in a preorder's life.
    Put { details: Box<PreorderDetails>, became_paid: bool },
}

/// Settles what `facts` change, given the preorder of the same session, if there is one.
pub fn decide(current: Option<&PreorderDetails>, facts: &SessionFacts) -> Change {
    let Some(color_text) = &facts.color else {
        return Change::Ignore("not a session of this shop");
    };
    let status = match facts.outcome {
        SessionOutcome::Open => return Change::Ignore("the session is still open"),
        SessionOutcome::Expired => return Change::Ignore("the session expired without a payment"),
        SessionOutcome::Paid => PreorderStatus::Paid,
        SessionOutcome::Pending => PreorderStatus::AwaitingPayment,
        SessionOutcome::Failed => PreorderStatus::PaymentFailed,
    };
    let told = details_from(facts, color_text, status);
    let Some(current) = current else {
        return Change::Put { became_paid: status == PreorderStatus::Paid, details: Box::new(told) };
    };
    let merged = merge(current, told);
    if merged == *current {
        return Change::None;
    }
    let became_paid = merged.status >= PreorderStatus::Paid && current.status < PreorderStatus::Paid;
    Change::Put { details: Box::new(merged), became_paid }
}

fn details_from(facts: &SessionFacts, color_text: &str, status: PreorderStatus) -> PreorderDetails {
    let color = color_text.parse::<ProductColor>().ok();
    let mut reasons = Vec::new();
    if color.is_none() {
        reasons.push("the session names no color of ours".to_owned());
    }
    if facts.email.is_none() {
        reasons.push("the provider has no email address".to_owned());
    }
    match (facts.amount, facts.expected) {
        (None, _) => reasons.push("the provider told no amount".to_owned()),
        (_, Asked::Unreadable) => reasons.push("what was asked does not read".to_owned()),
        (Some(amount), Asked::Amount(expected)) if amount != expected => reasons.push(format!(
            "paid {} {}, asked {} {}",
            amount.decimal(),
            amount.currency(),
            expected.decimal(),
            expected.currency()
        )),
        _ => {}
    }
    PreorderDetails {
        session: facts.session.clone(),
        intent: facts.intent.clone(),
        status,
        email: facts.email.clone().unwrap_or_default(),
        color,
        amount: facts.amount,
        locale: facts.locale.clone().unwrap_or_default(),
        shipping: facts.shipping.clone(),
        livemode: facts.livemode,
        review: (!reasons.is_empty()).then(|| reasons.join("; ")),
    }
}

/// What is known stays, what was missing is filled in, the status goes up and never down.
fn merge(current: &PreorderDetails, told: PreorderDetails) -> PreorderDetails {
    PreorderDetails {
        session: current.session.clone(),
        intent: current.intent.clone().or(told.intent),
        status: current.status.max(told.status),
        email: if current.email.is_empty() { told.email } else { current.email.clone() },
        color: current.color.or(told.color),
        amount: current.amount.or(told.amount),
        locale: current.locale.clone(),
        shipping: current.shipping.clone().or(told.shipping),
        livemode: current.livemode,
        review: current.review.clone().or(told.review),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::money::Currency;

    fn facts(outcome: SessionOutcome) -> SessionFacts {
        let price = Money::new(29_900, Currency::USD).unwrap();
        SessionFacts {
            session: SessionId::parse("cs_test_1").unwrap(),
            outcome,
            intent: IntentId::parse("pi_1"),
            email: Some("jo@example.com".into()),
            color: Some("Red".into()),
            amount: Some(price),
            expected: Asked::Amount(price),
            locale: Locale::parse("en"),
            shipping: None,
            livemode: false,
        }
    }

    fn apply(current: Option<PreorderDetails>, facts: &SessionFacts) -> (Option<PreorderDetails>, bool) {
        match decide(current.as_ref(), facts) {
            Change::Put { details, became_paid } => (Some(*details), became_paid),
            Change::None | Change::Ignore(_) => (current, false),
        }
    }

    #[test]
    fn a_paid_session_makes_a_paid_preorder_once() {
        let (first, paid) = apply(None, &facts(SessionOutcome::Paid));
        assert!(paid);
        assert_eq!(decide(first.as_ref(), &facts(SessionOutcome::Paid)), Change::None);
    }

    #[test]
    fn sessions_never_completed_make_no_preorder() {
        for outcome in [SessionOutcome::Open, SessionOutcome::Expired] {
            assert!(matches!(decide(None, &facts(outcome)), Change::Ignore(_)));
        }
    }

    #[test]
    fn a_foreign_session_makes_no_preorder_even_when_paid() {
        let foreign = SessionFacts { color: None, ..facts(SessionOutcome::Paid) };
        assert!(matches!(decide(None, &foreign), Change::Ignore(_)));
    }

    #[test]
    fn a_different_amount_keeps_the_payment_and_asks_for_review() {
        for (minor, code) in [(29_899, "usd"), (29_901, "usd"), (29_900, "eur"), (0, "usd"), (i64::MAX, "usd")] {
            let other = Money::new(minor, code.parse().unwrap()).unwrap();
            let told = SessionFacts { amount: Some(other), ..facts(SessionOutcome::Paid) };
            let (made, _) = apply(None, &told);
            let made = made.unwrap();
            assert_eq!((made.status, made.amount), (PreorderStatus::Paid, Some(other)));
            assert!(made.review.is_some(), "{minor} {code}");
        }
        let unasked = SessionFacts { expected: Asked::Unsaid, ..facts(SessionOutcome::Paid) };
        assert_eq!(apply(None, &unasked).0.unwrap().review, None);
    }

    #[test]
    fn a_paid_session_with_an_unknown_color_or_no_address_is_kept_for_review() {
        let strange = SessionFacts { color: Some("Blue".into()), email: None, ..facts(SessionOutcome::Paid) };
        let made = apply(None, &strange).0.unwrap();
        assert_eq!((made.status, made.color, made.email.as_str()), (PreorderStatus::Paid, None, ""));
        assert!(made.review.unwrap().contains("color"));
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        let number: PreorderNumber = "rol-oil7k3m9".parse().unwrap();
        assert_eq!(number.as_str(), "ROL-0117K3M9");
        for bad in ["", "ROL-", "ROL-7K3M9QX", "ROL-7K3M9QXZZ", "7K3M9QXZ", "ROL-7K3M9QXU", "ROL-ÄÖÜ7K3M9"] {
            assert!(bad.parse::<PreorderNumber>().is_err(), "{bad}");
        }
    }

    fn any_outcome() -> impl Strategy<Value = SessionOutcome> {
        prop_oneof![
            Just(SessionOutcome::Open),
            Just(SessionOutcome::Paid),
            Just(SessionOutcome::Pending),
            Just(SessionOutcome::Failed),
            Just(SessionOutcome::Expired),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn any_order_and_any_repeats_reach_the_same_state(
            (history, shuffled) in proptest::collection::vec(any_outcome(), 1..8)
                .prop_flat_map(|history| (Just(history.clone()), Just(history).prop_shuffle())),
            repeats in 1_usize..3,
        ) {
            let run = |outcomes: &[SessionOutcome]| {
                let (mut state, mut times_paid, mut last) = (None, 0, None);
                for outcome in outcomes {
                    let paid;
                    (state, paid) = apply(state, &facts(*outcome));
                    times_paid += u32::from(paid);
                    let status = state.as_ref().map(|s: &PreorderDetails| s.status);
                    assert!(status >= last, "a state went back");
                    last = status;
                }
                (state, times_paid)
            };
            let repeated: Vec<_> = shuffled.iter().flat_map(|o| std::iter::repeat_n(*o, repeats)).collect();
            prop_assert_eq!(run(&history), run(&repeated));
        }
    }
}
