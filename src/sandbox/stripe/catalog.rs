//! Products and prices.

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{
    error::ApiError,
    expand::{self, Expansions},
    gate::Call,
    ids,
    list::{Created, Page},
    params::{Metadata, Reader},
};
use crate::{
    domain::money::{Currency, Money},
    sandbox::{SandboxConfig, SeedPrice, state::Sandbox},
};

/// What a handler of `/v1` answers.
pub type Answered = Result<Json<Value>, ApiError>;

pub struct Product {
    pub id: String,
    pub name: String,
    pub description: String,
    pub active: bool,
    pub created: i64,
}

pub struct Price {
    pub id: String,
    pub product: String,
    pub nickname: Option<String>,
    pub lookup_key: Option<String>,
    pub money: Money,
    pub active: bool,
    pub metadata: Metadata,
    pub created: i64,
}

impl Product {
    pub fn seed(config: &SandboxConfig, now: i64) -> Self {
        Self {
            id: config.product_id.clone(),
            name: "Rolitt".to_owned(),
            description: "A small companion for your desk, on pre-order".to_owned(),
            active: true,
            created: now,
        }
    }

    pub fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "product", "active": self.active, "created": self.created, "default_price": null,
            "description": self.description, "images": [], "livemode": false, "marketing_features": [], "metadata": {},
            "name": self.name, "package_dimensions": null, "shippable": true, "statement_descriptor": null,
            "tax_code": null, "type": "good", "unit_label": null, "updated": self.created, "url": null,
        })
    }
}

impl Price {
    pub fn seed(seed: &SeedPrice, product: &str, now: i64) -> Self {
        Self {
            id: seed.id.clone(),
            product: product.to_owned(),
            nickname: Some(seed.nickname.clone()),
            lookup_key: None,
            money: seed.money,
            active: true,
            metadata: Metadata::new(),
            created: now,
        }
    }

    pub fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "price", "active": self.active, "billing_scheme": "per_unit",
            "created": self.created, "currency": self.money.currency(), "custom_unit_amount": null, "livemode": false,
            "lookup_key": self.lookup_key, "metadata": self.metadata, "nickname": self.nickname,
            "product": self.product, "recurring": null, "tax_behavior": "unspecified", "tiers_mode": null,
            "transform_quantity": null, "type": "one_time", "unit_amount": self.money.minor(),
            "unit_amount_decimal": self.money.minor().to_string(),
        })
    }
}

pub async fn list_products(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let page = Page::read(&mut reader)?;
    let created = Created::read(&mut reader)?;
    let active = reader.boolean("active")?;
    let expansions = Expansions::of_list(&mut reader)?;
    reader.finish_but(&["ids", "shippable", "url"])?;
    sandbox.with(|world| {
        let wanted =
            |product: &Product| active.is_none_or(|active| product.active == active) && created.holds(product.created);
        let list = page.of(&world.products, ("product", "/v1/products"), wanted, Product::render)?;
        expand::answer(world, list, &expansions)
    })
}

pub async fn retrieve_product(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let product = world.products.get(&id).ok_or_else(|| ApiError::not_found("product", &id, "id"))?;
        expand::answer(world, product.render(), &expansions)
    })
}

pub async fn list_prices(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let page = Page::read(&mut reader)?;
    let created = Created::read(&mut reader)?;
    let active = reader.boolean("active")?;
    let product = reader.text("product")?;
    let currency = reader.text("currency")?;
    let kind = reader.one_of("type", &["one_time", "recurring"])?;
    let keys = reader.texts("lookup_keys")?;
    let expansions = Expansions::of_list(&mut reader)?;
    reader.finish_but(&["recurring"])?;
    sandbox.with(|world| {
        let wanted = |price: &Price| {
            active.is_none_or(|active| price.active == active)
                && product.is_none_or(|product| price.product == product)
                && currency.is_none_or(|currency| price.money.currency().code().eq_ignore_ascii_case(currency))
                && kind.is_none_or(|kind| kind == "one_time")
                && keys
                    .as_ref()
                    .is_none_or(|keys| keys.iter().any(|(_, key)| price.lookup_key.as_deref() == Some(*key)))
                && created.holds(price.created)
        };
        let list = page.of(&world.prices, ("price", "/v1/prices"), wanted, Price::render)?;
        expand::answer(world, list, &expansions)
    })
}

pub async fn retrieve_price(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let price = world.prices.get(&id).ok_or_else(|| ApiError::not_found("price", &id, "price"))?;
        expand::answer(world, price.render(), &expansions)
    })
}

pub async fn create_price(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let currency = reader.required("currency")?;
    let currency: Currency = currency.parse().map_err(|_| ApiError::invalid("Invalid currency").at("currency"))?;
    let amount = reader.integer("unit_amount")?.ok_or_else(|| ApiError::missing("unit_amount"))?;
    let money = Money::new(amount, currency).map_err(|_| {
        ApiError::invalid("Invalid non-negative integer").code("parameter_invalid_integer").at("unit_amount")
    })?;
    let product = reader.required("product")?.to_owned();
    let nickname = reader.text("nickname")?.map(str::to_owned);
    let lookup_key = reader.text_up_to("lookup_key", 200)?.map(str::to_owned);
    let active = reader.boolean("active")?.unwrap_or(true);
    let metadata = reader.metadata("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&[
        "recurring",
        "product_data",
        "tiers",
        "tiers_mode",
        "billing_scheme",
        "currency_options",
        "custom_unit_amount",
        "tax_behavior",
        "transfer_lookup_key",
        "transform_quantity",
        "unit_amount_decimal",
    ])?;
    sandbox.with(|world| {
        if world.products.get(&product).is_none() {
            return Err(ApiError::no_such("product", &product, "product"));
        }
        let id = ids::new("price_1");
        let created = world.now();
        let price = Price { id: id.clone(), product, nickname, lookup_key, money, active, metadata, created };
        let rendered = price.render();
        world.prices.put(id, price);
        expand::answer(world, rendered, &expansions)
    })
}

/// A price's amount can never be changed, at Stripe or here.
pub async fn update_price(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let active = reader.boolean("active")?;
    let nickname = reader.text("nickname")?.map(str::to_owned);
    let metadata = reader.metadata("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&["currency_options", "lookup_key", "tax_behavior", "transfer_lookup_key"])?;
    sandbox.with(|world| {
        let price = world.prices.get_mut(&id).ok_or_else(|| ApiError::not_found("price", &id, "price"))?;
        price.active = active.unwrap_or(price.active);
        price.nickname = nickname.or(price.nickname.take());
        price.metadata.extend(metadata);
        let rendered = price.render();
        expand::answer(world, rendered, &expansions)
    })
}
