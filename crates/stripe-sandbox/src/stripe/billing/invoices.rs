//! What becomes of invoices: made from a subscription, collected, paid by hand, voided.

use axum::{
    Extension,
    extract::{Path, State},
};
use serde_json::Value;

use super::{
    customer::Customer,
    invoice::{Invoice, InvoiceStatus, Line},
    subscription::{Status, Subscription},
};
use crate::{
    state::{Sandbox, World},
    stripe::{
        events::Cause,
        payments::{
            attempt::Attempted,
            intent::{Intent, IntentStatus, Owner},
        },
        wire::{
            error::ApiError,
            expand::{self, Expansions},
            gate::Call,
            ids,
            params::Reader,
            resource::{Answered, Resource},
        },
    },
};

impl World {
    /// Makes the invoice of a subscription's current period as a draft; answers its id.
    pub fn draft_invoice(&mut self, id: &str, reason: &'static str, cause: &Cause) -> Result<String, ApiError> {
        let created = self.now();
        let subscription = Subscription::find(self, id)?;
        let customer = self.customers.get(&subscription.customer);
        let described = |product: &str| {
            let product = self.products.get(product);
            product.map(|product| product.name.clone()).unwrap_or_default()
        };
        let lines: Vec<Line> = subscription
            .items
            .iter()
            .map(|item| Line {
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
        self.put(invoice);
        self.find_mut::<Subscription>(id)?.latest_invoice = Some(invoice_id.clone());
        self.emit("invoice.created", &object, cause.clone());
        Ok(invoice_id)
    }

    /// Makes a draft final, with the intent that collects it. One over nothing is paid at once.
    pub fn finalize_invoice(&mut self, id: &str, cause: &Cause) -> Result<(), ApiError> {
        let now = self.now();
        let (customer, amount, currency) = {
            let invoice = Invoice::find(self, id)?;
            (invoice.customer.clone(), invoice.total(), invoice.currency)
        };
        let count = self.invoices.iter().filter(|invoice| invoice.customer == customer).count();
        let prefix = self.customers.get(&customer).map(|customer| customer.invoice_prefix.clone()).unwrap_or_default();
        let intent = (amount > 0).then(|| Intent {
            customer: Some(customer),
            description: Some("Subscription creation".to_owned()),
            method_types: vec!["card".to_owned(), "us_bank_account".to_owned(), "sepa_debit".to_owned()],
            setup_future_usage: Some("off_session"),
            ..Intent::new(Owner::Invoice(id.to_owned()), amount, currency, now)
        });
        let invoice = self.find_mut::<Invoice>(id)?;
        invoice.status = InvoiceStatus::Open;
        invoice.finalized_at = Some(now);
        invoice.number = Some(format!("{prefix}-{count:04}"));
        invoice.intent = intent.as_ref().map(|intent| intent.id.clone());
        let object = invoice.render();
        self.emit("invoice.finalized", &object, cause.clone());
        match intent {
            Some(intent) => {
                let object = intent.render();
                self.put(intent);
                self.emit("payment_intent.created", &object, cause.clone());
                Ok(())
            }
            None => self.invoice_attempted(id, Attempted::Collected, cause),
        }
    }

    /// Tries to collect an open invoice with the given method, or the one that is kept for it.
    pub fn collect_invoice(
        &mut self,
        id: &str,
        method: Option<&str>,
        off: bool,
        cause: &Cause,
    ) -> Result<(), ApiError> {
        let invoice = Invoice::find(self, id)?;
        let Some(intent) = invoice.intent.clone() else { return Ok(()) };
        let kept = self.kept_method(&invoice.subscription.clone())?;
        let Some(method) = method.map(str::to_owned).or(kept) else {
            return self.invoice_attempted(id, Attempted::Declined(NO_METHOD), cause);
        };
        self.find_mut::<Intent>(&intent)?.method = Some(method);
        self.attempt(&intent, off, cause)?;
        Ok(())
    }

    /// The subscription's own default payment method, or its customer's.
    pub fn kept_method(&self, subscription: &str) -> Result<Option<String>, ApiError> {
        let subscription = Subscription::find(self, subscription)?;
        let customer = self.customers.get(&subscription.customer);
        Ok(subscription
            .default_method
            .clone()
            .or_else(|| customer.and_then(|customer| customer.default_method.clone())))
    }

    /// What an attempt to collect it means for an invoice and its subscription.
    pub fn invoice_attempted(&mut self, id: &str, attempted: Attempted, cause: &Cause) -> Result<(), ApiError> {
        let now = self.now();
        let invoice = self.find_mut::<Invoice>(id)?;
        let kinds: &[&str] = match attempted {
            Attempted::Collected => {
                invoice.attempts += 1;
                invoice.status = InvoiceStatus::Paid;
                invoice.paid_at = Some(now);
                &["invoice.paid", "invoice.payment_succeeded"]
            }
            Attempted::Declined(_) => {
                invoice.attempts += 1;
                &["invoice.payment_failed"]
            }
            Attempted::NeedsAuthentication => &["invoice.payment_action_required"],
            Attempted::Processing => &[],
        };
        let (object, customer, subscription) =
            (invoice.render(), invoice.customer.clone(), invoice.subscription.clone());
        for kind in kinds {
            self.emit(kind, &object, cause.clone());
        }
        let collected = matches!(attempted, Attempted::Collected | Attempted::Processing);
        if let Some(customer) = self.customers.get_mut(&customer) {
            customer.delinquent = !collected && !matches!(attempted, Attempted::NeedsAuthentication);
        }
        let used = self.method_of_invoice(id);
        self.change::<Subscription>(&subscription, "customer.subscription.updated", cause.clone(), |subscription| {
            if collected && subscription.status.is_waiting() {
                subscription.status = Status::Active;
            } else if !collected && subscription.status == Status::Active {
                subscription.status = Status::PastDue;
            }
            if collected && subscription.saves_method {
                subscription.default_method = used.or(subscription.default_method.take());
            }
        })?;
        Ok(())
    }

    fn method_of_invoice(&self, id: &str) -> Option<String> {
        let intent = self.invoices.get(id)?.intent.as_ref()?;
        self.intents.get(intent)?.method.clone()
    }

    /// Ends an invoice that nobody is to pay any more.
    pub fn void_invoice(&mut self, id: &str, cause: &Cause) -> Result<Value, ApiError> {
        let now = self.now();
        let invoice = self.find_mut::<Invoice>(id)?;
        invoice.status = InvoiceStatus::Void;
        invoice.voided_at = Some(now);
        let (object, intent) = (invoice.render(), invoice.intent.clone());
        if let Some(intent) = intent.and_then(|intent| self.intents.get_mut(&intent))
            && intent.status != IntentStatus::Succeeded
        {
            intent.cancel("void_invoice", now);
            let told = intent.render();
            self.emit("payment_intent.canceled", &told, cause.clone());
        }
        self.emit("invoice.voided", &object, cause.clone());
        Ok(object)
    }
}

/// There is nothing to charge.
const NO_METHOD: crate::stripe::payments::tender::Decline = crate::stripe::payments::tender::Decline {
    code: "missing_payment_method",
    reason: None,
    message: "The customer has no payment method.",
};

pub async fn pay(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>, Path(id): Path<String>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let method = reader.text("payment_method")?;
    let off_session = reader.boolean("off_session")?.unwrap_or(true);
    let outside = reader.boolean("paid_out_of_band")?.unwrap_or(false);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&["forgive", "mandate", "source"])?;
    sandbox.with(|world| {
        let cause = Cause::from(&call);
        let invoice = Invoice::find(world, &id)?;
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
            world.invoice_attempted(&id, Attempted::Collected, &cause)?;
        } else {
            Customer::alive(world, &customer, "customer")?;
            let method = method.map(|method| world.method_named(method, "payment_method")).transpose()?;
            world.collect_invoice(&id, method.as_deref(), off_session, &cause)?;
        }
        if Invoice::find(world, &id)?.status != InvoiceStatus::Paid
            && let Some(last) = world.intents.get(&intent).and_then(|intent| intent.last_error.as_ref())
        {
            let error = ApiError::declined(last.decline);
            return Err(error.with("payment_intent", world.rendered::<Intent>(&intent)));
        }
        expand::answer(world, world.rendered::<Invoice>(&id), &expansions)
    })
}

pub async fn void(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let status = Invoice::find(world, &id)?.status;
        if !matches!(status, InvoiceStatus::Open | InvoiceStatus::Uncollectible) {
            let message =
                format!("You can only pass in open or uncollectible invoices. This invoice is {}.", status.as_str());
            return Err(ApiError::invalid(message));
        }
        let object = world.void_invoice(&id, &Cause::from(&call))?;
        expand::answer(world, object, &expansions)
    })
}
