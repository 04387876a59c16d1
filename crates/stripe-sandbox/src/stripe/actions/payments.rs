//! Attempts to collect an intent's money: the effect of each means of payment, and the events that
//! follow.

use serde_json::Value;

use super::{checkout_payment, disputes, invoices, payment_methods};
use crate::{
    stripe::{
        objects::{
            Behavior, Billing, Cause, Charge, ChargeStatus, DEBIT_FAILED, DelayedOutcome, Intent, IntentStatus,
            LastError, NOT_AUTHENTICATED, Object, Owner, PaymentMethod, PendingSettlement,
        },
        resources::Resource,
        wire::{ApiError, Decline, ids},
    },
    world::World,
};

/// The outcome of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AttemptOutcome {
    /// The money was collected, or reserved if the caller captures later.
    Collected,
    NeedsAuthentication,
    /// The bank decides later.
    Processing,
    Declined(Decline),
}

/// The bank asks for authentication while the customer is absent.
const OFF_SESSION_AUTHENTICATION: Decline = Decline {
    code: "authentication_required",
    reason: Some("authentication_required"),
    message: "Your card was declined. This transaction requires authentication.",
};

/// Tries to collect an intent's money with the payment method that it holds.
pub(crate) fn attempt_payment(
    world: &mut World,
    id: &str,
    off_session: bool,
    cause: &Cause,
) -> Result<AttemptOutcome, ApiError> {
    let method = Intent::find(world, id)?.method.clone().unwrap_or_default();
    let behavior = PaymentMethod::find(world, &method)?.test_method.behavior;
    let attempted = match behavior {
        Behavior::Pays => collect(world, id, cause)?,
        Behavior::Disputed => {
            let attempted = collect(world, id, cause)?;
            if let Some(charge) = Intent::find(world, id)?.latest_charge.clone() {
                disputes::open_dispute(world, &charge, "fraudulent", cause)?;
            }
            attempted
        }
        Behavior::Declined(decline) | Behavior::FailsWhenCharged(decline) => record_decline(world, id, decline, cause)?,
        Behavior::Authenticates if off_session => record_decline(world, id, OFF_SESSION_AUTHENTICATION, cause)?,
        Behavior::Authenticates => {
            let page = format!("{}/c/authenticate/{id}", world.origin);
            let intent = world.find_mut::<Intent>(id)?;
            intent.status = IntentStatus::RequiresAction;
            intent.last_error = None;
            intent.page = intent.return_url.is_some().then_some(page);
            let object = intent.render();
            world.emit("payment_intent.requires_action", &object, cause.clone());
            AttemptOutcome::NeedsAuthentication
        }
        Behavior::Delayed(settled) => begin_delayed(world, id, settled, cause)?,
    };
    update_owner(world, id, attempted, cause)?;
    Ok(attempted)
}

/// Continues a payment after the customer approved or failed the bank's authentication.
pub(crate) fn answer_authentication(
    world: &mut World,
    id: &str,
    approved: bool,
    cause: &Cause,
) -> Result<AttemptOutcome, ApiError> {
    let intent = Intent::find(world, id)?;
    if intent.status != IntentStatus::RequiresAction {
        return Err(ApiError::invalid("This PaymentIntent does not wait for authentication."));
    }
    let attempted =
        if approved { collect(world, id, cause)? } else { record_decline(world, id, NOT_AUTHENTICATED, cause)? };
    update_owner(world, id, attempted, cause)?;
    Ok(attempted)
}

pub(crate) fn collect(world: &mut World, id: &str, cause: &Cause) -> Result<AttemptOutcome, ApiError> {
    let charge = create_charge(world, id, ChargeStatus::Succeeded, None)?;
    let object = world.rendered::<Charge>(&charge);
    let intent = world.find_mut::<Intent>(id)?;
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
    let rendered_intent = intent.render();
    world.emit("charge.succeeded", &object, cause.clone());
    world.emit(kind, &rendered_intent, cause.clone());
    save_method(world, id, cause)?;
    Ok(AttemptOutcome::Collected)
}

/// Attaches a method that will be used again to the customer who paid with it.
pub(crate) fn save_method(world: &mut World, id: &str, cause: &Cause) -> Result<(), ApiError> {
    let intent = Intent::find(world, id)?;
    if let (Some(_), Some(method), Some(customer)) =
        (intent.setup_future_usage, intent.method.clone(), intent.customer.clone())
    {
        payment_methods::attach_method(world, &method, &customer, cause.clone())?;
    }
    Ok(())
}

pub(crate) fn record_decline(
    world: &mut World,
    id: &str,
    decline: Decline,
    cause: &Cause,
) -> Result<AttemptOutcome, ApiError> {
    let charge = create_charge(world, id, ChargeStatus::Failed, Some(decline))?;
    let object = world.rendered::<Charge>(&charge);
    let intent = fail_intent(world, id, decline, charge)?;
    world.emit("charge.failed", &object, cause.clone());
    world.emit("payment_intent.payment_failed", &intent, cause.clone());
    Ok(AttemptOutcome::Declined(decline))
}

