//! Paying a session that is about a subscription, which begins when the card is accepted and not
//! before.

use super::{
    checkout_payment::{self, PayError, PayOutcome},
    invoices, payment_methods,
    subscription_items::begin,
};
use crate::{
    stripe::{
        objects::{
            Behavior, Billing, Buyer, Cause, PaymentStatus, Session, Subscription, SubscriptionStatus, TestMethod,
        },
        resources::Resource,
        wire::ApiError,
    },
    world::World,
};

/// Makes one attempt. A declined card leaves nothing behind.
pub(crate) fn subscribe(
    world: &mut World,
    id: &str,
    test_method: TestMethod,
    buyer: Buyer,
) -> Result<PayOutcome, PayError> {
    match test_method.behavior {
        Behavior::Declined(decline) | Behavior::FailsWhenCharged(decline) => return Ok(PayOutcome::Declined(decline)),
        Behavior::Authenticates => {
            checkout_payment::payable_session(world, id)?.authenticating = Some((buyer, test_method));
            return Ok(PayOutcome::NeedsAuthentication);
        }
        Behavior::Delayed(_) => return Err(PayError::MethodNotOffered),
        Behavior::Pays | Behavior::Disputed => {}
    }
    begin_subscription(world, id, test_method, &buyer)?;
    checkout_payment::complete_session(world, id, buyer, PaymentStatus::Paid)
}

pub(crate) fn begin_subscription(
    world: &mut World,
    id: &str,
    test_method: TestMethod,
    buyer: &Buyer,
) -> Result<(), ApiError> {
    let cause = Cause::default();
    let now = world.now();
    let customer = match &Session::find(world, id)?.customer {
        Some(customer) => customer.clone(),
        None => checkout_payment::customer_of_buyer(world, buyer),
    };
    let billing = Billing { email: Some(buyer.email.clone()), name: Some(buyer.name.clone()), ..Billing::default() };
    let method = payment_methods::add_method(world, test_method, billing);
    payment_methods::attach_method(world, &method, &customer, cause.clone())?;
    let session = Session::find(world, id)?;
    let lines: Vec<(String, i64)> = session
        .items
        .iter()
        .map(|item| (item.price["id"].as_str().unwrap_or_default().to_owned(), item.quantity))
        .collect();
    let mut subscription = Subscription::new(&customer, session.currency, now);
    subscription.metadata = session.asked.subscription_metadata.clone();
    subscription.description.clone_from(&session.asked.subscription_description);
    subscription.default_method = Some(method);
    for (price, quantity) in lines {
        subscription.items.push(begin(world, &price, quantity, now)?);
    }
    let subscription_id = subscription.id.clone();
    debug_assert_eq!(subscription.status, SubscriptionStatus::Incomplete);
    world.put(subscription);
    let invoice = invoices::draft_invoice(world, &subscription_id, "subscription_create", &cause)?;
    world.emit("customer.subscription.created", &world.rendered::<Subscription>(&subscription_id), cause.clone());
    invoices::finalize_invoice(world, &invoice, &cause)?;
    invoices::collect_invoice(world, &invoice, None, false, &cause)?;
    let session = world.find_mut::<Session>(id)?;
    session.customer = Some(customer);
    session.subscription = Some(subscription_id);
    session.invoice = Some(invoice);
    Ok(())
}
