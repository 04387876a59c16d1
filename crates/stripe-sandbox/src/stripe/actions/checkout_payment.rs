//! Paying a session: its intent makes the attempt, and the session follows the outcome.

use serde_json::{Value, json};

use super::{
    checkout_sessions, checkout_subscription, payment_methods,
    payments::{self, AttemptOutcome},
};
use crate::{
    stripe::{
        objects::{
            Behavior, Billing, Buyer, Cause, Customer, DelayedOutcome, Intent, Mode, NOT_AUTHENTICATED, Object, Owner,
            PaymentStatus, Session, SessionStatus, TestMethod,
        },
        resources::Resource,
        wire::{ApiError, Decline},
    },
    world::World,
};

/// The outcome of an attempt to pay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum PayOutcome {
    /// The session is complete. Holds the id of the event that reports it.
    Complete(String),
    Declined(Decline),
    NeedsAuthentication,
}

/// Why a session cannot be paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PayError {
    NoSuchSession,
    NotOpen(SessionStatus),
    /// The session does not take delayed methods.
    MethodNotOffered,
    /// No authentication is under way.
    NothingToAuthenticate,
}

impl From<ApiError> for PayError {
    /// Everything that a session refers to exists as long as the session does.
    fn from(_: ApiError) -> Self {
        Self::NoSuchSession
    }
}

/// Makes one attempt to pay an open session.
pub(crate) fn pay_session(
    world: &mut World,
    id: &str,
    test_method: TestMethod,
    buyer: Buyer,
) -> Result<PayOutcome, PayError> {
    let session = payable_session(world, id)?;
    if matches!(test_method.behavior, Behavior::Delayed(_)) && session.delayed_method().is_none() {
        return Err(PayError::MethodNotOffered);
    }
    session.authenticating = None;
    if session.asked.mode == Mode::Subscription {
        return checkout_subscription::subscribe(world, id, test_method, buyer);
    }
    let intent = intent_of_session(world, id, &buyer)?;
    let billing = Billing {
        email: Some(buyer.email.clone()),
        name: Some(buyer.name.clone()),
        phone: buyer.phone.clone(),
        address: buyer.address.render(),
    };
    let method = payment_methods::add_method(world, test_method, billing);
    world.find_mut::<Intent>(&intent)?.method = Some(method);
    let attempted = payments::attempt_payment(world, &intent, false, &Cause::default())?;
    apply_attempt(world, id, attempted, buyer, test_method)
}

/// Continues a payment after the customer approved or failed the bank's authentication.
pub(crate) fn authenticate_session(world: &mut World, id: &str, approved: bool) -> Result<PayOutcome, PayError> {
    let session = payable_session(world, id)?;
    let (buyer, test_method) = session.authenticating.take().ok_or(PayError::NothingToAuthenticate)?;
    if session.asked.mode == Mode::Subscription {
        let behavior = if approved { Behavior::Pays } else { Behavior::Declined(NOT_AUTHENTICATED) };
        return checkout_subscription::subscribe(world, id, TestMethod { behavior, ..test_method }, buyer);
    }
    let intent = session.intent.clone().unwrap_or_default();
    let attempted = payments::answer_authentication(world, &intent, approved, &Cause::default())?;
    apply_attempt(world, id, attempted, buyer, test_method)
}

pub(crate) fn apply_attempt(
    world: &mut World,
    id: &str,
    attempted: AttemptOutcome,
    buyer: Buyer,
    test_method: TestMethod,
) -> Result<PayOutcome, PayError> {
    match attempted {
        AttemptOutcome::Declined(decline) => Ok(PayOutcome::Declined(decline)),
        AttemptOutcome::Collected => complete_session(world, id, buyer, PaymentStatus::Paid),
        AttemptOutcome::Processing => complete_session(world, id, buyer, PaymentStatus::Unpaid),
        AttemptOutcome::NeedsAuthentication => {
            payable_session(world, id)?.authenticating = Some((buyer, test_method));
            Ok(PayOutcome::NeedsAuthentication)
        }
    }
}

pub(crate) fn payable_session<'w>(world: &'w mut World, id: &str) -> Result<&'w mut Session, PayError> {
    // The clock's next tick may be a moment away, and a session must not be paid after it has
    // expired.
    checkout_sessions::expire_due(world);
    let session = world.sessions.get_mut(id).ok_or(PayError::NoSuchSession)?;
    if session.status == SessionStatus::Open { Ok(session) } else { Err(PayError::NotOpen(session.status)) }
}

/// Returns the session's intent, which is created at the first attempt.
pub(crate) fn intent_of_session(world: &mut World, id: &str, buyer: &Buyer) -> Result<String, ApiError> {
    let created = world.now();
    let session = world.find_mut::<Session>(id)?;
    let shipping = if session.asked.countries.is_some() {
        json!({
            "address": buyer.address.render(), "carrier": null, "name": buyer.name, "phone": buyer.phone,
            "tracking_number": null,
        })
    } else {
        Value::Null
    };
    if let Some(intent) = session.intent.clone() {
        world.find_mut::<Intent>(&intent)?.shipping = shipping;
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
    world.put(intent);
    world.emit("payment_intent.created", &object, Cause::default());
    Ok(intent_id)
}

/// Completes a session: the customer has nothing left to do, whether or not the money arrives.
pub(crate) fn complete_session(
    world: &mut World,
    id: &str,
    buyer: Buyer,
    payment_status: PaymentStatus,
) -> Result<PayOutcome, PayError> {
    let session = Session::find(world, id)?;
    if session.customer.is_none() && session.asked.customer_creation == "always" {
        let customer = customer_of_buyer(world, &buyer);
        let session = world.find_mut::<Session>(id)?;
        session.customer = Some(customer.clone());
        let intent = session.intent.clone().unwrap_or_default();
        world.find_mut::<Intent>(&intent)?.customer = Some(customer);
    }
    let session = world.find_mut::<Session>(id)?;
    session.status = SessionStatus::Complete;
    session.payment_status = payment_status;
    session.buyer = Some(buyer);
    let object = session.render();
    let key = (session.expires_at, id.to_owned());
    world.expiring.remove(&key);
    Ok(PayOutcome::Complete(world.emit("checkout.session.completed", &object, Cause::default())))
}

pub(crate) fn customer_of_buyer(world: &mut World, buyer: &Buyer) -> String {
    let mut customer = Customer::new(world.now());
    customer.email = Some(buyer.email.clone());
    customer.name = Some(buyer.name.clone());
    customer.phone.clone_from(&buyer.phone);
    customer.address = Some(buyer.address.render());
    let (id, object) = (customer.id.clone(), customer.render());
    world.put(customer);
    world.emit("customer.created", &object, Cause::default());
    id
}

/// Updates a session when its delayed payment settles.
pub(crate) fn settle_session(world: &mut World, id: &str, settled: DelayedOutcome, cause: &Cause) {
    let Some(session) = world.sessions.get_mut(id) else { return };
    let kind = match settled {
        DelayedOutcome::Succeeds => {
            session.payment_status = PaymentStatus::Paid;
            "checkout.session.async_payment_succeeded"
        }
        DelayedOutcome::Fails => "checkout.session.async_payment_failed",
    };
    let object = session.render();
    world.emit(kind, &object, cause.clone());
}

/// Returns the intent of a session, if one was created.
pub(crate) fn intent_behind_session(world: &World, session: &str) -> Option<String> {
    world.sessions.get(session).and_then(|session| session.intent.clone())
}
