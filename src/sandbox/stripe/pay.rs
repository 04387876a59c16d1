//! Paying a session: what a card or a delayed method does to it, and the events that follow.
//!
//! A card's number is looked up among the test cards and then forgotten: somebody might type a real one.

use serde_json::{Value, json};

use super::{
    events::Cause,
    ids,
    intent::{Decline, Intent, IntentStatus},
    session::{Customer, PaymentStatus, Session, Status},
};
use crate::sandbox::state::World;

/// What the customer pays with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tender {
    Card(Card),
    /// Its outcome comes later.
    Delayed(Settled),
}

/// What a card does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Card {
    Pays,
    Declined(Decline),
    /// Asks for authentication first, then pays.
    Authenticates,
}

/// How a delayed payment ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    Succeeds,
    Fails,
}

/// A delayed payment on its way.
pub struct Settlement {
    pub session: String,
    pub due_millis: u128,
    pub settled: Settled,
}

/// What came of an attempt to pay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Paid {
    /// The session is complete; the id of the event that says so.
    Complete(String),
    Declined(Decline),
    NeedsAuthentication,
}

/// Why a session cannot be paid at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unpayable {
    NoSuchSession,
    NotOpen(Status),
    /// The session does not take delayed methods.
    MethodNotOffered,
    /// No authentication is under way.
    NothingToAuthenticate,
}

const fn declined(code: &'static str, reason: Option<&'static str>, message: &'static str) -> Card {
    Card::Declined(Decline { code, reason, message })
}

/// Stripe's test cards that the sandbox knows: <https://docs.stripe.com/testing>.
const TEST_CARDS: [(&str, Card); 16] = [
    ("4242424242424242", Card::Pays),
    ("4000056655665556", Card::Pays),
    ("5555555555554444", Card::Pays),
    ("2223003122003222", Card::Pays),
    ("378282246310005", Card::Pays),
    ("6011111111111117", Card::Pays),
    ("3056930009020004", Card::Pays),
    ("3566002020360505", Card::Pays),
    ("4000002500003155", Card::Authenticates),
    ("4000002760003184", Card::Authenticates),
    ("4000000000000002", declined("card_declined", Some("generic_decline"), "Your card was declined.")),
    ("4000000000009995", declined("card_declined", Some("insufficient_funds"), "Your card has insufficient funds.")),
    ("4000000000009987", declined("card_declined", Some("lost_card"), "Your card was declined.")),
    ("4000000000000069", declined("expired_card", None, "Your card has expired.")),
    ("4000000000000127", declined("incorrect_cvc", None, "Your card's security code is incorrect.")),
    (
        "4000000000000119",
        declined("processing_error", None, "An error occurred while processing your card. Try again in a little bit."),
    ),
];

const UNKNOWN_CARD: Card = declined(
    "card_declined",
    Some("test_mode_live_card"),
    "Your card was declined. This is a sandbox: only test cards work here, and a real card number must never be entered.",
);

const NOT_AUTHENTICATED: Decline = Decline {
    code: "payment_intent_authentication_failure",
    reason: None,
    message: "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
};

const DEBIT_FAILED: Decline = Decline {
    code: "payment_intent_payment_attempt_failed",
    reason: None,
    message: "The payment failed: the customer's bank returned the debit.",
};

impl Card {
    /// What the card of this number does; spaces and dashes do not matter.
    pub fn of_number(number: &str) -> Self {
        let digits: String = number.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        TEST_CARDS.iter().find(|(known, _)| *known == digits).map_or(UNKNOWN_CARD, |(_, card)| *card)
    }
}

impl World {
    /// One attempt to pay an open session.
    pub fn pay(&mut self, id: &str, tender: Tender, customer: Customer) -> Result<Paid, Unpayable> {
        let session = self.payable(id)?;
        if matches!(tender, Tender::Delayed(_)) && session.delayed_method().is_none() {
            return Err(Unpayable::MethodNotOffered);
        }
        session.authenticating = None;
        let intent = self.intent_of(id, &customer);
        match tender {
            Tender::Card(Card::Pays) => Ok(self.complete(id, &intent, customer)),
            Tender::Card(Card::Declined(decline)) => Ok(self.decline(&intent, decline)),
            Tender::Card(Card::Authenticates) => {
                self.with_intent(&intent, |intent| intent.status = IntentStatus::RequiresAction);
                self.payable(id)?.authenticating = Some(customer);
                Ok(Paid::NeedsAuthentication)
            }
            Tender::Delayed(settled) => Ok(self.complete_later(id, &intent, customer, settled)),
        }
    }

    /// The customer's answer to the bank's question.
    pub fn authenticate(&mut self, id: &str, approved: bool) -> Result<Paid, Unpayable> {
        let customer = self.payable(id)?.authenticating.take().ok_or(Unpayable::NothingToAuthenticate)?;
        let intent = self.intent_of(id, &customer);
        if approved {
            return Ok(self.complete(id, &intent, customer));
        }
        Ok(self.decline(&intent, NOT_AUTHENTICATED))
    }