pub(crate) fn fail_intent(world: &mut World, id: &str, decline: Decline, charge: String) -> Result<Value, ApiError> {
    let method = Intent::find(world, id)?.method.clone().unwrap_or_default();
    let method = world.rendered::<PaymentMethod>(&method);
    let intent = world.find_mut::<Intent>(id)?;
    intent.status = IntentStatus::RequiresPaymentMethod;
    intent.method = None;
    intent.latest_charge = Some(charge.clone());
    intent.last_error = Some(LastError { decline, charge: Some(charge), method });
    Ok(intent.render())
}

pub(crate) fn begin_delayed(
    world: &mut World,
    id: &str,
    settled: DelayedOutcome,
    cause: &Cause,
) -> Result<AttemptOutcome, ApiError> {
    let charge = create_charge(world, id, ChargeStatus::Pending, None)?;
    let object = world.rendered::<Charge>(&charge);
    let intent = world.find_mut::<Intent>(id)?;
    intent.status = IntentStatus::Processing;
    intent.last_error = None;
    intent.latest_charge = Some(charge);
    let rendered_intent = intent.render();
    let due_millis = world.now_millis() + world.timing.delayed_settle.as_millis();
    world.settlements.push(PendingSettlement { intent: id.to_owned(), due_millis, settled });
    world.emit("charge.pending", &object, cause.clone());
    world.emit("payment_intent.processing", &rendered_intent, cause.clone());
    Ok(AttemptOutcome::Processing)
}

pub(crate) fn create_charge(
    world: &mut World,
    id: &str,
    status: ChargeStatus,
    failure: Option<Decline>,
) -> Result<String, ApiError> {
    let created = world.now();
    let intent = Intent::find(world, id)?;
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
        billing: Billing::default(),
        status,
        captured: captured || status == ChargeStatus::Pending,
        disputed: false,
        failure,
        receipt_email: intent.receipt_email.clone(),
        shipping: intent.shipping.clone(),
    };
    if let Some(method) = intent.method.as_ref().and_then(|method| world.methods.get(method)) {
        charge.pay_with(method);
    }
    let charge_id = charge.id.clone();
    world.put(charge);
    Ok(charge_id)
}

/// Settles a delayed payment now. Returns false when none is pending for this intent.
pub(crate) fn settle_payment(
    world: &mut World,
    id: &str,
    settled: DelayedOutcome,
    cause: &Cause,
) -> Result<bool, ApiError> {
    let Some(place) = world.settlements.iter().position(|settlement| settlement.intent == id) else {
        return Ok(false);
    };
    world.settlements.swap_remove(place);
    let charge_id = Intent::find(world, id)?.latest_charge.clone().unwrap_or_default();
    let charge = world.find_mut::<Charge>(&charge_id)?;
    let attempted = if settled == DelayedOutcome::Succeeds {
        charge.status = ChargeStatus::Succeeded;
        charge.amount_captured = charge.amount;
        let object = charge.render();
        let intent = world.find_mut::<Intent>(id)?;
        intent.status = IntentStatus::Succeeded;
        intent.amount_received = intent.amount;
        let rendered_intent = intent.render();
        world.emit("charge.succeeded", &object, cause.clone());
        world.emit("payment_intent.succeeded", &rendered_intent, cause.clone());
        save_method(world, id, cause)?;
        AttemptOutcome::Collected
    } else {
        charge.status = ChargeStatus::Failed;
        charge.captured = false;
        charge.failure = Some(DEBIT_FAILED);
        let object = charge.render();
        let rendered_intent = fail_intent(world, id, DEBIT_FAILED, charge_id)?;
        world.emit("charge.failed", &object, cause.clone());
        world.emit("payment_intent.payment_failed", &rendered_intent, cause.clone());
        AttemptOutcome::Declined(DEBIT_FAILED)
    };
    if let Owner::Session(session) = Intent::find(world, id)?.owner.clone() {
        checkout_payment::settle_session(world, &session, settled, cause);
    }
    update_owner(world, id, attempted, cause)?;
    Ok(true)
}

/// Returns whether a delayed payment of this intent is pending.
pub(crate) fn is_settling(world: &World, id: &str) -> bool {
    world.settlements.iter().any(|settlement| settlement.intent == id)
}

/// Settles the delayed payments that are due.
pub(crate) fn settle_due(world: &mut World) {
    let now = world.now_millis();
    let due: Vec<_> = world
        .settlements
        .iter()
        .filter(|settlement| settlement.due_millis <= now)
        .map(|settlement| (settlement.intent.clone(), settlement.settled))
        .collect();
    for (intent, settled) in due {
        // A pending payment belongs to an existing intent.
        let _ = settle_payment(world, &intent, settled, &Cause::default());
    }
}

/// Updates the invoice for which an attempt was made.
pub(crate) fn update_owner(
    world: &mut World,
    id: &str,
    attempted: AttemptOutcome,
    cause: &Cause,
) -> Result<(), ApiError> {
    match Intent::find(world, id)?.owner.clone() {
        Owner::Invoice(invoice) => invoices::record_invoice_attempt(world, &invoice, attempted, cause),
        Owner::Caller | Owner::Session(_) => Ok(()),
    }
}
