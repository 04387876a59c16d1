//! `/v1/payment_intents`: created, changed, confirmed, captured and canceled over the API.

use axum::{
    Extension,
    extract::{Path, State},
};
use minor_money::Currency;

use super::{
    Rendered,
    expand::{self, Expansions},
};
use crate::{
    sandbox::Sandbox,
    stripe::{
        actions::{
            confirm::{Changes, Confirmation},
            payment_intents::{self, IntentUpdate},
        },
        objects::{Cause, Intent, METHODS, Owner, Redirects},
        wire::{ApiError, Call, Reader, address::shipping},
    },
};

/// Parameters that Stripe has and the sandbox does not support.
const UNSUPPORTED: [&str; 18] = [
    "application_fee_amount",
    "confirmation_token",
    "error_on_requires_action",
    "final_capture",
    "mandate",
    "mandate_data",
    "on_behalf_of",
    "payment_method_configuration",
    "payment_method_data",
    "payment_method_options",
    "radar_options",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
    "use_stripe_sdk",
    "confirmation_method",
    "capture_method",
];

fn currency(reader: &mut Reader<'_>) -> Result<Option<Currency>, ApiError> {
    let text = reader.text("currency")?;
    text.map(|text| text.parse().map_err(|_| ApiError::invalid(format!("Invalid currency: {text}.")).at("currency")))
        .transpose()
}

fn automatic(reader: &mut Reader<'_>) -> Result<Option<Redirects>, ApiError> {
    let Some(mut group) = reader.group("automatic_payment_methods")? else { return Ok(None) };
    let name = group.name("enabled");
    let enabled = group.boolean("enabled")?.ok_or_else(|| ApiError::missing(&name))?;
    let redirects = group.one_of("allow_redirects", &["always", "never"])?;
    group.finish()?;
    let redirects = if redirects == Some("never") { Redirects::Never } else { Redirects::Always };
    Ok(enabled.then_some(redirects))
}

pub(crate) async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let amount = reader.integer("amount")?.ok_or_else(|| ApiError::missing("amount"))?;
    let currency = currency(&mut reader)?.ok_or_else(|| ApiError::missing("currency"))?;
    let mut intent = Intent::new(Owner::Caller, payment_intents::check_amount(amount, currency)?, currency, 0);
    intent.description = reader.text_up_to("description", 1000)?.map(str::to_owned);
    intent.metadata = reader.metadata("metadata")?;
    intent.automatic = automatic(&mut reader)?;
    let capture = reader.one_of("capture_method", &["automatic", "automatic_async", "manual"])?;
    intent.captured_later = capture == Some("manual");
    reader.one_of("confirmation_method", &["automatic"])?;
    let confirm = reader.boolean("confirm")?.unwrap_or(false);
    let confirmation = Confirmation::read(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    if !confirm && confirmation.return_url.is_some() {
        let message = "You can only provide `return_url` if `confirm` is set to `true` when creating a PaymentIntent.";
        return Err(ApiError::invalid(message).at("return_url"));
    }
    let delayed = match currency.code() {
        "usd" => Some("us_bank_account"),
        "eur" => Some("sepa_debit"),
        _ => None,
    };
    intent.method_types.extend(delayed.map(str::to_owned));
    sandbox.with(|world| {
        let id = payment_intents::create_intent(world, intent, confirmation, confirm, Cause::from(&call))?;
        expand::respond(world, world.rendered::<Intent>(&id), &expansions)
    })
}

pub(crate) async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let amount = reader.integer("amount")?;
    let currency = currency(&mut reader)?;
    let method = reader.text("payment_method")?;
    let description = reader.change("description")?;
    let metadata = reader.metadata_change("metadata")?;
    let changes = Changes::read(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    let update = IntentUpdate { amount, currency, method, description, metadata, changes };
    sandbox.with(|world| {
        let rendered = payment_intents::update_intent(world, &id, update)?;
        expand::respond(world, rendered, &expansions)
    })
}

pub(crate) async fn confirm(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let confirmation = Confirmation::read(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        confirmation.confirm(world, &id, false, &Cause::from(&call))?;
        expand::respond(world, world.rendered::<Intent>(&id), &expansions)
    })
}

pub(crate) async fn capture(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let amount = reader.amount("amount_to_capture")?;
    let metadata = reader.metadata_change("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        let rendered = payment_intents::capture_intent(world, &id, amount, metadata, Cause::from(&call))?;
        expand::respond(world, rendered, &expansions)
    })
}

pub(crate) async fn cancel(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let reasons = ["abandoned", "duplicate", "fraudulent", "requested_by_customer"];
    let reason = reader.one_of("cancellation_reason", &reasons)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let rendered = payment_intents::cancel_intent(world, &id, reason, Cause::from(&call))?;
        expand::respond(world, rendered, &expansions)
    })
}

impl<'a> Changes<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, ApiError> {
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
}

impl<'a> Confirmation<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, ApiError> {
        Ok(Self {
            method: reader.text("payment_method")?,
            return_url: reader.url("return_url")?.map(str::to_owned),
            off_session: reader.boolean("off_session")?.unwrap_or(false),
            changes: Changes::read(reader)?,
        })
    }
}
