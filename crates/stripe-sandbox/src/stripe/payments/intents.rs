//! `/v1/payment_intents`: made, changed, confirmed, captured and cancelled over the API.

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
};

use super::{
    charge::Charge,
    confirm::{Changes, Confirmation, untouchable_is_refused, use_method},
    intent::{Intent, IntentStatus, Owner, Redirects, exact, least},
};
use minor_money::Currency;

use crate::{
    state::Sandbox,
    stripe::{
        billing::customer::Customer,
        events::Cause,
        wire::{
            error::ApiError,
            expand::{self, Expansions},
            gate::Call,
            params::Reader,
            resource::{Answered, Resource},
        },
    },
};

/// Parameters of Stripe's that the sandbox does not know how to honour.
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

fn money(amount: i64, currency: Currency) -> Result<i64, ApiError> {
    let (least, most) = (least(currency), 99_999_999);
    if amount < least {
        let message = format!("Amount must be at least {} {currency}", exact(least, currency));
        return Err(ApiError::invalid(message).code("amount_too_small").at("amount"));
    }
    if amount > most {
        let message = format!("Amount must be no more than {}", exact(most, currency));
        return Err(ApiError::invalid(message).code("amount_too_large").at("amount"));
    }
    Ok(amount)
}

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

pub async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let amount = reader.integer("amount")?.ok_or_else(|| ApiError::missing("amount"))?;
    let currency = currency(&mut reader)?.ok_or_else(|| ApiError::missing("currency"))?;
    let mut intent = Intent::new(Owner::Caller, money(amount, currency)?, currency, 0);
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
        let id = intent.id.clone();
        intent.created = world.now();
        let cause = Cause::from(&call);
        if let Some(customer) = confirmation.changes.customer {
            Customer::alive(world, customer, "customer")?;
        }
        // A name that is no method's is found out before there is an intent.
        let method = confirmation.method.map(|name| world.method_named(name, "payment_method")).transpose()?;
        world.put(intent);
        let done = if confirm {
            Confirmation { method: method.as_deref(), ..confirmation }.confirm(world, &id, true, &cause)
        } else {
            let changed = confirmation.changes.apply(world, &id);
            changed.and_then(|()| method.map_or(Ok(()), |method| use_method(world, &id, &method)))
        };
        match done {
            // A request that is wrong makes nothing; one that the bank refuses does.
            Err(error) if error.status != StatusCode::PAYMENT_REQUIRED => {
                world.intents.remove(&id);
                return Err(error);
            }
            Ok(()) if !confirm => {
                world.emit("payment_intent.created", &world.rendered::<Intent>(&id), cause);
            }
            done => done?,
        }
        expand::answer(world, world.rendered::<Intent>(&id), &expansions)
    })
}

pub async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let amount = reader.integer("amount")?;
    let currency = currency(&mut reader)?;
    let method = reader.text("payment_method")?;
    let description = reader.change("description")?;
    let metadata = reader.metadata_change("metadata")?;
    let changes = Changes::read(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        let intent = Intent::find(world, &id)?;
        let named = [("amount", amount.is_some()), ("currency", currency.is_some()), ("payment_method", method.is_some())];
        let fixed = named.into_iter().find(|(_, given)| *given);
        if let Some((name, _)) = fixed {
            let rendered = untouchable_is_refused(world, &id)?;
            if !intent.status.is_open() {
                let status = intent.status.as_str();
                let message = format!(
                    "This PaymentIntent's {name} could not be updated because it has a status of {status}. You may only update \
                     the {name} of a PaymentIntent with one of the following statuses: requires_payment_method, \
                     requires_confirmation, requires_action."
                );
                return Err(ApiError::unexpected_state(message, rendered).at(name));
            }
            let currency = currency.unwrap_or(intent.currency);
            let amount = money(amount.unwrap_or(intent.amount), currency)?;
            let intent = world.find_mut::<Intent>(&id)?;
            (intent.amount, intent.currency) = (amount, currency);
        }
        changes.apply(world, &id)?;
        if let Some(method) = method {
            use_method(world, &id, method)?;
        }
        let intent = world.find_mut::<Intent>(&id)?;
        description.apply(&mut intent.description);
        metadata.apply(&mut intent.metadata);
        let rendered = intent.render();
        expand::answer(world, rendered, &expansions)
    })
}

pub async fn confirm(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let confirmation = Confirmation::read(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        confirmation.confirm(world, &id, false, &Cause::from(&call))?;
        expand::answer(world, world.rendered::<Intent>(&id), &expansions)
    })
}

pub async fn capture(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let amount = reader.amount("amount_to_capture")?;
    let metadata = reader.metadata_change("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        let rendered = untouchable_is_refused(world, &id)?;
        let intent = world.find_mut::<Intent>(&id)?;
        if intent.status != IntentStatus::RequiresCapture {
            let message = format!(
                "This PaymentIntent could not be captured because it has a status of {}. Only a PaymentIntent with one of the \
                 following statuses may be captured: requires_capture.",
                intent.status.as_str()
            );
            return Err(ApiError::unexpected_state(message, rendered));
        }
        let amount = amount.unwrap_or(intent.amount);
        if amount > intent.amount {
            let message = "The amount to capture is greater than the amount of the PaymentIntent.";
            return Err(ApiError::invalid(message).code("amount_too_large").at("amount_to_capture"));
        }
        intent.status = IntentStatus::Succeeded;
        intent.amount_received = amount;
        metadata.apply(&mut intent.metadata);
        let (told, charge) = (intent.render(), intent.latest_charge.clone().unwrap_or_default());
        let charge = world.find_mut::<Charge>(&charge)?;
        (charge.captured, charge.amount_captured) = (true, amount);
        let captured = charge.render();
        let cause = Cause::from(&call);
        world.emit("charge.captured", &captured, cause.clone());
        world.emit("payment_intent.succeeded", &told, cause);
        expand::answer(world, told, &expansions)
    })
}

pub async fn cancel(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let reasons = ["abandoned", "duplicate", "fraudulent", "requested_by_customer"];
    let reason = reader.one_of("cancellation_reason", &reasons)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let rendered = untouchable_is_refused(world, &id)?;
        let now = world.now();
        let intent = world.find_mut::<Intent>(&id)?;
        let message = match (&intent.owner, intent.status) {
            (Owner::Invoice(_), _) => {
                "You cannot cancel this PaymentIntent because it belongs to an invoice. Void the invoice or cancel the \
                 subscription instead."
                    .to_owned()
            }
            (_, status @ (IntentStatus::Succeeded | IntentStatus::Canceled)) => format!(
                "You cannot cancel this PaymentIntent because it has a status of {}. Only a PaymentIntent with one of the \
                 following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, \
                 requires_action, processing.",
                status.as_str()
            ),
            _ => {
                intent.cancel(reason.unwrap_or_default(), now);
                if reason.is_none() {
                    intent.cancellation_reason = None;
                }
                let told = intent.render();
                world.settlements.retain(|settlement| settlement.intent != id);
                world.emit("payment_intent.canceled", &told, Cause::from(&call));
                return expand::answer(world, told, &expansions);
            }
        };
        Err(ApiError::unexpected_state(message, rendered))
    })
}
