//! Customers. A deleted one leaves a stub behind.

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use crate::{
    state::{Sandbox, World},
    stripe::{
        events::Cause,
        wire::{
            address::{address, customers_shipping},
            error::ApiError,
            expand::{self, Expansions},
            gate::Call,
            ids,
            params::{Change, Metadata, MetadataChange, Reader},
            resource::{Answered, Resource, Wanted},
            shelf::Shelf,
        },
    },
};

pub struct Customer {
    pub id: String,
    pub created: i64,
    pub deleted: bool,
    pub email: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub description: Option<String>,
    pub address: Option<Value>,
    pub shipping: Option<Value>,
    pub locales: Vec<String>,
    pub tax_exempt: Option<&'static str>,
    pub default_method: Option<String>,
    pub metadata: Metadata,
    /// Whether the last payment of an invoice failed.
    pub delinquent: bool,
    pub invoice_prefix: String,
}

/// Parameters of Stripe's that the sandbox does not know how to honour.
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

/// What a request says about a customer.
struct Said {
    email: Change<String>,
    name: Change<String>,
    phone: Change<String>,
    description: Change<String>,
    address: Change<Value>,
    shipping: Change<Value>,
    locales: Option<Vec<String>>,
    tax_exempt: Option<&'static str>,
    default_method: Change<String>,
    metadata: MetadataChange,
}

impl Said {
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

    fn apply(self, customer: &mut Customer) {
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

impl Customer {
    pub fn new(created: i64) -> Self {
        Self {
            id: ids::with_length("cus_", 14),
            created,
            deleted: false,
            email: None,
            name: None,
            phone: None,
            description: None,
            address: None,
            shipping: None,
            locales: Vec::new(),
            tax_exempt: Some("none"),
            default_method: None,
            metadata: Metadata::new(),
            delinquent: false,
            invoice_prefix: ids::with_length("", 8).to_uppercase(),
        }
    }

    /// A customer that a parameter names, and that was not deleted.
    pub fn alive<'w>(world: &'w World, id: &str, param: &str) -> Result<&'w Self, ApiError> {
        let found = world.customers.get(id).filter(|customer| !customer.deleted);
        found.ok_or_else(|| ApiError::no_such("customer", id, param))
    }

    fn stub(&self) -> Value {
        json!({"id": self.id, "object": "customer", "deleted": true})
    }

    fn whole(&self) -> Value {
        json!({
            "id": self.id, "object": "customer", "address": self.address, "balance": 0, "created": self.created,
            "currency": null, "default_source": null, "delinquent": self.delinquent, "description": self.description,
            "discount": null, "email": self.email, "invoice_prefix": self.invoice_prefix,
            "invoice_settings": {
                "custom_fields": null, "default_payment_method": self.default_method, "footer": null,
                "rendering_options": null,
            },
            "livemode": false, "metadata": self.metadata, "name": self.name, "next_invoice_sequence": 1,
            "phone": self.phone, "preferred_locales": self.locales, "shipping": self.shipping,
            "tax_exempt": self.tax_exempt, "test_clock": null,
        })
    }
}

impl Resource for Customer {
    const KIND: &'static str = "customer";
    const URL: &'static str = "/v1/customers";
    const PARAM: &'static str = "id";
    const UNSUPPORTED: &'static [&'static str] = &["test_clock"];

    fn shelf(world: &World) -> &Shelf<Self> {
        &world.customers
    }

    fn shelf_mut(world: &mut World) -> &mut Shelf<Self> {
        &mut world.customers
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn is_listed(&self) -> bool {
        !self.deleted
    }

    /// As at Stripe, case matters.
    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let email = reader.text("email")?;
        Ok(Box::new(move |customer| email.is_none_or(|email| customer.email.as_deref() == Some(email))))
    }

    fn render(&self) -> Value {
        if self.deleted { self.stub() } else { self.whole() }
    }
}

pub async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let method = reader.text("payment_method")?;
    let said = Said::read(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        let mut customer = Customer::new(world.now());
        let id = customer.id.clone();
        let cause = Cause::from(&call);
        let method = method.map(|method| world.method_named(method, "payment_method")).transpose()?;
        let default = match &said.default_method {
            Change::To(name) => Some(name.clone()),
            Change::Keep | Change::Clear => None,
        };
        said.apply(&mut customer);
        // The name that was sent, or what became of it.
        customer.default_method = None;
        world.put(customer);
        let attached = method.as_ref().map_or(Ok(Value::Null), |method| world.attach(method, &id, cause.clone()));
        let set = attached.and_then(|_| match default {
            Some(default) => world.set_default_method(&id, &method.unwrap_or(default)),
            None => Ok(()),
        });
        if let Err(error) = set {
            world.customers.remove(&id);
            return Err(error);
        }
        let rendered = world.rendered::<Customer>(&id);
        world.emit("customer.created", &rendered, cause);
        expand::answer(world, rendered, &expansions)
    })
}

impl World {
    /// Only what is attached to a customer can be their default.
    fn set_default_method(&mut self, customer: &str, method: &str) -> Result<(), ApiError> {
        let attached = self.methods.get(method).is_some_and(|method| method.customer.as_deref() == Some(customer));
        if !attached {
            let message = format!(
                "The customer does not have a payment method with the ID {method}. The payment method must be attached to the \
                 customer."
            );
            let error = ApiError::invalid(message).code("resource_missing");
            return Err(error.at("invoice_settings[default_payment_method]"));
        }
        self.find_mut::<Customer>(customer)?.default_method = Some(method.to_owned());
        Ok(())
    }
}

pub async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let said = Said::read(&mut reader)?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        if Customer::find(world, &id)?.deleted {
            return Err(ApiError::not_found("customer", &id, "id"));
        }
        let before = world.rendered::<Customer>(&id);
        if let Change::To(method) = &said.default_method {
            world.set_default_method(&id, method)?;
        }
        let customer = world.find_mut::<Customer>(&id)?;
        said.apply(customer);
        let after = customer.render();
        world.emit_update("customer.updated", &before, &after, Cause::from(&call));
        expand::answer(world, after, &expansions)
    })
}

/// Ends the customer's subscriptions, too, as at Stripe.
pub async fn delete(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    Reader::new(&call.params).finish()?;
    sandbox.with(|world| {
        let customer = world.find_mut::<Customer>(&id)?;
        if customer.deleted {
            return Err(ApiError::not_found("customer", &id, "id"));
        }
        let rendered = customer.render();
        customer.deleted = true;
        let stub = customer.stub();
        let cause = Cause::from(&call);
        world.end_subscriptions_of(&id, &cause)?;
        world.emit("customer.deleted", &rendered, cause);
        Ok(Json(stub))
    })
}

/// `query=email:'ada@example.com'`; one or more conditions that all have to hold.
pub async fn search(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
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
        expand::answer(world, list, &expansions)
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
