//! `/v1/subscriptions`

use axum::{
    Extension,
    extract::{Path, State},
};

use super::{
    Rendered,
    expand::{self, Expansions},
};
use crate::{
    sandbox::Sandbox,
    stripe::{
        actions::{
            prices::PriceDraft,
            subscription_items::ItemChange,
            subscriptions::{self, CancellationReason, SubscriptionFields},
        },
        objects::{Cause, Pause, Subscription},
        wire::{ApiError, Call, Change, Reader},
    },
};

/// Parameters that Stripe has and the sandbox does not support.
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

impl SubscriptionFields {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ApiError> {
        let items = reader.groups("items")?;
        let items =
            items.map(|items| items.into_iter().map(ItemChange::read).collect::<Result<Vec<_>, _>>()).transpose()?;
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

impl ItemChange {
    pub(crate) fn read(mut group: Reader<'_>) -> Result<Self, ApiError> {
        let name = group.name("price");
        let quantity_name = group.name("quantity");
        let quantity = group.integer("quantity")?;
        if quantity.is_some_and(|quantity| !(0..=999_999).contains(&quantity)) {
            return Err(ApiError::invalid("Invalid non-negative integer").at(quantity_name));
        }
        let asked = Self {
            name,
            id: group.text("id")?.map(str::to_owned),
            price: group.text("price")?.map(str::to_owned),
            made: group.group("price_data")?.map(PriceDraft::read_whole).transpose()?,
            quantity,
            metadata: group.metadata_change("metadata")?,
            deleted: group.boolean("deleted")?.unwrap_or(false),
        };
        group.finish_but(&["billing_thresholds", "clear_usage", "discounts", "plan", "tax_rates"])?;
        Ok(asked)
    }
}

pub(crate) async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let customer = reader.required("customer")?;
    let behaviors = ["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"];
    let behavior = reader.one_of("payment_behavior", &behaviors)?.unwrap_or("allow_incomplete");
    if behavior == "pending_if_incomplete" {
        return Err(ApiError::unsupported("payment_behavior=pending_if_incomplete").at("payment_behavior"));
    }
    let said = SubscriptionFields::read(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    if said.items.as_ref().is_none_or(Vec::is_empty) {
        return Err(ApiError::missing("items"));
    }
    sandbox.with(|world| {
        let id = subscriptions::create_subscription(world, customer, said, behavior, &Cause::from(&call))?;
        expand::respond(world, world.rendered::<Subscription>(&id), &expansions)
    })
}

pub(crate) async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let pause = reader.change_group("pause_collection")?.map(|mut group| {
        let name = group.name("behavior");
        let behavior = group.one_of("behavior", &["keep_as_draft", "mark_uncollectible", "void"])?;
        let behavior = behavior.ok_or_else(|| ApiError::missing(&name))?;
        let resumes_at = group.integer("resumes_at")?;
        group.finish()?;
        Ok(Pause { behavior, resumes_at })
    })?;
    let said = SubscriptionFields::read(&mut reader)?;
    let cancellation = cancellation(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        let rendered = subscriptions::update_subscription(world, &id, said, pause, cancellation, &Cause::from(&call))?;
        expand::respond(world, rendered, &expansions)
    })
}

fn cancellation(reader: &mut Reader<'_>) -> Result<CancellationReason, ApiError> {
    let Some(mut group) = reader.group("cancellation_details")? else {
        return Ok(CancellationReason { comment: Change::Keep, feedback: None });
    };
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
    Ok(CancellationReason { comment, feedback })
}

pub(crate) async fn cancel(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let cancellation = cancellation(&mut reader)?;
    for name in ["invoice_now", "prorate"] {
        if reader.boolean(name)? == Some(true) {
            return Err(ApiError::unsupported(&format!("{name}=true")).at(name));
        }
    }
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        subscriptions::cancel_subscription(world, &id, cancellation, &Cause::from(&call))?;
        expand::respond(world, world.rendered::<Subscription>(&id), &expansions)
    })
}
