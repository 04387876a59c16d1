//! Attempts to collect an intent's money: what each means of payment does to it, and the events that follow.

use serde_json::Value;

use super::{
    charge::{Charge, ChargeStatus},
    intent::{Intent, IntentStatus, LastError, Owner},
    method::Method,
    tender::{Conduct, DEBIT_FAILED, Decline, NOT_AUTHENTICATED, Settled},
};
use crate::{
    state::World,
    stripe::{
        events::Cause,
        wire::{error::ApiError, ids, resource::Resource},
    },
};

/// A delayed payment on its way.
pub struct Settlement {
    pub intent: String,
    pub due_millis: u128,
    pub settled: Settled,
}

/// What came of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attempted {
    /// Collected, or reserved where the caller captures later.
    Collected,
    NeedsAuthentication,
    /// The bank answers later.
    Processing,
    Declined(Decline),
}

/// The bank wants to ask the customer, and nobody is there to be asked.
const NOBODY_TO_ASK: Decline = Decline {
    code: "authentication_required",
    reason: Some("authentication_required"),
    message: "Your card was declined. This transaction requires authentication.",
};

impl World {
    /// Tries to collect an intent's money with the payment method that it holds.
    pub fn attempt(&mut self, id: &str, off_session: bool, cause: &Cause) -> Result<Attempted, ApiError> {
        let method = Intent::find(self, id)?.method.clone().unwrap_or_default();
        let conduct = Method::find(self, &method)?.tender.conduct;
        let attempted = match conduct {
            Conduct::Pays => self.collect(id, cause)?,
            Conduct::Disputed => {
                let attempted = self.collect(id, cause)?;
                if let Some(charge) = Intent::find(self, id)?.latest_charge.clone() {
                    self.dispute(&charge, "fraudulent", cause)?;
                }
                attempted
            }
            Conduct::Declined(decline) | Conduct::FailsWhenCharged(decline) => self.decline(id, decline, cause)?,
            Conduct::Authenticates if off_session => self.decline(id, NOBODY_TO_ASK, cause)?,
            Conduct::Authenticates => {
                let page = format!("{}/c/authenticate/{id}", self.origin);
                let intent = self.find_mut::<Intent>(id)?;
                intent.status = IntentStatus::RequiresAction;
                intent.last_error = None;
                intent.page = intent.return_url.is_some().then_some(page);
                let object = intent.render();
                self.emit("payment_intent.requires_action", &object, cause.clone());
                Attempted::NeedsAuthentication
            }
            Conduct::Delayed(settled) => self.begin(id, settled, cause)?,
        };
        self.follow(id, attempted, cause)?;
        Ok(attempted)
    }

    /// The customer's answer to the bank's question.
    pub fn answer_bank(&mut self, id: &str, approved: bool, cause: &Cause) -> Result<Attempted, ApiError> {
        let intent = Intent::find(self, id)?;
        if intent.status != IntentStatus::RequiresAction {
            return Err(ApiError::invalid("This PaymentIntent does not wait for authentication."));
        }
        let attempted = if approved { self.collect(id, cause)? } else { self.decline(id, NOT_AUTHENTICATED, cause)? };
        self.follow(id, attempted, cause)?;
        Ok(attempted)
    }

    fn collect(&mut self, id: &str, cause: &Cause) -> Result<Attempted, ApiError> {
        let charge = self.charge(id, ChargeStatus::Succeeded, None)?;
        let object = self.rendered::<Charge>(&charge);
        let intent = self.find_mut::<Intent>(id)?;
        intent.last_error = None;
        intent.latest_charge = Some(charge);
        let kind = if intent.captured_later {
            intent.status = IntentStatus::RequiresCapture;
            "payment_intent.amount_capturable_updated"
        } else {
            intent.status = IntentStatus::Succeeded;
            intent.amount_received = intent.amount;
            "payment_intent.succeeded"
        };
        let told = intent.render();
        self.emit("charge.succeeded", &object, cause.clone());
        self.emit(kind, &told, cause.clone());
        self.keep_method(id, cause)?;
        Ok(Attempted::Collected)
    }

    /// A method that is to be used again is attached to the customer who paid with it.
    fn keep_method(&mut self, id: &str, cause: &Cause) -> Result<(), ApiError> {
        let intent = Intent::find(self, id)?;
        if let (Some(_), Some(method), Some(customer)) =
            (intent.setup_future_usage, intent.method.clone(), intent.customer.clone())
        {
            self.attach(&method, &customer, cause.clone())?;
        }
        Ok(())
    }

    fn decline(&mut self, id: &str, decline: Decline, cause: &Cause) -> Result<Attempted, ApiError> {
        let charge = self.charge(id, ChargeStatus::Failed, Some(decline))?;
        let object = self.rendered::<Charge>(&charge);
        let intent = self.fail(id, decline, charge)?;
        self.emit("charge.failed", &object, cause.clone());
        self.emit("payment_intent.payment_failed", &intent, cause.clone());
        Ok(Attempted::Declined(decline))
    }

