//! Prices: for one payment or for each period, and those that a request brings with it.

use axum::{
    Extension,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::product::Product;
use minor_money::{Currency, Money};

use crate::{
    config::SeedPrice,
    state::{Sandbox, World},
    stripe::{
        events::Cause,
        wire::{
            error::ApiError,
            expand::{self, Expansions},
            gate::Call,
            ids,
            params::{Metadata, Reader},
            resource::{Answered, Resource, Wanted},
            shelf::Shelf,
        },
    },
};

pub struct Price {
    pub id: String,
    pub product: String,
    pub nickname: Option<String>,
    pub lookup_key: Option<String>,
    pub money: Money,
    /// `None`: paid once.
    pub recurring: Option<Recurring>,
    pub active: bool,
    pub metadata: Metadata,
    pub created: i64,
}

/// How often a price is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recurring {
    pub interval: Interval,
    pub count: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interval {
    Day,
    Week,
    Month,
    Year,
}

/// A price that a request describes, with its product or the one that is made for it.
pub struct Draft {
    money: Money,
    recurring: Option<Recurring>,
    product: Option<String>,
    /// The name of the product that is made with the price.
    product_name: Option<(String, Metadata)>,
    product_param: String,
}

/// Parameters of Stripe's that the sandbox does not know how to honour.
const UNSUPPORTED: [&str; 8] = [
    "tiers",
    "tiers_mode",
    "billing_scheme",
    "currency_options",
    "custom_unit_amount",
    "tax_behavior",
    "transform_quantity",
    "unit_amount_decimal",
];

impl Interval {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

impl Recurring {
    fn read(mut group: Reader<'_>) -> Result<Self, ApiError> {
        let name = group.name("interval");
        let interval = match group.one_of("interval", &["day", "month", "week", "year"])? {
            Some("day") => Interval::Day,
            Some("week") => Interval::Week,
            Some("month") => Interval::Month,
            Some(_) => Interval::Year,
            None => return Err(ApiError::missing(&name)),
        };
        let name = group.name("interval_count");
        let count = group.integer("interval_count")?.unwrap_or(1);
        let most = match interval {
            Interval::Day => 365 * 3,
            Interval::Week => 52 * 3,
            Interval::Month => 12 * 3,
            Interval::Year => 3,
        };
        if !(1..=most).contains(&count) {
            return Err(ApiError::invalid("Invalid interval_count: it must be from 1 to three years' worth.").at(name));
        }
        group.one_of("usage_type", &["licensed"])?;
        group.finish_but(&["meter", "trial_period_days", "aggregate_usage"])?;
        Ok(Self { interval, count })
    }

    pub fn render(self) -> Value {
        json!({
            "interval": self.interval.as_str(), "interval_count": self.count, "meter": null, "trial_period_days": null,
            "usage_type": "licensed",
        })
    }
}

impl Draft {
    /// `price_data` of a line, or `default_price_data` of a product: everything that there is to say.
    pub fn read_data(mut group: Reader<'_>) -> Result<Self, ApiError> {
        let draft = Self::read(&mut group)?;
        group.finish_but(&UNSUPPORTED)?;
        Ok(draft)
    }

    /// As [`Self::read_data`], where a product must be named or described.
    pub fn read_whole(group: Reader<'_>) -> Result<Self, ApiError> {
        let draft = Self::read_data(group)?;
        draft.needs_product()?;
        Ok(draft)
    }

    fn needs_product(&self) -> Result<(), ApiError> {
        if self.product.is_some() == self.product_name.is_some() {
            return Err(ApiError::missing(&self.product_param));
        }
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ApiError> {
        let (currency_name, amount_name) = (reader.name("currency"), reader.name("unit_amount"));
        let currency = reader.required("currency")?;
        let currency: Currency =
            currency.parse().map_err(|_| ApiError::invalid("Invalid currency").at(&currency_name))?;
        let amount = reader.integer("unit_amount")?.ok_or_else(|| ApiError::missing(&amount_name))?;
        let money = Money::new(amount, currency).map_err(|_| {
            ApiError::invalid("Invalid non-negative integer").code("parameter_invalid_integer").at(amount_name)
        })?;
        let recurring = reader.group("recurring")?.map(Recurring::read).transpose()?;
        let product_param = reader.name("product");
        let product = reader.text("product")?.map(str::to_owned);
        let product_name = match reader.group("product_data")? {
            None => None,
            Some(mut group) => {
                let name = group.required("name")?.to_owned();
                let metadata = group.metadata("metadata")?;
                group.finish_but(&[
                    "active",
                    "description",
                    "id",
                    "images",
                    "statement_descriptor",
                    "tax_code",
                    "unit_label",
                ])?;
                Some((name, metadata))
            }
        };
        Ok(Self { money, recurring, product, product_name, product_param })
    }

    /// The product of the price; made now when it was described.
    fn product(&self, world: &mut World, active: bool, cause: &Cause) -> Result<String, ApiError> {
        if let Some(product) = &self.product {
            let found = world.products.get(product).is_some();
            return if found {
                Ok(product.clone())
            } else {
                Err(ApiError::no_such("product", product, &self.product_param))
            };
        }
        let (name, metadata) = self.product_name.clone().unwrap_or_default();
        let id = ids::with_length("prod_", 14);
        let product = Product { active, metadata, ..Product::new(id.clone(), &name, world.now()) };
        world.emit("product.created", &product.render(), cause.clone());
        world.put(product);
        Ok(id)
    }

    /// Makes the price of a line that brought its own: it is for this one use, so it is not active.
    pub fn make_inline(&self, world: &mut World, cause: &Cause) -> Result<String, ApiError> {
        let product = self.product(world, false, cause)?;
        Ok(self.make(world, &product, false, cause))
    }

    /// Makes the price for a product; answers its id.
    pub fn make(&self, world: &mut World, product: &str, active: bool, cause: &Cause) -> String {
        let id = ids::new("price_1");
        let price = Price {
            id: id.clone(),
            product: product.to_owned(),
            nickname: None,
            lookup_key: None,
            money: self.money,
            recurring: self.recurring,
            active,
            metadata: Metadata::new(),
            created: world.now(),
        };
        world.emit("price.created", &price.render(), cause.clone());
        world.put(price);
        id
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
            recurring: None,
            active: true,
            metadata: Metadata::new(),
            created: now,
        }
    }
}

impl Resource for Price {
    const KIND: &'static str = "price";
    const URL: &'static str = "/v1/prices";
    const UNSUPPORTED: &'static [&'static str] = &["recurring"];

    fn shelf(world: &World) -> &Shelf<Self> {
        &world.prices
    }

    fn shelf_mut(world: &mut World) -> &mut Shelf<Self> {
        &mut world.prices
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let active = reader.boolean("active")?;
        let product = reader.text("product")?;
        let currency = reader.text("currency")?;
        let kind = reader.one_of("type", &["one_time", "recurring"])?;
        let keys = reader.texts("lookup_keys")?;
        Ok(Box::new(move |price| {
            active.is_none_or(|active| price.active == active)
                && product.is_none_or(|product| price.product == product)
                && currency.is_none_or(|currency| price.money.currency().code().eq_ignore_ascii_case(currency))
                && kind.is_none_or(|kind| (kind == "recurring") == price.recurring.is_some())
                && keys
                    .as_ref()
                    .is_none_or(|keys| keys.iter().any(|(_, key)| price.lookup_key.as_deref() == Some(*key)))
        }))
    }

    fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "price", "active": self.active, "billing_scheme": "per_unit",
            "created": self.created, "currency": self.money.currency(), "custom_unit_amount": null, "livemode": false,
            "lookup_key": self.lookup_key, "metadata": self.metadata, "nickname": self.nickname,
            "product": self.product, "recurring": self.recurring.map(Recurring::render),
            "tax_behavior": "unspecified", "tiers_mode": null, "transform_quantity": null,
            "type": if self.recurring.is_some() { "recurring" } else { "one_time" },
            "unit_amount": self.money.minor(), "unit_amount_decimal": self.money.minor().to_string(),
        })
    }
}

