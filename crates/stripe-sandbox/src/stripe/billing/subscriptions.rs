//! `/v1/subscriptions`: made, changed and cancelled over the API.

use axum::{
    Extension,
    extract::{Path, State},
};

use super::{
    customer::Customer,
    items::{Asked, change_items, item, same},
    subscription::{Pause, Subscription},
};
use crate::{
    state::{Sandbox, World},
    stripe::{
        events::Cause,
        payments::{method::Method, tender::Conduct},
        wire::{
            error::ApiError,
            expand::{self, Expansions},
            gate::Call,
            params::{Change, MetadataChange, Reader},
            resource::{Answered, Resource},
        },
    },
};

/// Parameters of Stripe's that the sandbox does not know how to honour.
const UNSUPPORTED: [&str; 26] = [
    "add_invoice_items",
    "application_fee_percent",
    "automatic_tax",
    "backdate_start_date",
    "billing_cycle_anchor",
    "billing_cycle_anchor_config",
    "billing_mode",
    "billing_thresholds",
    "cancel_at",
    "currency",
    "days_until_due",
    "default_source",
    "default_tax_rates",
    "discounts",
    "invoice_settings",
    "on_behalf_of",
    "pending_invoice_item_interval",
    "proration_date",
    "transfer_data",
    "trial_end",
    "trial_from_plan",
    "trial_period_days",
    "trial_settings",
    "pause_collection",
    "cancellation_details",
    "payment_behavior",
];

/// What creation and update both take.
struct Said {
    items: Option<Vec<Asked>>,
    default_method: Option<String>,
    cancel_at_period_end: Option<bool>,
    description: Change<String>,
    metadata: MetadataChange,
    saves_method: Option<bool>,
    off_session: bool,
}

impl Said {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ApiError> {
        let items = reader.groups("items")?;
        let items = items.map(|items| items.into_iter().map(Asked::read).collect::<Result<Vec<_>, _>>()).transpose()?;
        reader.one_of("collection_method", &["charge_automatically"])?;
        match reader.one_of("proration_behavior", &["always_invoice", "create_prorations", "none"])? {
            None | Some("none") => {}
            Some(behavior) => {
                return Err(ApiError::unsupported(&format!("proration_behavior={behavior}")).at("proration_behavior"));
            }
        }
        let saves_method = match reader.group("payment_settings")? {
            None => None,
            Some(mut group) => {
                let save = group.one_of("save_default_payment_method", &["off", "on_subscription"])?;
                group.finish_but(&["payment_method_options", "payment_method_types"])?;
                save.map(|save| save == "on_subscription")
            }
        };
        Ok(Self {
            items,
            default_method: reader.text("default_payment_method")?.map(str::to_owned),
            cancel_at_period_end: reader.boolean("cancel_at_period_end")?,
            description: reader.change("description")?,
            metadata: reader.metadata_change("metadata")?,
            saves_method,
            off_session: reader.boolean("off_session")?.unwrap_or(false),
        })
    }
}

impl World {
    /// A payment method that a subscription may keep: its customer's.
    fn method_for(&mut self, name: &str, customer: &str) -> Result<String, ApiError> {
        let known = self.methods.get(name).is_some();
        let id = self.method_named(name, "default_payment_method")?;
        if !known {
            // One of Stripe's test names: what it stands for is attached at once.
            self.attach(&id, customer, Cause::default())?;
        }
        if Method::find(self, &id)?.customer.as_deref() == Some(customer) {
            return Ok(id);
        }
        let message = format!(
            "The customer does not have a payment method with the ID {name}. The payment method must be attached to the customer."
        );
        Err(ApiError::invalid(message).code("resource_missing").at("default_payment_method"))
    }
}

pub async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let customer = reader.required("customer")?;
    let behaviors = ["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"];
    let behavior = reader.one_of("payment_behavior", &behaviors)?.unwrap_or("allow_incomplete");
    if behavior == "pending_if_incomplete" {
        return Err(ApiError::unsupported("payment_behavior=pending_if_incomplete").at("payment_behavior"));
    }
    let said = Said::read(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    let asked = said.items.filter(|items| !items.is_empty()).ok_or_else(|| ApiError::missing("items"))?;
    sandbox.with(|world| {
        let (now, cause) = (world.now(), Cause::from(&call));
        Customer::alive(world, customer, "customer")?;
        let (mut items, mut currencies) = (Vec::new(), Vec::new());
        for asked in asked {
            let price = asked.price(world, &cause)?.ok_or_else(|| ApiError::missing(&asked.name))?;
            let (mut item, currency) = item(world, &asked, &price, now, now)?;
            asked.metadata.apply(&mut item.metadata);
            items.push(item);
            currencies.push(currency);
        }
        same(&items, &currencies)?;
        let default_method = said.default_method.map(|name| world.method_for(&name, customer)).transpose()?;
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
            if let Conduct::Declined(decline) | Conduct::FailsWhenCharged(decline) = method.tender.conduct
                && behavior == "error_if_incomplete"
            {
                return Err(ApiError::declined(decline));
            }
        }
        world.put(subscription);
        let invoice = world.draft_invoice(&id, "subscription_create", &cause)?;
        world.emit("customer.subscription.created", &world.rendered::<Subscription>(&id), cause.clone());
        world.finalize_invoice(&invoice, &cause)?;
        if behavior != "default_incomplete" {
            world.collect_invoice(&invoice, None, said.off_session, &cause)?;
        }
        expand::answer(world, world.rendered::<Subscription>(&id), &expansions)
    })
}

