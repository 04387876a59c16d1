//! Invoices: made from a subscription, collected, voided.

use serde_json::Value;

use super::{
    customers, payment_methods,
    payments::{self, AttemptOutcome},
};
use crate::{
    stripe::{
        objects::{
            Cause, Intent, IntentStatus, Invoice, InvoiceLine, InvoiceStatus, Object, Owner, Subscription,
            SubscriptionStatus,
        },
        resources::Resource,
        wire::{ApiError, Decline, ids},
    },
    world::World,
};

/// The outcome where there is nothing to charge.
const NO_METHOD: Decline =
    Decline { code: "missing_payment_method", reason: None, message: "The customer has no payment method." };

/// Creates the invoice of a subscription's current period as a draft. Returns its id.
pub(crate) fn draft_invoice(
    world: &mut World,
    id: &str,
    reason: &'static str,
    cause: &Cause,
) -> Result<String, ApiError> {
    let created = world.now();
    let subscription = Subscription::find(world, id)?;
    let customer = world.customers.get(&subscription.customer);
    let described = |product: &str| {
        let product = world.products.get(product);
        product.map(|product| product.name.clone()).unwrap_or_default()
    };
    let lines: Vec<InvoiceLine> = subscription
        .items
        .iter()
        .map(|item| InvoiceLine {
            id: ids::new("il_1"),
            item: item.id.clone(),
            price: item.price_id().to_owned(),
            product: item.product().to_owned(),
            description: format!("{} × {}", item.quantity, described(item.product())),
            quantity: item.quantity,
            unit_amount: item.unit_amount,
            period: item.period,
        })
        .collect();
    let period = subscription.items.first().map_or((created, created), |item| item.period);
    let invoice = Invoice {
        id: ids::new("in_1"),
        created,
        number: None,
        status: InvoiceStatus::Draft,
        reason,
        customer: subscription.customer.clone(),
        customer_email: customer.and_then(|customer| customer.email.clone()),
        customer_name: customer.and_then(|customer| customer.name.clone()),
        subscription: id.to_owned(),
        subscription_metadata: subscription.metadata.clone(),
        currency: subscription.currency,
        lines,
        intent: None,
        attempts: 0,
        period,
        finalized_at: None,
        paid_at: None,
        voided_at: None,
        uncollectible_at: None,
    };
    let (invoice_id, object) = (invoice.id.clone(), invoice.render());
    world.put(invoice);
    world.find_mut::<Subscription>(id)?.latest_invoice = Some(invoice_id.clone());
    world.emit("invoice.created", &object, cause.clone());
    Ok(invoice_id)
}

/// Finalizes a draft and creates the intent that collects it. An invoice over zero is paid at once.
pub(crate) fn finalize_invoice(world: &mut World, id: &str, cause: &Cause) -> Result<(), ApiError> {
    let now = world.now();
    let (customer, amount, currency) = {
        let invoice = Invoice::find(world, id)?;
        (invoice.customer.clone(), invoice.total(), invoice.currency)
    };
    let count = world.invoices.iter().filter(|invoice| invoice.customer == customer).count();
    let prefix = world.customers.get(&customer).map(|customer| customer.invoice_prefix.clone()).unwrap_or_default();
    let intent = (amount > 0).then(|| Intent {
        customer: Some(customer),
        description: Some("Subscription creation".to_owned()),
        method_types: vec!["card".to_owned(), "us_bank_account".to_owned(), "sepa_debit".to_owned()],
        setup_future_usage: Some("off_session"),
        ..Intent::new(Owner::Invoice(id.to_owned()), amount, currency, now)
    });
    let invoice = world.find_mut::<Invoice>(id)?;
    invoice.status = InvoiceStatus::Open;
    invoice.finalized_at = Some(now);
    invoice.number = Some(format!("{prefix}-{count:04}"));
    invoice.intent = intent.as_ref().map(|intent| intent.id.clone());
    let object = invoice.render();
    world.emit("invoice.finalized", &object, cause.clone());
    match intent {
        Some(intent) => {
            let object = intent.render();
            world.put(intent);
            world.emit("payment_intent.created", &object, cause.clone());
            Ok(())
        }
        None => record_invoice_attempt(world, id, AttemptOutcome::Collected, cause),
    }
}

/// Tries to collect an open invoice with the given method, or with the default one.
pub(crate) fn collect_invoice(
    world: &mut World,
    id: &str,
    method: Option<&str>,
    off: bool,
    cause: &Cause,
) -> Result<(), ApiError> {
    let invoice = Invoice::find(world, id)?;
    let Some(intent) = invoice.intent.clone() else { return Ok(()) };
    let kept = default_method(world, &invoice.subscription.clone())?;
    let Some(method) = method.map(str::to_owned).or(kept) else {
        return record_invoice_attempt(world, id, AttemptOutcome::Declined(NO_METHOD), cause);
    };
    world.find_mut::<Intent>(&intent)?.method = Some(method);
    payments::attempt_payment(world, &intent, off, cause)?;
    Ok(())
}

