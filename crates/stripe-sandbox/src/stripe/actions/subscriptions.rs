//! Subscriptions: created, changed and ended.

use serde_json::Value;

use super::{
    customers, invoices, payment_methods,
    subscription_items::{ItemChange, change_items, item, same},
};
use crate::{
    stripe::{
        objects::{Behavior, Cause, Object, Pause, PaymentMethod, Subscription, SubscriptionStatus},
        resources::Resource,
        wire::{ApiError, Change, MetadataChange},
    },
    world::World,
};

/// The parameters that creation and update share.
pub(crate) struct SubscriptionFields {
    pub(crate) items: Option<Vec<ItemChange>>,
    pub(crate) default_method: Option<String>,
    pub(crate) cancel_at_period_end: Option<bool>,
    pub(crate) description: Change<String>,
    pub(crate) metadata: MetadataChange,
    pub(crate) saves_method: Option<bool>,
    pub(crate) off_session: bool,
}

/// Returns a payment method that a subscription may use: one of its customer's.
pub(crate) fn method_for_subscription(world: &mut World, name: &str, customer: &str) -> Result<String, ApiError> {
    let known = world.methods.get(name).is_some();
    let id = payment_methods::find_or_create_method(world, name, "default_payment_method")?;
    if !known {
        // One of Stripe's test names: the method that it stands for is attached at once.
        payment_methods::attach_method(world, &id, customer, Cause::default())?;
    }
    if PaymentMethod::find(world, &id)?.customer.as_deref() == Some(customer) {
        return Ok(id);
    }
    let message = format!(
        "The customer does not have a payment method with the ID {name}. The payment method must be attached to the customer."
    );
    Err(ApiError::invalid(message).code("resource_missing").at("default_payment_method"))
}

/// Ends a subscription.
pub(crate) fn end_subscription(world: &mut World, id: &str, at: i64, cause: &Cause) -> Result<(), ApiError> {
    let subscription = world.find_mut::<Subscription>(id)?;
    subscription.status = SubscriptionStatus::Canceled;
    subscription.ended_at = Some(at);
    subscription.canceled_at.get_or_insert(at);
    subscription.cancellation.reason = Some("cancellation_requested");
    let object = subscription.render();
    world.emit("customer.subscription.deleted", &object, cause.clone());
    Ok(())
}

/// Ends the subscriptions of a customer that is deleted.
pub(crate) fn end_subscriptions_of_customer(world: &mut World, customer: &str, cause: &Cause) -> Result<(), ApiError> {
    let now = world.now();
    let ids: Vec<String> = world
        .subscriptions
        .iter()
        .filter(|subscription| subscription.customer == customer && !subscription.status.has_ended())
        .map(|subscription| subscription.id.clone())
        .collect();
    ids.iter().try_for_each(|id| end_subscription(world, id, now, cause))
}

/// Why the customer cancels, as a request says it.
pub(crate) struct CancellationReason {
    pub(crate) comment: Change<String>,
    pub(crate) feedback: Option<&'static str>,
}

