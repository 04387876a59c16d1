//! The items of a subscription: added, changed, removed.

use minor_money::Currency;

use super::prices::PriceDraft;
use crate::{
    stripe::{
        objects::{Cause, Object, Price, SubscriptionItem, period_end},
        resources::Resource,
        wire::{ApiError, Metadata, MetadataChange, ids},
    },
    world::World,
};

/// One of `items` in a request.
pub(crate) struct ItemChange {
    pub(crate) name: String,
    /// The item that is changed. `None` adds a new one.
    pub(crate) id: Option<String>,
    pub(crate) price: Option<String>,
    pub(crate) made: Option<PriceDraft>,
    pub(crate) quantity: Option<i64>,
    pub(crate) metadata: MetadataChange,
    pub(crate) deleted: bool,
}

impl ItemChange {
    /// Returns the price that is asked for, if one is.
    pub(crate) fn price(&self, world: &mut World, cause: &Cause) -> Result<Option<String>, ApiError> {
        match (&self.price, &self.made) {
            (Some(price), _) => Ok(Some(price.clone())),
            (None, Some(draft)) => draft.make_inline(world, cause).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// Returns the item for a price, from `start` on, and its currency.
pub(crate) fn item(
    world: &World,
    asked: &ItemChange,
    price: &str,
    start: i64,
    anchor: i64,
) -> Result<(SubscriptionItem, Currency), ApiError> {
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
    let item = SubscriptionItem {
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

/// Returns the item for a price, from now on.
pub(crate) fn begin(world: &World, price: &str, quantity: i64, now: i64) -> Result<SubscriptionItem, ApiError> {
    let price = Price::find(world, price)?;
    let recurring = price.recurring.ok_or_else(|| ApiError::invalid("A subscription needs a recurring price."))?;
    Ok(SubscriptionItem {
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

/// Checks that all items of one subscription have the same currency and interval.
pub(crate) fn same(items: &[SubscriptionItem], currencies: &[Currency]) -> Result<(), ApiError> {
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

/// Changes, adds or removes one item.
pub(crate) fn change_items(
    items: &mut Vec<SubscriptionItem>,
    asked: ItemChange,
    made: Option<SubscriptionItem>,
) -> Result<(), ApiError> {
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
