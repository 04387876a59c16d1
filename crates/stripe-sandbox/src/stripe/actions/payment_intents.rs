//! Payment intents: created, changed, captured and canceled.

use minor_money::Currency;
use serde_json::Value;

use super::{
    confirm::{Changes, Confirmation, refuse_checkout_intent, use_method},
    customers, payment_methods,
};
use crate::{
    stripe::{
        objects::{Cause, Charge, Intent, IntentStatus, Object, Owner},
        resources::Resource,
        wire::{ApiError, Change, MetadataChange, exact, least},
    },
    world::World,
};

/// Checks an amount against the smallest and the largest that Stripe charges.
pub(crate) fn check_amount(amount: i64, currency: Currency) -> Result<i64, ApiError> {
    let (least, most) = (least(currency), 99_999_999);
    if amount < least {
        let message = format!("Amount must be at least {} {currency}", exact(least, currency));
        return Err(ApiError::invalid(message).code("amount_too_small").at("amount"));
    }
    if amount > most {
        let message = format!("Amount must be no more than {}", exact(most, currency));
        return Err(ApiError::invalid(message).code("amount_too_large").at("amount"));
    }
    Ok(amount)
}

/// Creates an intent, and confirms it if `confirm` says so. Returns its id.
pub(crate) fn create_intent(
    world: &mut World,
    mut intent: Intent,
    confirmation: Confirmation<'_>,
    confirm: bool,
    cause: Cause,
) -> Result<String, ApiError> {
    let id = intent.id.clone();
    intent.created = world.now();
    if let Some(customer) = confirmation.changes.customer {
        customers::existing_customer(world, customer, "customer")?;
    }
    // An unknown method is rejected before the intent exists.
    let method = confirmation
        .method
        .map(|name| payment_methods::find_or_create_method(world, name, "payment_method"))
        .transpose()?;
    world.put(intent);
    let done = if confirm {
        Confirmation { method: method.as_deref(), ..confirmation }.confirm(world, &id, true, &cause)
    } else {
        let changed = confirmation.changes.apply(world, &id);
        changed.and_then(|()| method.map_or(Ok(()), |method| use_method(world, &id, &method)))
    };
    match done {
        // A wrong request creates nothing. A request that the bank declines does.
        Err(error) if !error.is_decline() => {
            world.intents.remove(&id);
            return Err(error);
        }
        Ok(()) if !confirm => {
            world.emit("payment_intent.created", &world.rendered::<Intent>(&id), cause);
        }
        done => done?,
    }
    Ok(id)
}

/// What a request changes about an intent.
pub(crate) struct IntentUpdate<'a> {
    pub(crate) amount: Option<i64>,
    pub(crate) currency: Option<Currency>,
    pub(crate) method: Option<&'a str>,
    pub(crate) description: Change<String>,
    pub(crate) metadata: MetadataChange,
    pub(crate) changes: Changes<'a>,
}

/// Changes an intent. The amount, the currency and the method can only change until money moves.
pub(crate) fn update_intent(world: &mut World, id: &str, update: IntentUpdate<'_>) -> Result<Value, ApiError> {
    let IntentUpdate { amount, currency, method, description, metadata, changes } = update;
    let intent = Intent::find(world, id)?;
    let named = [("amount", amount.is_some()), ("currency", currency.is_some()), ("payment_method", method.is_some())];
    let fixed = named.into_iter().find(|(_, given)| *given);
    if let Some((name, _)) = fixed {
        let rendered = refuse_checkout_intent(world, id)?;
        if !intent.status.is_open() {
            let status = intent.status.as_str();
            let message = format!(
                "This PaymentIntent's {name} could not be updated because it has a status of {status}. You may only update \
                 the {name} of a PaymentIntent with one of the following statuses: requires_payment_method, \
                 requires_confirmation, requires_action."
            );
            return Err(ApiError::unexpected_state(message, rendered).at(name));
        }
        let currency = currency.unwrap_or(intent.currency);
        let amount = check_amount(amount.unwrap_or(intent.amount), currency)?;
        let intent = world.find_mut::<Intent>(id)?;
        (intent.amount, intent.currency) = (amount, currency);
    }
    changes.apply(world, id)?;
    if let Some(method) = method {
        use_method(world, id, method)?;
    }
    let intent = world.find_mut::<Intent>(id)?;
    description.apply(&mut intent.description);
    metadata.apply(&mut intent.metadata);
    let rendered = intent.render();
    Ok(rendered)
}

/// Captures what an intent has reserved: all of it, or `amount`.
pub(crate) fn capture_intent(
    world: &mut World,
    id: &str,
    amount: Option<i64>,
    metadata: MetadataChange,
    cause: Cause,
) -> Result<Value, ApiError> {
    let rendered = refuse_checkout_intent(world, id)?;
    let intent = world.find_mut::<Intent>(id)?;
    if intent.status != IntentStatus::RequiresCapture {
        let message = format!(
            "This PaymentIntent could not be captured because it has a status of {}. Only a PaymentIntent with one of the \
             following statuses may be captured: requires_capture.",
            intent.status.as_str()
        );
        return Err(ApiError::unexpected_state(message, rendered));
    }
    let amount = amount.unwrap_or(intent.amount);
    if amount > intent.amount {
        let message = "The amount to capture is greater than the amount of the PaymentIntent.";
        return Err(ApiError::invalid(message).code("amount_too_large").at("amount_to_capture"));
    }
    intent.status = IntentStatus::Succeeded;
    intent.amount_received = amount;
    metadata.apply(&mut intent.metadata);
    let (rendered_intent, charge) = (intent.render(), intent.latest_charge.clone().unwrap_or_default());
    let charge = world.find_mut::<Charge>(&charge)?;
    (charge.captured, charge.amount_captured) = (true, amount);
    let captured = charge.render();
    world.emit("charge.captured", &captured, cause.clone());
    world.emit("payment_intent.succeeded", &rendered_intent, cause);
    Ok(rendered_intent)
}

/// Cancels an intent that has not succeeded.
pub(crate) fn cancel_intent(
    world: &mut World,
    id: &str,
    reason: Option<&'static str>,
    cause: Cause,
) -> Result<Value, ApiError> {
    let rendered = refuse_checkout_intent(world, id)?;
    let now = world.now();
    let intent = world.find_mut::<Intent>(id)?;
    let message = match (&intent.owner, intent.status) {
        (Owner::Invoice(_), _) => {
            "You cannot cancel this PaymentIntent because it belongs to an invoice. Void the invoice or cancel the \
             subscription instead."
                .to_owned()
        }
        (_, status @ (IntentStatus::Succeeded | IntentStatus::Canceled)) => format!(
            "You cannot cancel this PaymentIntent because it has a status of {}. Only a PaymentIntent with one of the \
             following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, \
             requires_action, processing.",
            status.as_str()
        ),
        _ => {
            intent.cancel(reason.unwrap_or_default(), now);
            if reason.is_none() {
                intent.cancellation_reason = None;
            }
            let rendered_intent = intent.render();
            world.settlements.retain(|settlement| settlement.intent != id);
            world.emit("payment_intent.canceled", &rendered_intent, cause);
            return Ok(rendered_intent);
        }
    };
    Err(ApiError::unexpected_state(message, rendered))
}