/// Returns the subscription's own default payment method, or its customer's.
pub(crate) fn default_method(world: &World, subscription: &str) -> Result<Option<String>, ApiError> {
    let subscription = Subscription::find(world, subscription)?;
    let customer = world.customers.get(&subscription.customer);
    Ok(subscription.default_method.clone().or_else(|| customer.and_then(|customer| customer.default_method.clone())))
}

/// Updates an invoice and its subscription after an attempt to collect the invoice.
pub(crate) fn record_invoice_attempt(
    world: &mut World,
    id: &str,
    attempted: AttemptOutcome,
    cause: &Cause,
) -> Result<(), ApiError> {
    let now = world.now();
    let invoice = world.find_mut::<Invoice>(id)?;
    let kinds: &[&str] = match attempted {
        AttemptOutcome::Collected => {
            invoice.attempts += 1;
            invoice.status = InvoiceStatus::Paid;
            invoice.paid_at = Some(now);
            &["invoice.paid", "invoice.payment_succeeded"]
        }
        AttemptOutcome::Declined(_) => {
            invoice.attempts += 1;
            &["invoice.payment_failed"]
        }
        AttemptOutcome::NeedsAuthentication => &["invoice.payment_action_required"],
        AttemptOutcome::Processing => &[],
    };
    let (object, customer, subscription) = (invoice.render(), invoice.customer.clone(), invoice.subscription.clone());
    for kind in kinds {
        world.emit(kind, &object, cause.clone());
    }
    let collected = matches!(attempted, AttemptOutcome::Collected | AttemptOutcome::Processing);
    if let Some(customer) = world.customers.get_mut(&customer) {
        customer.delinquent = !collected && !matches!(attempted, AttemptOutcome::NeedsAuthentication);
    }
    let used = method_of_invoice(world, id);
    world.change::<Subscription>(&subscription, "customer.subscription.updated", cause.clone(), |subscription| {
        if collected && subscription.status.is_waiting() {
            subscription.status = SubscriptionStatus::Active;
        } else if !collected && subscription.status == SubscriptionStatus::Active {
            subscription.status = SubscriptionStatus::PastDue;
        }
        if collected && subscription.saves_method {
            subscription.default_method = used.or(subscription.default_method.take());
        }
    })?;
    Ok(())
}

pub(crate) fn method_of_invoice(world: &World, id: &str) -> Option<String> {
    let intent = world.invoices.get(id)?.intent.as_ref()?;
    world.intents.get(intent)?.method.clone()
}

/// Voids an invoice and cancels its intent.
pub(crate) fn void_invoice(world: &mut World, id: &str, cause: &Cause) -> Result<Value, ApiError> {
    let now = world.now();
    let invoice = world.find_mut::<Invoice>(id)?;
    invoice.status = InvoiceStatus::Void;
    invoice.voided_at = Some(now);
    let (object, intent) = (invoice.render(), invoice.intent.clone());
    if let Some(intent) = intent.and_then(|intent| world.intents.get_mut(&intent))
        && intent.status != IntentStatus::Succeeded
    {
        intent.cancel("void_invoice", now);
        let canceled = intent.render();
        world.emit("payment_intent.canceled", &canceled, cause.clone());
    }
    world.emit("invoice.voided", &object, cause.clone());
    Ok(object)
}

/// Pays an open invoice at once: with the given method or the default one, or outside of Stripe.
pub(crate) fn pay_invoice(
    world: &mut World,
    id: &str,
    method: Option<&str>,
    off_session: bool,
    outside: bool,
    cause: &Cause,
) -> Result<(), ApiError> {
    let invoice = Invoice::find(world, id)?;
    match invoice.status {
        InvoiceStatus::Open | InvoiceStatus::Uncollectible => {}
        InvoiceStatus::Paid => return Err(ApiError::invalid("Invoice is already paid")),
        status => {
            let message = format!("Invoices with a status of {} cannot be paid.", status.as_str());
            return Err(ApiError::invalid(message));
        }
    }
    let (customer, intent) = (invoice.customer.clone(), invoice.intent.clone().unwrap_or_default());
    if outside {
        record_invoice_attempt(world, id, AttemptOutcome::Collected, cause)?;
    } else {
        customers::existing_customer(world, &customer, "customer")?;
        let method =
            method.map(|method| payment_methods::find_or_create_method(world, method, "payment_method")).transpose()?;
        collect_invoice(world, id, method.as_deref(), off_session, cause)?;
    }
    if Invoice::find(world, id)?.status != InvoiceStatus::Paid
        && let Some(last) = world.intents.get(&intent).and_then(|intent| intent.last_error.as_ref())
    {
        let error = ApiError::declined(last.decline);
        return Err(error.with("payment_intent", world.rendered::<Intent>(&intent)));
    }
    Ok(())
}

/// Voids an invoice that is still to be paid.
pub(crate) fn void_open_invoice(world: &mut World, id: &str, cause: &Cause) -> Result<Value, ApiError> {
    let status = Invoice::find(world, id)?.status;
    if !matches!(status, InvoiceStatus::Open | InvoiceStatus::Uncollectible) {
        let message =
            format!("You can only pass in open or uncollectible invoices. This invoice is {}.", status.as_str());
        return Err(ApiError::invalid(message));
    }
    void_invoice(world, id, cause)
}
