//! Paying a session: the attempt is its intent's; here is what becomes of the session.

use serde_json::{Value, json};

use super::session::{Buyer, Mode, PaymentStatus, Session, Status};
use crate::{
    state::World,
    stripe::{
        billing::customer::Customer,
        events::Cause,
        payments::{
            attempt::Attempted,
            intent::{Intent, Owner},
            method::Billing,
            tender::{Conduct, Decline, NOT_AUTHENTICATED, Settled, Tender},
        },
        wire::{error::ApiError, resource::Resource},
    },
};

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

impl From<ApiError> for Unpayable {
    /// Whatever a session refers to is there as long as the session is.
    fn from(_: ApiError) -> Self {
        Self::NoSuchSession
    }
}

impl World {
    /// One attempt to pay an open session.
    pub fn pay(&mut self, id: &str, tender: Tender, buyer: Buyer) -> Result<Paid, Unpayable> {
        let session = self.payable(id)?;
        if matches!(tender.conduct, Conduct::Delayed(_)) && session.delayed_method().is_none() {
            return Err(Unpayable::MethodNotOffered);
        }
        session.authenticating = None;
        if session.asked.mode == Mode::Subscription {
            return self.subscribe(id, tender, buyer);
        }
        let intent = self.intent_of(id, &buyer)?;
        let billing = Billing {
            email: Some(buyer.email.clone()),
            name: Some(buyer.name.clone()),
            phone: buyer.phone.clone(),
            address: buyer.address.render(),
        };
        let method = self.add_method(tender, billing);
        self.find_mut::<Intent>(&intent)?.method = Some(method);
        let attempted = self.attempt(&intent, false, &Cause::default())?;
        self.after_attempt(id, attempted, buyer, tender)
    }

    /// The customer's answer to the bank's question.
    pub fn authenticate(&mut self, id: &str, approved: bool) -> Result<Paid, Unpayable> {
        let session = self.payable(id)?;
        let (buyer, tender) = session.authenticating.take().ok_or(Unpayable::NothingToAuthenticate)?;
        if session.asked.mode == Mode::Subscription {
            let conduct = if approved { Conduct::Pays } else { Conduct::Declined(NOT_AUTHENTICATED) };
            return self.subscribe(id, Tender { conduct, ..tender }, buyer);
        }
        let intent = session.intent.clone().unwrap_or_default();
        let attempted = self.answer_bank(&intent, approved, &Cause::default())?;
        self.after_attempt(id, attempted, buyer, tender)
    }

    fn after_attempt(
        &mut self,
        id: &str,
        attempted: Attempted,
        buyer: Buyer,
        tender: Tender,
    ) -> Result<Paid, Unpayable> {
        match attempted {
            Attempted::Declined(decline) => Ok(Paid::Declined(decline)),
            Attempted::Collected => self.close(id, buyer, PaymentStatus::Paid),
            Attempted::Processing => self.close(id, buyer, PaymentStatus::Unpaid),
            Attempted::NeedsAuthentication => {
                self.payable(id)?.authenticating = Some((buyer, tender));
                Ok(Paid::NeedsAuthentication)
            }
        }
    }

    pub fn payable(&mut self, id: &str) -> Result<&mut Session, Unpayable> {
        // The clock's next tick may be a moment away, and a session must not be paid after its time.
        self.expire_due();
        let session = self.sessions.get_mut(id).ok_or(Unpayable::NoSuchSession)?;
        if session.status == Status::Open { Ok(session) } else { Err(Unpayable::NotOpen(session.status)) }
    }

    /// The session's intent; made at the first attempt.
    fn intent_of(&mut self, id: &str, buyer: &Buyer) -> Result<String, ApiError> {
        let created = self.now();
        let session = self.find_mut::<Session>(id)?;
        let shipping = if session.asked.countries.is_some() {
            json!({
                "address": buyer.address.render(), "carrier": null, "name": buyer.name, "phone": buyer.phone,
                "tracking_number": null,
            })
        } else {
            Value::Null
        };
        if let Some(intent) = session.intent.clone() {
            self.find_mut::<Intent>(&intent)?.shipping = shipping;
            return Ok(intent);
        }
        let asked = &session.asked;
        let intent = Intent {
            customer: asked.customer.clone(),
            description: asked.intent_description.clone(),
            metadata: asked.intent_metadata.clone(),
            method_types: asked.payment_method_types.iter().map(|kind| (*kind).to_owned()).collect(),
            shipping,
            ..Intent::new(Owner::Session(id.to_owned()), session.amount, session.currency, created)
        };
        let (intent_id, object) = (intent.id.clone(), intent.render());
        session.intent = Some(intent_id.clone());
        self.put(intent);
        self.emit("payment_intent.created", &object, Cause::default());
        Ok(intent_id)
    }

    /// The customer is done with the session, whatever becomes of the money.
    pub fn close(&mut self, id: &str, buyer: Buyer, payment_status: PaymentStatus) -> Result<Paid, Unpayable> {
        let session = Session::find(self, id)?;
        if session.customer.is_none() && session.asked.customer_creation == "always" {
            let customer = self.customer_of(&buyer);
            let session = self.find_mut::<Session>(id)?;
            session.customer = Some(customer.clone());
            let intent = session.intent.clone().unwrap_or_default();
            self.find_mut::<Intent>(&intent)?.customer = Some(customer);
        }
        let session = self.find_mut::<Session>(id)?;
        session.status = Status::Complete;
        session.payment_status = payment_status;
        session.buyer = Some(buyer);
        let object = session.render();
        let key = (session.expires_at, id.to_owned());
        self.expiring.remove(&key);
        Ok(Paid::Complete(self.emit("checkout.session.completed", &object, Cause::default())))
    }

    pub fn customer_of(&mut self, buyer: &Buyer) -> String {
        let mut customer = Customer::new(self.now());
        customer.email = Some(buyer.email.clone());
        customer.name = Some(buyer.name.clone());
        customer.phone.clone_from(&buyer.phone);
        customer.address = Some(buyer.address.render());
        let (id, object) = (customer.id.clone(), customer.render());
        self.put(customer);
        self.emit("customer.created", &object, Cause::default());
        id
    }

    /// What the bank's late answer means for the session.
    pub fn settle_session(&mut self, id: &str, settled: Settled, cause: &Cause) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let kind = match settled {
            Settled::Succeeds => {
                session.payment_status = PaymentStatus::Paid;
                "checkout.session.async_payment_succeeded"
            }
            Settled::Fails => "checkout.session.async_payment_failed",
        };
        let object = session.render();
        self.emit(kind, &object, cause.clone());
    }

    /// The intent of a session, where one was made.
    pub fn intent_behind(&self, session: &str) -> Option<String> {
        self.sessions.get(session).and_then(|session| session.intent.clone())
    }
}
