//! Stripe's test cards and test payment methods, and how each of them behaves.
//!
//! A card number is looked up among the test cards and then dropped, because a person might type a
//! real one.

use crate::stripe::wire::Decline;

/// A means of payment and how it behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TestMethod {
    pub(crate) means: Means,
    pub(crate) behavior: Behavior,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Means {
    Card {
        brand: &'static str,
        last4: &'static str,
    },
    /// `us_bank_account`, `sepa_debit`: the bank decides days later.
    Debit(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Behavior {
    Pays,
    Declined(Decline),
    /// Can be attached to a customer, and is declined whenever it is charged.
    FailsWhenCharged(Decline),
    /// Asks for authentication first, then pays.
    Authenticates,
    /// Settles later.
    Delayed(DelayedOutcome),
    /// Pays, and is disputed at once.
    Disputed,
}

/// How a delayed payment ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DelayedOutcome {
    Succeeds,
    Fails,
}

struct TestCard {
    number: &'static str,
    /// The part after `pm_card_`.
    names: &'static [&'static str],
    brand: &'static str,
    behavior: Behavior,
}

const fn card(
    number: &'static str,
    names: &'static [&'static str],
    brand: &'static str,
    behavior: Behavior,
) -> TestCard {
    TestCard { number, names, brand, behavior }
}

const fn declined(code: &'static str, reason: Option<&'static str>, message: &'static str) -> Behavior {
    Behavior::Declined(Decline { code, reason, message })
}

const DECLINED: &str = "Your card was declined.";

const GENERIC: Decline = Decline { code: "card_declined", reason: Some("generic_decline"), message: DECLINED };

/// The test cards that the sandbox knows: <https://docs.stripe.com/testing>.
const TEST_CARDS: [TestCard; 20] = [
    card("4242424242424242", &["visa", "us", "bypassPending"], "visa", Behavior::Pays),
    card("4000056655665556", &["visa_debit"], "visa", Behavior::Pays),
    card("5555555555554444", &["mastercard"], "mastercard", Behavior::Pays),
    card("2223003122003222", &["mastercard_2"], "mastercard", Behavior::Pays),
    card("378282246310005", &["amex"], "amex", Behavior::Pays),
    card("6011111111111117", &["discover"], "discover", Behavior::Pays),
    card("3056930009020004", &["diners"], "diners", Behavior::Pays),
    card("3566002020360505", &["jcb"], "jcb", Behavior::Pays),
    card("4000002500003155", &["authenticationRequiredOnSetup"], "visa", Behavior::Authenticates),
    card(
        "4000002760003184",
        &["authenticationRequired", "threeDSecure2Required", "threeDSecureRequired"],
        "visa",
        Behavior::Authenticates,
    ),
    card("4000000000000002", &["chargeDeclined", "visa_chargeDeclined"], "visa", Behavior::Declined(GENERIC)),
    card(
        "4000000000009995",
        &["chargeDeclinedInsufficientFunds", "visa_chargeDeclinedInsufficientFunds"],
        "visa",
        declined("card_declined", Some("insufficient_funds"), "Your card has insufficient funds."),
    ),
    card(
        "4000000000009987",
        &["chargeDeclinedLostCard", "visa_chargeDeclinedLostCard"],
        "visa",
        declined("card_declined", Some("lost_card"), DECLINED),
    ),
    card(
        "4000000000009979",
        &["chargeDeclinedStolenCard", "visa_chargeDeclinedStolenCard"],
        "visa",
        declined("card_declined", Some("stolen_card"), DECLINED),
    ),
    card(
        "4000000000000069",
        &["chargeDeclinedExpiredCard"],
        "visa",
        declined("expired_card", None, "Your card has expired."),
    ),
    card(
        "4000000000000127",
        &["chargeDeclinedIncorrectCvc"],
        "visa",
        declined("incorrect_cvc", None, "Your card's security code is incorrect."),
    ),
    card(
        "4000000000000119",
        &["chargeDeclinedProcessingError"],
        "visa",
        declined("processing_error", None, "An error occurred while processing your card. Try again in a little bit."),
    ),
    card(
        "4100000000000019",
        &["chargeDeclinedFraudulent", "radarBlock"],
        "visa",
        declined("card_declined", Some("fraudulent"), DECLINED),
    ),
    card("4000000000000341", &["chargeCustomerFail"], "visa", Behavior::FailsWhenCharged(GENERIC)),
    card("4000000000000259", &["createDispute"], "visa", Behavior::Disputed),
];