    fn payable(&mut self, id: &str) -> Result<&mut Session, Unpayable> {
        // The clock's next tick may be a moment away, and a session must not be paid after its time.
        self.expire_due();
        let session = self.sessions.get_mut(id).ok_or(Unpayable::NoSuchSession)?;
        if session.status == Status::Open { Ok(session) } else { Err(Unpayable::NotOpen(session.status)) }
    }

    /// The session's intent; made at the first attempt.
    fn intent_of(&mut self, id: &str, customer: &Customer) -> String {
        let created = self.now();
        let Some(session) = self.sessions.get_mut(id) else { return String::new() };
        let shipping = session.asked.countries.is_some().then(|| {
            json!({
                "address": customer.address.render(), "carrier": null, "name": customer.name, "phone": customer.phone,
                "tracking_number": null,
            })
        });
        if let Some(intent) = &session.intent {
            let intent = intent.clone();
            self.with_intent(&intent, |intent| intent.shipping = shipping);
            return intent;
        }
        let id = ids::new("pi_3");
        let intent = Intent {
            id: id.clone(),
            created,
            secret: ids::new(&format!("{id}_secret_")),
            amount: session.amount,
            currency: session.currency,
            status: IntentStatus::RequiresPaymentMethod,
            description: session.asked.intent_description.clone(),
            metadata: session.asked.intent_metadata.clone(),
            payment_method: None,
            payment_method_types: session.asked.payment_method_types.clone(),
            latest_charge: None,
            last_error: None,
            shipping,
            canceled_at: None,
        };
        session.intent = Some(id.clone());
        self.intents.put(id.clone(), intent);
        id
    }

    fn with_intent(&mut self, id: &str, change: impl FnOnce(&mut Intent)) -> Value {
        let Some(intent) = self.intents.get_mut(id) else { return Value::Null };
        change(intent);
        intent.render()
    }

    fn decline(&mut self, intent: &str, decline: Decline) -> Paid {
        let object = self.with_intent(intent, |intent| intent.fail(decline));
        self.emit("payment_intent.payment_failed", &object, Cause::default());
        Paid::Declined(decline)
    }

    fn complete(&mut self, id: &str, intent: &str, customer: Customer) -> Paid {
        let object = self.with_intent(intent, Intent::succeed);
        self.emit("payment_intent.succeeded", &object, Cause::default());
        self.close(id, customer, PaymentStatus::Paid)
    }

    fn complete_later(&mut self, id: &str, intent: &str, customer: Customer, settled: Settled) -> Paid {
        self.with_intent(intent, |intent| {
            intent.status = IntentStatus::Processing;
            intent.payment_method = Some(ids::new("pm_1"));
        });
        let due_millis = self.now_millis() + self.timing.delayed_settle.as_millis();
        self.settlements.push(Settlement { session: id.to_owned(), due_millis, settled });
        self.close(id, customer, PaymentStatus::Unpaid)
    }

    /// The customer is done with the session, whatever becomes of the money.
    fn close(&mut self, id: &str, customer: Customer, payment_status: PaymentStatus) -> Paid {
        let Some(session) = self.sessions.get_mut(id) else { return Paid::Complete(String::new()) };
        session.status = Status::Complete;
        session.payment_status = payment_status;
        session.customer = Some(customer);
        let object = session.render();
        let key = (session.expires_at, id.to_owned());
        self.expiring.remove(&key);
        Paid::Complete(self.emit("checkout.session.completed", &object, Cause::default()))
    }

    /// Ends a delayed payment now. False when none is on its way for this session.
    pub fn settle(&mut self, id: &str, settled: Settled) -> bool {
        let Some(place) = self.settlements.iter().position(|settlement| settlement.session == id) else { return false };
        self.settlements.swap_remove(place);
        let Some(session) = self.sessions.get_mut(id) else { return false };
        if settled == Settled::Succeeds {
            session.payment_status = PaymentStatus::Paid;
        }
        let (session, intent) = (session.render(), session.intent.clone().unwrap_or_default());
        let (intent, about_intent, about_session) = match settled {
            Settled::Succeeds => (
                self.with_intent(&intent, Intent::succeed),
                "payment_intent.succeeded",
                "checkout.session.async_payment_succeeded",
            ),
            Settled::Fails => (
                self.with_intent(&intent, |intent| intent.fail(DEBIT_FAILED)),
                "payment_intent.payment_failed",
                "checkout.session.async_payment_failed",
            ),
        };
        self.emit(about_intent, &intent, Cause::default());
        self.emit(about_session, &session, Cause::default());
        true
    }

    /// Whether a delayed payment of this session is on its way.
    pub fn is_settling(&self, id: &str) -> bool {
        self.settlements.iter().any(|settlement| settlement.session == id)
    }

    /// Ends the delayed payments whose time has come.
    pub fn settle_due(&mut self) {
        let now = self.now_millis();
        let due: Vec<_> = self
            .settlements
            .iter()
            .filter(|settlement| settlement.due_millis <= now)
            .map(|settlement| (settlement.session.clone(), settlement.settled))
            .collect();
        for (session, settled) in due {
            self.settle(&session, settled);
        }
    }
}
