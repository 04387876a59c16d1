//! Payment methods: made from test names, attached, detached.

use serde_json::Value;

use crate::{
    stripe::{
        objects::{Behavior, Billing, Cause, Object, PaymentMethod, TestMethod},
        wire::{ApiError, Metadata, ids},
    },
    world::World,
};

pub(crate) fn add_method(world: &mut World, test_method: TestMethod, billing: Billing) -> String {
    let id = ids::new("pm_1");
    let created = world.now();
    let metadata = Metadata::new();
    world.put(PaymentMethod { id: id.clone(), created, test_method, customer: None, billing, metadata });
    id
}

/// Returns the id of the payment method that a request names: an existing one, or a new one for one
/// of Stripe's test names.
pub(crate) fn find_or_create_method(world: &mut World, name: &str, param: &str) -> Result<String, ApiError> {
    if world.methods.get(name).is_some() {
        return Ok(name.to_owned());
    }
    let test_method = TestMethod::of_name(name).ok_or_else(|| ApiError::no_such("PaymentMethod", name, param))?;
    Ok(add_method(world, test_method, Billing::default()))
}

/// Attaches a payment method to a customer. A card that is always declined is declined here, too.
pub(crate) fn attach_method(world: &mut World, method: &str, customer: &str, cause: Cause) -> Result<Value, ApiError> {
    let found = world.find_mut::<PaymentMethod>(method)?;
    if let Behavior::Declined(decline) = found.test_method.behavior {
        return Err(ApiError::declined(decline));
    }
    match &found.customer {
        Some(owner) if owner == customer => return Ok(found.render()),
        Some(_) => {
            let message = "The payment method you provided has already been attached to a customer.";
            return Err(ApiError::invalid(message).at("customer"));
        }
        None => {}
    }
    found.customer = Some(customer.to_owned());
    let rendered = found.render();
    world.emit("payment_method.attached", &rendered, cause);
    Ok(rendered)
}

/// Detaches a payment method from its customer, whose default it then no longer is.
pub(crate) fn detach_method(world: &mut World, id: &str, cause: Cause) -> Result<Value, ApiError> {
    let method = world.find_mut::<PaymentMethod>(id)?;
    let Some(customer) = method.customer.take() else {
        let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
        return Err(ApiError::invalid(message).at("payment_method"));
    };
    let rendered = method.render();
    if let Some(customer) = world.customers.get_mut(&customer)
        && customer.default_method.as_deref() == Some(id)
    {
        customer.default_method = None;
    }
    world.emit("payment_method.detached", &rendered, cause);
    Ok(rendered)
}