/// Creates a subscription with its first invoice, and tries to collect that unless `behavior` is
/// `default_incomplete`. Returns its id.
pub(crate) fn create_subscription(
    world: &mut World,
    customer: &str,
    said: SubscriptionFields,
    behavior: &str,
    cause: &Cause,
) -> Result<String, ApiError> {
    let now = world.now();
    let asked = said.items.unwrap_or_default();
    customers::existing_customer(world, customer, "customer")?;
    let (mut items, mut currencies) = (Vec::new(), Vec::new());
    for asked in asked {
        let price = asked.price(world, cause)?.ok_or_else(|| ApiError::missing(&asked.name))?;
        let (mut item, currency) = item(world, &asked, &price, now, now)?;
        asked.metadata.apply(&mut item.metadata);
        items.push(item);
        currencies.push(currency);
    }
    same(&items, &currencies)?;
    let default_method = said.default_method.map(|name| method_for_subscription(world, &name, customer)).transpose()?;
    let mut subscription = Subscription {
        items,
        default_method,
        saves_method: said.saves_method.unwrap_or(false),
        cancel_at_period_end: said.cancel_at_period_end.unwrap_or(false),
        ..Subscription::new(customer, currencies[0], now)
    };
    let id = subscription.id.clone();
    said.description.apply(&mut subscription.description);
    said.metadata.apply(&mut subscription.metadata);
    let kept = subscription.default_method.clone();
    let kept = kept.or_else(|| world.customers.get(customer).and_then(|customer| customer.default_method.clone()));
    if behavior != "default_incomplete" {
        let Some(method) = kept.as_ref().and_then(|kept| world.methods.get(kept)) else {
            let message = "This customer has no attached payment source or default payment method. Please consider adding a \
                           default payment method.";
            return Err(ApiError::invalid(message).code("resource_missing"));
        };
        if let Behavior::Declined(decline) | Behavior::FailsWhenCharged(decline) = method.test_method.behavior
            && behavior == "error_if_incomplete"
        {
            return Err(ApiError::declined(decline));
        }
    }
    world.put(subscription);
    let invoice = invoices::draft_invoice(world, &id, "subscription_create", cause)?;
    world.emit("customer.subscription.created", &world.rendered::<Subscription>(&id), cause.clone());
    invoices::finalize_invoice(world, &invoice, cause)?;
    if behavior != "default_incomplete" {
        invoices::collect_invoice(world, &invoice, None, said.off_session, cause)?;
    }
    Ok(id)
}

/// Changes a subscription that has not ended.
pub(crate) fn update_subscription(
    world: &mut World,
    id: &str,
    said: SubscriptionFields,
    pause: Change<Pause>,
    cancellation: CancellationReason,
    cause: &Cause,
) -> Result<Value, ApiError> {
    let now = world.now();
    let subscription = Subscription::find(world, id)?;
    if subscription.status.has_ended() {
        let message = "A canceled subscription can only update its cancellation_details and metadata.";
        return Err(ApiError::invalid(message));
    }
    let (customer, mut items) = (subscription.customer.clone(), subscription.items.clone());
    let (anchor, currency) = (subscription.anchor, subscription.currency);
    let start = items.first().map_or(now, |item| item.period.0);
    let mut currencies = vec![currency];
    for asked in said.items.unwrap_or_default() {
        let price = asked.price(world, cause)?;
        let made = price.map(|price| item(world, &asked, &price, start, anchor)).transpose()?;
        currencies.extend(made.as_ref().map(|(_, currency)| *currency));
        change_items(&mut items, asked, made.map(|(item, _)| item))?;
    }
    same(&items, &currencies)?;
    let default_method =
        said.default_method.map(|name| method_for_subscription(world, &name, &customer)).transpose()?;
    let rendered =
        world.change::<Subscription>(id, "customer.subscription.updated", cause.clone(), |subscription| {
            subscription.items = items;
            subscription.default_method = default_method.or(subscription.default_method.take());
            subscription.saves_method = said.saves_method.unwrap_or(subscription.saves_method);
            said.description.apply(&mut subscription.description);
            said.metadata.apply(&mut subscription.metadata);
            pause.apply(&mut subscription.paused);
            cancellation.comment.apply(&mut subscription.cancellation.comment);
            subscription.cancellation.feedback = cancellation.feedback.or(subscription.cancellation.feedback);
            if let Some(ends) = said.cancel_at_period_end {
                subscription.cancel_at_period_end = ends;
                subscription.canceled_at = ends.then_some(now);
                subscription.cancellation.reason = ends.then_some("cancellation_requested");
            }
        })?;
    Ok(rendered)
}

/// Ends a subscription at once.
pub(crate) fn cancel_subscription(
    world: &mut World,
    id: &str,
    cancellation: CancellationReason,
    cause: &Cause,
) -> Result<(), ApiError> {
    let now = world.now();
    let subscription = world.find_mut::<Subscription>(id)?;
    if subscription.status.has_ended() {
        return Err(ApiError::not_found("subscription", id, "id"));
    }
    cancellation.comment.apply(&mut subscription.cancellation.comment);
    subscription.cancellation.feedback = cancellation.feedback.or(subscription.cancellation.feedback);
    subscription.canceled_at = Some(now);
    end_subscription(world, id, now, cause)?;
    Ok(())
}
