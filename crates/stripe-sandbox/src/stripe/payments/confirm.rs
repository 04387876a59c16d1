//! Confirming an intent: Stripe's conditions, what may come along, and the error that a decline is.

use serde_json::Value;

use super::{
    attempt::Attempted,
    intent::{Intent, IntentStatus, Owner, Redirects},
    method::Method,
};
use crate::{
    state::World,
    stripe::{
        billing::customer::Customer,
        events::Cause,
        wire::{address::shipping, error::ApiError, params::Reader, resource::Resource},
    },
};

/// The methods that the sandbox can play: cards, and debits whose outcome comes later.
pub const METHODS: [&str; 3] = ["card", "sepa_debit", "us_bank_account"];

/// What may come with a confirmation, on its own or on creation.
pub struct Confirmation<'a> {
    pub method: Option<&'a str>,
    pub return_url: Option<String>,
    pub off_session: bool,
    pub changes: Changes<'a>,
}

/// What may change until the money is on its way.
pub struct Changes<'a> {
    receipt_email: Option<String>,
    shipping: Option<Value>,
    setup_future_usage: Option<&'static str>,
    method_types: Option<Vec<String>>,
    pub customer: Option<&'a str>,
}

impl<'a> Changes<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, ApiError> {
        let types = reader.texts("payment_method_types")?.map(|types| {
            let known = types.into_iter().map(|(name, text)| {
                let known = METHODS.contains(&text).then(|| text.to_owned());
                known.ok_or_else(|| ApiError::unsupported(&format!("payment_method_types={text}")).at(name))
            });
            known.collect::<Result<Vec<_>, _>>()
        });
        Ok(Self {
            receipt_email: reader.email("receipt_email")?,
            shipping: reader.group("shipping")?.map(shipping).transpose()?,
            setup_future_usage: reader.one_of("setup_future_usage", &["off_session", "on_session"])?,
            method_types: types.transpose()?,
            customer: reader.text("customer")?,
        })
    }

    pub fn apply(self, world: &mut World, id: &str) -> Result<(), ApiError> {
        if let Some(customer) = self.customer {
            Customer::alive(world, customer, "customer")?;
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

impl<'a> Confirmation<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, ApiError> {
        Ok(Self {
            method: reader.text("payment_method")?,
            return_url: reader.url("return_url")?.map(str::to_owned),
            off_session: reader.boolean("off_session")?.unwrap_or(false),
            changes: Changes::read(reader)?,
        })
    }

    /// Confirms an intent: Stripe's conditions, then the attempt. A decline is an error that shows the intent. One that is
    /// `new` is told of once nothing but the bank can refuse it.
    pub fn confirm(self, world: &mut World, id: &str, new: bool, cause: &Cause) -> Result<(), ApiError> {
        let rendered = untouchable_is_refused(world, id)?;
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
        if let Attempted::Declined(decline) = world.attempt(id, self.off_session, cause)? {
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

/// Intents of Checkout are Checkout's. Answers how the intent looks.
pub fn untouchable_is_refused(world: &World, id: &str) -> Result<Value, ApiError> {
    let intent = Intent::find(world, id)?;
    match intent.owner {
        Owner::Session(_) => {
            let message = "You cannot perform this action on PaymentIntents created by Checkout. Expire the Checkout Session \
                           instead if nobody is to pay it.";
            Err(ApiError::unexpected_state(message, intent.render()))
        }
        Owner::Caller | Owner::Invoice(_) => Ok(intent.render()),
    }
}

/// Puts a payment method into an intent that takes its kind.
pub fn use_method(world: &mut World, id: &str, name: &str) -> Result<(), ApiError> {
    let method_id = world.method_named(name, "payment_method")?;
    let method = Method::find(world, &method_id)?;
    let (kind, owner) = (method.tender.means.kind(), method.customer.clone());
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
