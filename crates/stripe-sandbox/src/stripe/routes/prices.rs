//! `/v1/prices`

use axum::{
    Extension,
    extract::{Path, State},
};
use minor_money::{Currency, Money};

use super::{
    Rendered,
    expand::{self, Expansions},
};
use crate::{
    sandbox::Sandbox,
    stripe::{
        actions::prices::{self, PriceDetails, PriceDraft},
        objects::{Cause, Interval, Price, Recurring},
        wire::{ApiError, Call, Reader},
    },
};

/// Parameters that Stripe has and the sandbox does not support.
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
}

impl PriceDraft {
    /// Reads the `price_data` of a line, or the `default_price_data` of a product.
    pub(crate) fn read_data(mut group: Reader<'_>) -> Result<Self, ApiError> {
        let draft = Self::read(&mut group)?;
        group.finish_but(&UNSUPPORTED)?;
        Ok(draft)
    }

    /// Does the same as [`Self::read_data`], where a product must be named or described.
    pub(crate) fn read_whole(group: Reader<'_>) -> Result<Self, ApiError> {
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
}

pub(crate) async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let draft = PriceDraft::read(&mut reader)?;
    let nickname = reader.text("nickname")?.map(str::to_owned);
    let lookup_key = reader.text_up_to("lookup_key", 200)?.map(str::to_owned);
    let active = reader.boolean("active")?.unwrap_or(true);
    let metadata = reader.metadata("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&[&UNSUPPORTED[..], &["transfer_lookup_key"]].concat())?;
    draft.needs_product()?;
    sandbox.with(|world| {
        let details = PriceDetails { nickname, lookup_key, active, metadata };
        let rendered = prices::create_price(world, &draft, details, Cause::from(&call))?;
        expand::respond(world, rendered, &expansions)
    })
}

/// Changes a price, except its amount, which never changes with Stripe or here.
pub(crate) async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
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
        expand::respond(world, rendered, &expansions)
    })
}
