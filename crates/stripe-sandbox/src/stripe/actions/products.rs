//! Products: created with a price, and deleted.

use serde_json::Value;

use super::prices::PriceDraft;
use crate::{
    stripe::{
        objects::{Cause, Object, Product},
        resources::Resource,
        wire::ApiError,
    },
    world::World,
};

/// Creates a product, and its default price if one is described.
pub(crate) fn create_product(
    world: &mut World,
    mut product: Product,
    price: Option<PriceDraft>,
    cause: Cause,
) -> Result<Value, ApiError> {
    if world.products.get(&product.id).is_some() {
        let error = ApiError::invalid(format!("Product already exists: {}", product.id));
        return Err(error.code("resource_already_exists").at("id"));
    }
    let id = product.id.clone();
    (product.created, product.updated) = (world.now(), world.now());
    world.put(product);
    if let Some(price) = price {
        let price = price.make(world, &id, true, &cause);
        world.find_mut::<Product>(&id)?.default_price = Some(price);
    }
    let rendered = world.rendered::<Product>(&id);
    world.emit("product.created", &rendered, cause);
    Ok(rendered)
}

/// Deletes a product. One that has prices stays.
pub(crate) fn delete_product(world: &mut World, id: &str, cause: Cause) -> Result<(), ApiError> {
    let rendered = Product::find(world, id)?.render();
    if world.prices.iter().any(|price| price.product == id) {
        let message = "This product cannot be deleted because it has one or more user-created prices.";
        return Err(ApiError::invalid(message).at("id"));
    }
    world.products.remove(id);
    world.emit("product.deleted", &rendered, cause);
    Ok(())
}
