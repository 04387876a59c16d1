//! Confirming an intent: Stripe's conditions, what a confirmation may change, and the error that a
//! decline is.

use serde_json::Value;

use super::{
    customers, payment_methods,
    payments::{self, AttemptOutcome},
};
use crate::{
    stripe::{
        objects::{Cause, Intent, IntentStatus, Object, Owner, PaymentMethod, Redirects},
        resources::Resource,
        wire::ApiError,
    },
    world::World,
};

/// The parameters of a confirmation, whether on its own or with creation.
pub(crate) struct Confirmation<'a> {
    pub(crate) method: Option<&'a str>,
    pub(crate) return_url: Option<String>,
    pub(crate) off_session: bool,
    pub(crate) changes: Changes<'a>,
}

/// The parts of an intent that may change until money moves.
pub(crate) struct Changes<'a> {
    pub(crate) receipt_email: Option<String>,
    pub(crate) shipping: Option<Value>,
    pub(crate) setup_future_usage: Option<&'static str>,
    pub(crate) method_types: Option<Vec<String>>,
    pub(crate) customer: Option<&'a str>,
}

impl Changes<'_> {
    pub(crate) fn apply(self, world: &mut World, id: &str) -> Result<(), ApiError> {
        if let Some(customer) = self.customer {
            customers::existing_customer(world, customer, "customer")?;
        }
        let intent = world.find_mut::<Intent>(id)?;
        intent.receipt_email = self.receipt_email.or(intent.receipt_email.take());
        intent.shipping = self.shipping.unwrap_or_else(|| intent.shipping.take());
        intent.setup_future_usage = self.setup_future_usage.or(intent.setup_future_usage);
        intent.customer = self.customer.map(str::to_owned).or(intent.customer.take());
        if let Some(types) = self.method_types {
            intent.automatic = None;
            intent.method_types = types;
        }
        Ok(())
    }
}

impl Confirmation<'_> {
    /// Confirms an intent: checks Stripe's conditions, then makes the attempt. A decline is an
    /// error that contains the intent. The creation of a `new` intent is recorded as soon as only
    /// the bank can still refuse it.
    pub(crate) fn confirm(self, world: &mut World, id: &str, new: bool, cause: &Cause) -> Result<(), ApiError> {
        let rendered = refuse_checkout_intent(world, id)?;
        let intent = world.find_mut::<Intent>(id)?;
        if intent.status == IntentStatus::Succeeded {
            let message = "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.";
            return Err(ApiError::unexpected_state(message, rendered));
        }
        if !intent.status.is_open() {
            let message = format!(
                "You cannot confirm this PaymentIntent because it has a status of {}. Only a PaymentIntent with one of the \
                 following statuses may be confirmed: requires_confirmation, requires_action, requires_payment_method.",
                intent.status.as_str()
            );
            return Err(ApiError::unexpected_state(message, rendered));
        }
        intent.return_url = self.return_url.or(intent.return_url.take());
        self.changes.apply(world, id)?;
        if let Some(method) = self.method {
            use_method(world, id, method)?;
        }
        let intent = Intent::find(world, id)?;
        if intent.method.is_none() {
            let message = "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update \
                           the PaymentIntent with a payment method and then confirm it again, or confirm it again directly \
                           with a payment method or ConfirmationToken.";
            return Err(ApiError::unexpected_state(message, intent.render()));
        }
        if intent.automatic == Some(Redirects::Always) && intent.return_url.is_none() {
            let message = "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some \
                           of these payment methods might redirect your customer off of your page, you must provide a \
                           `return_url`. If you don't want to accept redirect-based payment methods, set \
                           `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to \
                           `never` when creating Setup Intents and Payment Intents.";
            return Err(ApiError::invalid(message).with("payment_intent", intent.render()));
        }
        if new {
            let object = intent.render();
            world.emit("payment_intent.created", &object, cause.clone());
        }
        if let AttemptOutcome::Declined(decline) = payments::attempt_payment(world, id, self.off_session, cause)? {
            let intent = Intent::find(world, id)?;
            let error = ApiError::declined(decline).with("payment_intent", intent.render());
            let (charge, method) = match &intent.last_error {
                Some(last) => (last.charge.clone().unwrap_or_default(), last.method.clone()),
                None => (String::new(), Value::Null),
            };
            return Err(error.with("charge", charge.into()).with("payment_method", method));
        }
        Ok(())
    }
}

/// Rejects an intent that belongs to a Checkout session. Returns the rendered intent otherwise.
pub(crate) fn refuse_checkout_intent(world: &World, id: &str) -> Result<Value, ApiError> {
    let intent = Intent::find(world, id)?;
    match intent.owner {
        Owner::Session(_) => {
            let message = "You cannot perform this action on PaymentIntents created by Checkout. Expire the Checkout Session \
                           instead if it is not to be paid.";
            Err(ApiError::unexpected_state(message, intent.render()))
        }
        Owner::Caller | Owner::Invoice(_) => Ok(intent.render()),
    }
}

/// Sets the payment method of an intent that accepts its kind.
pub(crate) fn use_method(world: &mut World, id: &str, name: &str) -> Result<(), ApiError> {
    let method_id = payment_methods::find_or_create_method(world, name, "payment_method")?;
    let method = PaymentMethod::find(world, &method_id)?;
    let (kind, owner) = (method.test_method.means.kind(), method.customer.clone());
    let intent = world.find_mut::<Intent>(id)?;
    if !intent.method_types.iter().any(|known| known == kind) {
        let message = format!(
            "The PaymentMethod provided ({kind}) is not allowed for this PaymentIntent. Please attach a PaymentMethod of one of \
             the following types: {}.",
            intent.method_types.join(", ")
        );
        return Err(ApiError::invalid(message).at("payment_method"));
    }
    if owner.is_some() && owner != intent.customer {
        let message = "The payment method you provided is attached to a customer so for security purposes you must provide the \
                       customer in the request.";
        return Err(ApiError::invalid(message).at("payment_method"));
    }
    intent.method = Some(method_id);
    if intent.status == IntentStatus::RequiresPaymentMethod {
        intent.status = IntentStatus::RequiresConfirmation;
    }
    Ok(())
}
