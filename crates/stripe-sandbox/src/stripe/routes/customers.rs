//! `/v1/customers`

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{
    Rendered,
    expand::{self, Expansions},
};
use crate::{
    sandbox::Sandbox,
    stripe::{
        actions::customers::{self, CustomerFields},
        objects::{Cause, Customer, Object},
        wire::{
            ApiError, Call, Change, Reader,
            address::{address, customers_shipping},
        },
    },
};

/// Parameters that Stripe has and the sandbox does not support.
const UNSUPPORTED: [&str; 14] = [
    "balance",
    "cash_balance",
    "coupon",
    "default_source",
    "invoice_prefix",
    "next_invoice_sequence",
    "payment_method_data",
    "promotion_code",
    "source",
    "tax",
    "tax_id_data",
    "test_clock",
    "validate",
    "invoice_settings",
];

impl CustomerFields {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ApiError> {
        let email = if reader.is_empty_text("email") {
            Change::Clear
        } else {
            reader.email("email")?.map_or(Change::Keep, Change::To)
        };
        let locales = reader.texts("preferred_locales")?;
        let settings = reader.group("invoice_settings")?;
        let default_method = match settings {
            None => Change::Keep,
            Some(mut settings) => {
                let method = settings.change("default_payment_method")?;
                settings.finish_but(&["custom_fields", "footer", "rendering_options"])?;
                method
            }
        };
        Ok(Self {
            email,
            name: reader.change("name")?,
            phone: reader.change("phone")?,
            description: reader.change("description")?,
            address: reader.change_group("address")?.map(address)?,
            shipping: reader.change_group("shipping")?.map(customers_shipping)?,
            locales: locales.map(|all| all.into_iter().map(|(_, locale)| locale.to_owned()).collect()),
            tax_exempt: reader.one_of("tax_exempt", &["exempt", "none", "reverse"])?,
            default_method,
            metadata: reader.metadata_change("metadata")?,
        })
    }
}

pub(crate) async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let method = reader.text("payment_method")?;
    let said = CustomerFields::read(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        let rendered = customers::create_customer(world, said, method, Cause::from(&call))?;
        expand::respond(world, rendered, &expansions)
    })
}

pub(crate) async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let said = CustomerFields::read(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        let rendered = customers::update_customer(world, &id, said, Cause::from(&call))?;
        expand::respond(world, rendered, &expansions)
    })
}

/// Deletes a customer and ends their subscriptions, as Stripe does.
pub(crate) async fn delete(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    Reader::new(&call.params).finish()?;
    sandbox.with(|world| {
        let stub = customers::delete_customer(world, &id, Cause::from(&call))?;
        Ok(Json(stub))
    })
}

/// Searches customers: `query=email:'ada@example.com'`, with one or more conditions that must all
/// hold.
pub(crate) async fn search(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let query = reader.required("query")?;
    let limit = reader.integer("limit")?.unwrap_or(10);
    let expansions = Expansions::of_list(&mut reader)?;
    reader.finish_but(&["page"])?;
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit));
    let limit = limit.ok_or_else(|| ApiError::invalid("This value must be from 1 to 100.").at("limit"))?;
    let conditions = query.split(" AND ").map(condition).collect::<Option<Vec<_>>>().ok_or_else(|| {
        let message = "The sandbox searches by email:'…', name:'…', phone:'…' and metadata['…']:'…', joined with AND.";
        ApiError::invalid(message).at("query")
    })?;
    sandbox.with(|world| {
        let found = world.customers.iter().rev().filter(|customer| {
            customer.is_listed() && conditions.iter().all(|(field, value)| holds(customer, field, value))
        });
        let mut data: Vec<Value> = found.take(limit + 1).map(Customer::render).collect();
        let has_more = data.len() > limit;
        data.truncate(limit);
        let list = json!({
            "object": "search_result", "data": data, "has_more": has_more, "next_page": null,
            "url": "/v1/customers/search",
        });
        expand::respond(world, list, &expansions)
    })
}

fn condition(text: &str) -> Option<(&str, &str)> {
    let (field, value) = text.trim().split_once(':')?;
    let quoted = |quote| value.strip_prefix(quote).and_then(|value: &str| value.strip_suffix(quote));
    let known = ["email", "name", "phone"].contains(&field) || field.starts_with("metadata[");
    quoted('\'').or_else(|| quoted('"')).filter(|_| known).map(|value| (field, value))
}

fn holds(customer: &Customer, field: &str, value: &str) -> bool {
    let text = match field {
        "email" => customer.email.as_deref(),
        "name" => customer.name.as_deref(),
        "phone" => customer.phone.as_deref(),
        _ => {
            let key = field.trim_start_matches("metadata[").trim_end_matches(']').trim_matches(['\'', '"']);
            return customer.metadata.get(key).is_some_and(|found| found == value);
        }
    };
    text.is_some_and(|text| text.eq_ignore_ascii_case(value))
}
