//! What a customer pays with: Stripe's test cards and test payment methods, and what each of them does.
//!
//! A card's number is looked up among the test cards and then forgotten: somebody might type a real one.

/// A means of payment and how it behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tender {
    pub means: Means,
    pub conduct: Conduct,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Means {
    Card {
        brand: &'static str,
        last4: &'static str,
    },
    /// `us_bank_account`, `sepa_debit`: the bank answers days later.
    Debit(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conduct {
    Pays,
    Declined(Decline),
    /// Can be kept for a customer, and is declined whenever it is charged.
    FailsWhenCharged(Decline),
    /// Asks for authentication first, then pays.
    Authenticates,
    /// Its outcome comes later.
    Delayed(Settled),
    /// Pays, and the customer goes to the bank at once.
    Disputed,
}

/// How a delayed payment ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    Succeeds,
    Fails,
}

/// Why a payment did not go through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decline {
    pub code: &'static str,
    /// Stripe's `decline_code`.
    pub reason: Option<&'static str>,
    /// What the customer is told.
    pub message: &'static str,
}

struct TestCard {
    number: &'static str,
    /// What comes after `pm_card_`.
    names: &'static [&'static str],
    brand: &'static str,
    conduct: Conduct,
}

const fn card(number: &'static str, names: &'static [&'static str], brand: &'static str, conduct: Conduct) -> TestCard {
    TestCard { number, names, brand, conduct }
}

const fn declined(code: &'static str, reason: Option<&'static str>, message: &'static str) -> Conduct {
    Conduct::Declined(Decline { code, reason, message })
}

const DECLINED: &str = "Your card was declined.";
const GENERIC: Decline = Decline { code: "card_declined", reason: Some("generic_decline"), message: DECLINED };

/// The test cards that the sandbox knows: <https://docs.stripe.com/testing>.
const TEST_CARDS: [TestCard; 20] = [
    card("4242424242424242", &["visa", "us", "bypassPending"], "visa", Conduct::Pays),
    card("4000056655665556", &["visa_debit"], "visa", Conduct::Pays),
    card("5555555555554444", &["mastercard"], "mastercard", Conduct::Pays),
    card("2223003122003222", &["mastercard_2"], "mastercard", Conduct::Pays),
    card("378282246310005", &["amex"], "amex", Conduct::Pays),
    card("6011111111111117", &["discover"], "discover", Conduct::Pays),
    card("3056930009020004", &["diners"], "diners", Conduct::Pays),
    card("3566002020360505", &["jcb"], "jcb", Conduct::Pays),
    card("4000002500003155", &["authenticationRequiredOnSetup"], "visa", Conduct::Authenticates),
    card(
        "4000002760003184",
        &["authenticationRequired", "threeDSecure2Required", "threeDSecureRequired"],
        "visa",
        Conduct::Authenticates,
    ),
    card("4000000000000002", &["chargeDeclined", "visa_chargeDeclined"], "visa", Conduct::Declined(GENERIC)),
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
    card("4000000000000341", &["chargeCustomerFail"], "visa", Conduct::FailsWhenCharged(GENERIC)),
    card("4000000000000259", &["createDispute"], "visa", Conduct::Disputed),
];

const UNKNOWN_CARD: Tender = Tender {
    means: Means::Card { brand: "unknown", last4: "0000" },
    conduct: declined(
        "card_declined",
        Some("test_mode_live_card"),
        "Your card was declined. This is a sandbox: only test cards work here, and a real card number must never be entered.",
    ),
};

pub const NOT_AUTHENTICATED: Decline = Decline {
    code: "payment_intent_authentication_failure",
    reason: None,
    message: "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
};

pub const DEBIT_FAILED: Decline = Decline {
    code: "payment_intent_payment_attempt_failed",
    reason: None,
    message: "The payment failed: the customer's bank returned the debit.",
};

impl TestCard {
    fn tender(&self) -> Tender {
        let last4 = self.number.get(self.number.len() - 4..).unwrap_or_default();
        Tender { means: Means::Card { brand: self.brand, last4 }, conduct: self.conduct }
    }
}

impl Tender {
    /// The card of this number; spaces and dashes do not matter.
    pub fn of_number(number: &str) -> Self {
        let digits: String = number.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        TEST_CARDS.iter().find(|card| card.number == digits).map_or(UNKNOWN_CARD, TestCard::tender)
    }

    /// What one of Stripe's names for test payment methods stands for: `pm_card_visa`, `pm_usBankAccount_success`.
    pub fn of_name(name: &str) -> Option<Self> {
        if let Some(name) = name.strip_prefix("pm_card_") {
            return TEST_CARDS.iter().find(|card| card.names.contains(&name)).map(TestCard::tender);
        }
        for (prefix, kind) in [("pm_usBankAccount", "us_bank_account"), ("pm_sepaDebit", "sepa_debit")] {
            match name.strip_prefix(prefix) {
                Some("" | "_success") => return Some(Self::delayed(kind, Settled::Succeeds)),
                Some("_fail" | "_failed" | "_insufficientFunds" | "_accountClosed" | "_noAccount") => {
                    return Some(Self::delayed(kind, Settled::Fails));
                }
                _ => {}
            }
        }
        None
    }

    pub const fn delayed(kind: &'static str, settled: Settled) -> Self {
        Self { means: Means::Debit(kind), conduct: Conduct::Delayed(settled) }
    }
}

impl Means {
    /// As in `payment_method_types`.
    pub const fn kind(self) -> &'static str {
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
        assert_eq!(Some(Tender::of_number("4242-4242 4242 4242")), Tender::of_name("pm_card_visa"));
        let declined = Tender::of_name("pm_card_chargeDeclinedInsufficientFunds").unwrap();
        assert_eq!(declined, Tender::of_number("4000000000009995"));
        assert_eq!(declined.means, Means::Card { brand: "visa", last4: "9995" });
    }

    #[test]
    fn a_card_that_is_no_test_card_is_declined_and_forgotten() {
        let Tender { means: Means::Card { last4, .. }, conduct: Conduct::Declined(_) } =
            Tender::of_number("4111111111111112")
        else {
            panic!("taken")
        };
        assert_eq!(last4, "0000");
        assert_eq!(Tender::of_name("pm_card_nobodys"), None);
        assert_eq!(Tender::of_name("pm_1abc"), None);
    }
}