const UNKNOWN_CARD: TestMethod = TestMethod {
    means: Means::Card { brand: "unknown", last4: "0000" },
    behavior: declined(
        "card_declined",
        Some("test_mode_live_card"),
        "Your card was declined. This is a sandbox: only test cards work here, and a real card number must never be entered.",
    ),
};

pub(crate) const NOT_AUTHENTICATED: Decline = Decline {
    code: "payment_intent_authentication_failure",
    reason: None,
    message: "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
};

pub(crate) const DEBIT_FAILED: Decline = Decline {
    code: "payment_intent_payment_attempt_failed",
    reason: None,
    message: "The payment failed: the customer's bank returned the debit.",
};

impl TestCard {
    fn test_method(&self) -> TestMethod {
        let last4 = self.number.get(self.number.len() - 4..).unwrap_or_default();
        TestMethod { means: Means::Card { brand: self.brand, last4 }, behavior: self.behavior }
    }
}

impl TestMethod {
    /// The card of this number; spaces and dashes do not matter.
    pub(crate) fn of_number(number: &str) -> Self {
        let digits: String = number.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        TEST_CARDS.iter().find(|card| card.number == digits).map_or(UNKNOWN_CARD, TestCard::test_method)
    }

    /// What one of Stripe's names for test payment methods stands for: `pm_card_visa`,
    /// `pm_usBankAccount_success`.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        if let Some(name) = name.strip_prefix("pm_card_") {
            return TEST_CARDS.iter().find(|card| card.names.contains(&name)).map(TestCard::test_method);
        }
        for (prefix, kind) in [("pm_usBankAccount", "us_bank_account"), ("pm_sepaDebit", "sepa_debit")] {
            match name.strip_prefix(prefix) {
                Some("" | "_success") => return Some(Self::delayed(kind, DelayedOutcome::Succeeds)),
                Some("_fail" | "_failed" | "_insufficientFunds" | "_accountClosed" | "_noAccount") => {
                    return Some(Self::delayed(kind, DelayedOutcome::Fails));
                }
                _ => {}
            }
        }
        None
    }

    pub(crate) const fn delayed(kind: &'static str, settled: DelayedOutcome) -> Self {
        Self { means: Means::Debit(kind), behavior: Behavior::Delayed(settled) }
    }
}

impl Means {
    /// As in `payment_method_types`.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Card { .. } => "card",
            Self::Debit(kind) => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_names_are_the_same_card() {
        assert_eq!(Some(TestMethod::of_number("4242-4242 4242 4242")), TestMethod::of_name("pm_card_visa"));
        let declined = TestMethod::of_name("pm_card_chargeDeclinedInsufficientFunds").unwrap();
        assert_eq!(declined, TestMethod::of_number("4000000000009995"));
        assert_eq!(declined.means, Means::Card { brand: "visa", last4: "9995" });
    }

    #[test]
    fn a_card_that_is_no_test_card_is_declined_and_forgotten() {
        let TestMethod { means: Means::Card { last4, .. }, behavior: Behavior::Declined(_) } =
            TestMethod::of_number("4111111111111112")
        else {
            panic!("taken")
        };
        assert_eq!(last4, "0000");
        assert_eq!(TestMethod::of_name("pm_card_nobodys"), None);
        assert_eq!(TestMethod::of_name("pm_1abc"), None);
    }
}