    fn fail(&mut self, id: &str, decline: Decline, charge: String) -> Result<Value, ApiError> {
        let method = Intent::find(self, id)?.method.clone().unwrap_or_default();
        let method = self.rendered::<Method>(&method);
        let intent = self.find_mut::<Intent>(id)?;
        intent.status = IntentStatus::RequiresPaymentMethod;
        intent.method = None;
        intent.latest_charge = Some(charge.clone());
        intent.last_error = Some(LastError { decline, charge: Some(charge), method });
        Ok(intent.render())
    }

    fn begin(&mut self, id: &str, settled: Settled, cause: &Cause) -> Result<Attempted, ApiError> {
        let charge = self.charge(id, ChargeStatus::Pending, None)?;
        let object = self.rendered::<Charge>(&charge);
        let intent = self.find_mut::<Intent>(id)?;
        intent.status = IntentStatus::Processing;
        intent.last_error = None;
        intent.latest_charge = Some(charge);
        let told = intent.render();
        let due_millis = self.now_millis() + self.timing.delayed_settle.as_millis();
        self.settlements.push(Settlement { intent: id.to_owned(), due_millis, settled });
        self.emit("charge.pending", &object, cause.clone());
        self.emit("payment_intent.processing", &told, cause.clone());
        Ok(Attempted::Processing)
    }

    fn charge(&mut self, id: &str, status: ChargeStatus, failure: Option<Decline>) -> Result<String, ApiError> {
        let created = self.now();
        let intent = Intent::find(self, id)?;
        let captured = status == ChargeStatus::Succeeded && !intent.captured_later;
        let mut charge = Charge {
            id: ids::new("ch_3"),
            created,
            amount: intent.amount,
            amount_captured: if captured { intent.amount } else { 0 },
            amount_refunded: 0,
            currency: intent.currency,
            customer: intent.customer.clone(),
            description: intent.description.clone(),
            metadata: intent.metadata.clone(),
            intent: id.to_owned(),
            method: None,
            details: Value::Null,
            billing: super::method::Billing::default(),
            status,
            captured: captured || status == ChargeStatus::Pending,
            disputed: false,
            failure,
            receipt_email: intent.receipt_email.clone(),
            shipping: intent.shipping.clone(),
        };
        if let Some(method) = intent.method.as_ref().and_then(|method| self.methods.get(method)) {
            charge.pay_with(method);
        }
        let charge_id = charge.id.clone();
        self.put(charge);
        Ok(charge_id)
    }

    /// Ends a delayed payment now. False when none is on its way for this intent.
    pub fn settle(&mut self, id: &str, settled: Settled, cause: &Cause) -> Result<bool, ApiError> {
        let Some(place) = self.settlements.iter().position(|settlement| settlement.intent == id) else {
            return Ok(false);
        };
        self.settlements.swap_remove(place);
        let charge_id = Intent::find(self, id)?.latest_charge.clone().unwrap_or_default();
        let charge = self.find_mut::<Charge>(&charge_id)?;
        let attempted = if settled == Settled::Succeeds {
            charge.status = ChargeStatus::Succeeded;
            charge.amount_captured = charge.amount;
            let object = charge.render();
            let intent = self.find_mut::<Intent>(id)?;
            intent.status = IntentStatus::Succeeded;
            intent.amount_received = intent.amount;
            let told = intent.render();
            self.emit("charge.succeeded", &object, cause.clone());
            self.emit("payment_intent.succeeded", &told, cause.clone());
            self.keep_method(id, cause)?;
            Attempted::Collected
        } else {
            charge.status = ChargeStatus::Failed;
            charge.captured = false;
            charge.failure = Some(DEBIT_FAILED);
            let object = charge.render();
            let told = self.fail(id, DEBIT_FAILED, charge_id)?;
            self.emit("charge.failed", &object, cause.clone());
            self.emit("payment_intent.payment_failed", &told, cause.clone());
            Attempted::Declined(DEBIT_FAILED)
        };
        if let Owner::Session(session) = Intent::find(self, id)?.owner.clone() {
            self.settle_session(&session, settled, cause);
        }
        self.follow(id, attempted, cause)?;
        Ok(true)
    }

    /// Whether a delayed payment of this intent is on its way.
    pub fn is_settling(&self, id: &str) -> bool {
        self.settlements.iter().any(|settlement| settlement.intent == id)
    }

    /// Ends the delayed payments whose time has come.
    pub fn settle_due(&mut self) {
        let now = self.now_millis();
        let due: Vec<_> = self
            .settlements
            .iter()
            .filter(|settlement| settlement.due_millis <= now)
            .map(|settlement| (settlement.intent.clone(), settlement.settled))
            .collect();
        for (intent, settled) in due {
            // What is on its way belongs to an intent that is there.
            let _ = self.settle(&intent, settled, &Cause::default());
        }
    }

    /// What an attempt means for the invoice that it was made for.
    fn follow(&mut self, id: &str, attempted: Attempted, cause: &Cause) -> Result<(), ApiError> {
        match Intent::find(self, id)?.owner.clone() {
            Owner::Invoice(invoice) => self.invoice_attempted(&invoice, attempted, cause),
            Owner::Caller | Owner::Session(_) => Ok(()),
        }
    }
}
