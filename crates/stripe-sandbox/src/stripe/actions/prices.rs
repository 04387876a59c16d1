//! Prices that a request describes, and the products that are created for them.

use minor_money::Money;
use serde_json::Value;

use crate::{
    stripe::{
        objects::{Cause, Object, Price, Product, Recurring},
        wire::{ApiError, Metadata, ids},
    },
    world::World,
};

/// A price that a request describes, with the id of its product or a description of a new one.
pub(crate) struct PriceDraft {
    pub(crate) money: Money,
    pub(crate) recurring: Option<Recurring>,
    pub(crate) product: Option<String>,
    /// The name and the metadata of the product that is created with the price.
    pub(crate) product_name: Option<(String, Metadata)>,
    pub(crate) product_param: String,
}

impl PriceDraft {
    /// Returns the product of the price. Creates it if it was described.
    pub(crate) fn product(&self, world: &mut World, active: bool, cause: &Cause) -> Result<String, ApiError> {
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

    /// Creates the price that a line describes. It serves this one line, so it is not active.
    pub(crate) fn make_inline(&self, world: &mut World, cause: &Cause) -> Result<String, ApiError> {
        let product = self.product(world, false, cause)?;
        Ok(self.make(world, &product, false, cause))
    }

    /// Creates the price for a product. Returns its id.
    pub(crate) fn make(&self, world: &mut World, product: &str, active: bool, cause: &Cause) -> String {
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

/// What a request to create a price says in addition to its amount and product.
pub(crate) struct PriceDetails {
    pub(crate) nickname: Option<String>,
    pub(crate) lookup_key: Option<String>,
    pub(crate) active: bool,
    pub(crate) metadata: Metadata,
}

/// Creates a price, with its product if that is described.
pub(crate) fn create_price(
    world: &mut World,
    draft: &PriceDraft,
    details: PriceDetails,
    cause: Cause,
) -> Result<Value, ApiError> {
    let PriceDetails { nickname, lookup_key, active, metadata } = details;
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
    Ok(rendered)
}
