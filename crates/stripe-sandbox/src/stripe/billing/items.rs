//! The items of a subscription as requests name them: added, changed, taken away.

use super::{cycle::period_end, subscription::Item};
use minor_money::Currency;

use crate::{
    state::World,
    stripe::{
        catalog::price::{Draft as PriceDraft, Price},
        events::Cause,
        wire::{
            error::ApiError,
            ids,
            params::{Metadata, MetadataChange, Reader},
            resource::Resource,
        },
    },
};

/// One of `items` as a request says it.
pub struct Asked {
    pub name: String,
    /// The item that is changed; none: a new one.
    id: Option<String>,
    price: Option<String>,
    made: Option<PriceDraft>,
    quantity: Option<i64>,
    pub metadata: MetadataChange,
    deleted: bool,
}

impl Asked {
    pub fn read(mut group: Reader<'_>) -> Result<Self, ApiError> {
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

    /// The price that is asked for, if one is.
    pub fn price(&self, world: &mut World, cause: &Cause) -> Result<Option<String>, ApiError> {
        match (&self.price, &self.made) {
            (Some(price), _) => Ok(Some(price.clone())),
            (None, Some(draft)) => draft.make_inline(world, cause).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// The item that a price makes, from `start` on.
pub fn item(world: &World, asked: &Asked, price: &str, start: i64, anchor: i64) -> Result<(Item, Currency), ApiError> {
    let price = world.prices.get(price).ok_or_else(|| ApiError::no_such("price", price, &asked.name))?;
    let Some(recurring) = price.recurring else {
        let message =
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.";
        return Err(ApiError::invalid(message).at(&asked.name));
    };
    if !price.active && asked.made.is_none() {
        let message = "The price specified is inactive. This field only accepts active prices.";
        return Err(ApiError::invalid(message).at(&asked.name));
    }
    let item = Item {
        id: ids::with_length("si_", 14),
        created: world.now(),
        price: price.render(),
        unit_amount: price.money.minor(),
        recurring,
        quantity: asked.quantity.unwrap_or(1),
        metadata: Metadata::new(),
        period: (start, period_end(start, anchor, recurring)),
    };
    Ok((item, price.money.currency()))
}

/// The item that a price makes from now on.
pub fn begin(world: &World, price: &str, quantity: i64, now: i64) -> Result<Item, ApiError> {
    let price = Price::find(world, price)?;
    let recurring = price.recurring.ok_or_else(|| ApiError::invalid("A subscription needs a recurring price."))?;
    Ok(Item {
        id: ids::with_length("si_", 14),
        created: now,
        price: price.render(),
        unit_amount: price.money.minor(),
        recurring,
        quantity,
        metadata: Metadata::new(),
        period: (now, period_end(now, now, recurring)),
    })
}

/// All items of one subscription are paid in one currency and at the same time.
pub fn same(items: &[Item], currencies: &[Currency]) -> Result<(), ApiError> {
    if currencies.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(ApiError::invalid("All prices of a subscription must have the same currency.").at("items"));
    }
    if items.windows(2).any(|pair| pair[0].recurring != pair[1].recurring) {
        let message =
            "All prices of a subscription must have the same `recurring.interval` and `recurring.interval_count`.";
        return Err(ApiError::invalid(message).at("items"));
    }
    Ok(())
}

/// Changes, adds or takes away one item.
pub fn change_items(items: &mut Vec<Item>, asked: Asked, made: Option<Item>) -> Result<(), ApiError> {
    let Some(id) = &asked.id else {
        let mut item = made.ok_or_else(|| ApiError::missing(&asked.name))?;
        asked.metadata.apply(&mut item.metadata);
        items.push(item);
        return Ok(());
    };
    let place = items.iter().position(|item| item.id == *id);
    let place = place.ok_or_else(|| ApiError::no_such("subscription_item", id, &asked.name))?;
    if asked.deleted {
        if items.len() == 1 {
            return Err(ApiError::invalid("A subscription must have at least one active item.").at(&asked.name));
        }
        items.remove(place);
        return Ok(());
    }
    let item = &mut items[place];
    if let Some(made) = made {
        (item.price, item.unit_amount, item.recurring, item.period) =
            (made.price, made.unit_amount, made.recurring, made.period);
    }
    item.quantity = asked.quantity.unwrap_or(item.quantity);
    asked.metadata.apply(&mut item.metadata);
    Ok(())
}