pub async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let pause = reader.change_group("pause_collection")?.map(|mut group| {
        let name = group.name("behavior");
        let behavior = group.one_of("behavior", &["keep_as_draft", "mark_uncollectible", "void"])?;
        let behavior = behavior.ok_or_else(|| ApiError::missing(&name))?;
        let resumes_at = group.integer("resumes_at")?;
        group.finish()?;
        Ok(Pause { behavior, resumes_at })
    })?;
    let said = Said::read(&mut reader)?;
    let cancellation = cancellation(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        let cause = Cause::from(&call);
        let now = world.now();
        let subscription = Subscription::find(world, &id)?;
        if subscription.status.has_ended() {
            let message = "A canceled subscription can only update its cancellation_details and metadata.";
            return Err(ApiError::invalid(message));
        }
        let (customer, mut items) = (subscription.customer.clone(), subscription.items.clone());
        let (anchor, currency) = (subscription.anchor, subscription.currency);
        let start = items.first().map_or(now, |item| item.period.0);
        let mut currencies = vec![currency];
        for asked in said.items.unwrap_or_default() {
            let price = asked.price(world, &cause)?;
            let made = price.map(|price| item(world, &asked, &price, start, anchor)).transpose()?;
            currencies.extend(made.as_ref().map(|(_, currency)| *currency));
            change_items(&mut items, asked, made.map(|(item, _)| item))?;
        }
        same(&items, &currencies)?;
        let default_method = said.default_method.map(|name| world.method_for(&name, &customer)).transpose()?;
        let rendered = world.change::<Subscription>(&id, "customer.subscription.updated", cause, |subscription| {
            subscription.items = items;
            subscription.default_method = default_method.or(subscription.default_method.take());
            subscription.saves_method = said.saves_method.unwrap_or(subscription.saves_method);
            said.description.apply(&mut subscription.description);
            said.metadata.apply(&mut subscription.metadata);
            pause.apply(&mut subscription.paused);
            cancellation.0.apply(&mut subscription.cancellation.comment);
            subscription.cancellation.feedback = cancellation.1.or(subscription.cancellation.feedback);
            if let Some(ends) = said.cancel_at_period_end {
                subscription.cancel_at_period_end = ends;
                subscription.canceled_at = ends.then_some(now);
                subscription.cancellation.reason = ends.then_some("cancellation_requested");
            }
        })?;
        expand::answer(world, rendered, &expansions)
    })
}

fn cancellation(reader: &mut Reader<'_>) -> Result<(Change<String>, Option<&'static str>), ApiError> {
    let Some(mut group) = reader.group("cancellation_details")? else { return Ok((Change::Keep, None)) };
    let comment = group.change("comment")?;
    let feedbacks = [
        "customer_service",
        "low_quality",
        "missing_features",
        "other",
        "switched_service",
        "too_complex",
        "too_expensive",
        "unused",
    ];
    let feedback = group.one_of("feedback", &feedbacks)?;
    group.finish()?;
    Ok((comment, feedback))
}

pub async fn cancel(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let (comment, feedback) = cancellation(&mut reader)?;
    for name in ["invoice_now", "prorate"] {
        if reader.boolean(name)? == Some(true) {
            return Err(ApiError::unsupported(&format!("{name}=true")).at(name));
        }
    }
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let now = world.now();
        let subscription = world.find_mut::<Subscription>(&id)?;
        if subscription.status.has_ended() {
            return Err(ApiError::not_found("subscription", &id, "id"));
        }
        comment.apply(&mut subscription.cancellation.comment);
        subscription.cancellation.feedback = feedback.or(subscription.cancellation.feedback);
        subscription.canceled_at = Some(now);
        world.end_subscription(&id, now, &Cause::from(&call))?;
        expand::answer(world, world.rendered::<Subscription>(&id), &expansions)
    })
}
