//! Customers: created, changed, deleted.

use serde_json::Value;

use super::{payment_methods, subscriptions};
use crate::{
    stripe::{
        objects::{Cause, Customer, Object},
        resources::Resource,
        wire::{ApiError, Change, MetadataChange},
    },
    world::World,
};

/// What a request changes about a customer.
pub(crate) struct CustomerFields {
    pub(crate) email: Change<String>,
    pub(crate) name: Change<String>,
    pub(crate) phone: Change<String>,
    pub(crate) description: Change<String>,
    pub(crate) address: Change<Value>,
    pub(crate) shipping: Change<Value>,
    pub(crate) locales: Option<Vec<String>>,
    pub(crate) tax_exempt: Option<&'static str>,
    pub(crate) default_method: Change<String>,
    pub(crate) metadata: MetadataChange,
}

impl CustomerFields {
    pub(crate) fn apply(self, customer: &mut Customer) {
        self.email.apply(&mut customer.email);
        self.name.apply(&mut customer.name);
        self.phone.apply(&mut customer.phone);
        self.description.apply(&mut customer.description);
        self.address.apply(&mut customer.address);
        self.shipping.apply(&mut customer.shipping);
        customer.locales = self.locales.unwrap_or_else(|| customer.locales.clone());
        customer.tax_exempt = self.tax_exempt.or(customer.tax_exempt);
        self.default_method.apply(&mut customer.default_method);
        self.metadata.apply(&mut customer.metadata);
    }
}

/// Sets a customer's default method, which must be attached to the customer.
pub(crate) fn set_default_method(world: &mut World, customer: &str, method: &str) -> Result<(), ApiError> {
    let attached = world.methods.get(method).is_some_and(|method| method.customer.as_deref() == Some(customer));
    if !attached {
        let message = format!(
            "The customer does not have a payment method with the ID {method}. The payment method must be attached to the \
             customer."
        );
        let error = ApiError::invalid(message).code("resource_missing");
        return Err(error.at("invoice_settings[default_payment_method]"));
    }
    world.find_mut::<Customer>(customer)?.default_method = Some(method.to_owned());
    Ok(())
}

/// Returns the customer that the parameter `param` names, unless it was deleted.
pub(crate) fn existing_customer<'w>(world: &'w World, id: &str, param: &str) -> Result<&'w Customer, ApiError> {
    let found = world.customers.get(id).filter(|customer| !customer.deleted);
    found.ok_or_else(|| ApiError::no_such("customer", id, param))
}

/// Creates a customer, with a payment method if one is named. Nothing is created when that method
/// is declined.
pub(crate) fn create_customer(
    world: &mut World,
    said: CustomerFields,
    method: Option<&str>,
    cause: Cause,
) -> Result<Value, ApiError> {
    let mut customer = Customer::new(world.now());
    let id = customer.id.clone();
    let method =
        method.map(|method| payment_methods::find_or_create_method(world, method, "payment_method")).transpose()?;
    let default = match &said.default_method {
        Change::To(name) => Some(name.clone()),
        Change::Keep | Change::Clear => None,
    };
    said.apply(&mut customer);
    // The name as it was sent is replaced below by the id of the method that it stands for.
    customer.default_method = None;
    world.put(customer);
    let attached = method
        .as_ref()
        .map_or(Ok(Value::Null), |method| payment_methods::attach_method(world, method, &id, cause.clone()));
    let set = attached.and_then(|_| match default {
        Some(default) => set_default_method(world, &id, &method.unwrap_or(default)),
        None => Ok(()),
    });
    if let Err(error) = set {
        world.customers.remove(&id);
        return Err(error);
    }
    let rendered = world.rendered::<Customer>(&id);
    world.emit("customer.created", &rendered, cause);
    Ok(rendered)
}

/// Changes a customer that was not deleted.
pub(crate) fn update_customer(
    world: &mut World,
    id: &str,
    said: CustomerFields,
    cause: Cause,
) -> Result<Value, ApiError> {
    if Customer::find(world, id)?.deleted {
        return Err(ApiError::not_found("customer", id, "id"));
    }
    let before = world.rendered::<Customer>(id);
    if let Change::To(method) = &said.default_method {
        set_default_method(world, id, method)?;
    }
    let customer = world.find_mut::<Customer>(id)?;
    said.apply(customer);
    let after = customer.render();
    world.emit_update("customer.updated", &before, &after, cause);
    Ok(after)
}

/// Deletes a customer and ends their subscriptions, as Stripe does. Returns the stub that remains.
pub(crate) fn delete_customer(world: &mut World, id: &str, cause: Cause) -> Result<Value, ApiError> {
    let customer = world.find_mut::<Customer>(id)?;
    if customer.deleted {
        return Err(ApiError::not_found("customer", id, "id"));
    }
    let rendered = customer.render();
    customer.deleted = true;
    let stub = customer.stub();
    subscriptions::end_subscriptions_of_customer(world, id, &cause)?;
    world.emit("customer.deleted", &rendered, cause);
    Ok(stub)
}