pub async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let draft = Draft::read(&mut reader)?;
    let nickname = reader.text("nickname")?.map(str::to_owned);
    let lookup_key = reader.text_up_to("lookup_key", 200)?.map(str::to_owned);
    let active = reader.boolean("active")?.unwrap_or(true);
    let metadata = reader.metadata("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&[&UNSUPPORTED[..], &["transfer_lookup_key"]].concat())?;
    draft.needs_product()?;
    sandbox.with(|world| {
        let cause = Cause::from(&call);
        let taken = |price: &Price| lookup_key.is_some() && price.lookup_key == lookup_key;
        if world.prices.iter().any(taken) {
            let message = "A price already uses that lookup key. To transfer it, use `transfer_lookup_key`.";
            return Err(ApiError::invalid(message).at("lookup_key"));
        }
        let product = draft.product(world, true, &cause)?;
        let id = ids::new("price_1");
        let (money, recurring, created) = (draft.money, draft.recurring, world.now());
        let price = Price { id, product, nickname, lookup_key, money, recurring, active, metadata, created };
        let rendered = price.render();
        world.put(price);
        world.emit("price.created", &rendered, cause);
        expand::answer(world, rendered, &expansions)
    })
}

/// A price's amount can never be changed, at Stripe or here.
pub async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let active = reader.boolean("active")?;
    let nickname = reader.change("nickname")?;
    let metadata = reader.metadata_change("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&["currency_options", "lookup_key", "tax_behavior", "transfer_lookup_key"])?;
    sandbox.with(|world| {
        let rendered = world.change::<Price>(&id, "price.updated", Cause::from(&call), |price| {
            price.active = active.unwrap_or(price.active);
            nickname.apply(&mut price.nickname);
            metadata.apply(&mut price.metadata);
        })?;
        expand::answer(world, rendered, &expansions)
    })
}
