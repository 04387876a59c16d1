//! `/v1/products`

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::json;

use super::{
    Rendered,
    expand::{self, Expansions},
};
use crate::{
    sandbox::Sandbox,
    stripe::{
        actions::{prices::PriceDraft, products},
        objects::{Cause, Product},
        resources::Resource,
        wire::{ApiError, Call, Reader, ids},
    },
};

/// Parameters that Stripe has and the sandbox does not support.
const UNSUPPORTED: [&str; 4] = ["marketing_features", "package_dimensions", "statement_descriptor", "tax_code"];

pub(crate) async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let id = reader.text_up_to("id", 255)?.map_or_else(|| ids::with_length("prod_", 14), str::to_owned);
    let mut product = Product::new(id, reader.required("name")?, 0);
    product.description = reader.text("description")?.map(str::to_owned);
    product.active = reader.boolean("active")?.unwrap_or(true);
    product.images = images(&mut reader)?.unwrap_or_default();
    product.metadata = reader.metadata("metadata")?;
    product.shippable = reader.boolean("shippable")?;
    product.unit_label = reader.text_up_to("unit_label", 12)?.map(str::to_owned);
    product.url = reader.url("url")?.map(str::to_owned);
    product.kind = reader.one_of("type", &["good", "service"])?.unwrap_or("service");
    let price = reader.group("default_price_data")?.map(PriceDraft::read_data).transpose()?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        let rendered = products::create_product(world, product, price, Cause::from(&call))?;
        expand::respond(world, rendered, &expansions)
    })
}

pub(crate) async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let name = reader.text("name")?;
    let description = reader.change("description")?;
    let active = reader.boolean("active")?;
    let default_price = reader.text("default_price")?;
    let images = images(&mut reader)?;
    let metadata = reader.metadata_change("metadata")?;
    let shippable = reader.boolean("shippable")?;
    let unit_label = reader.change("unit_label")?;
    let url = reader.change("url")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&UNSUPPORTED)?;
    sandbox.with(|world| {
        Product::find(world, &id)?;
        if let Some(price) = default_price
            && world.prices.get(price).is_none_or(|found| found.product != id)
        {
            return Err(ApiError::no_such("price", price, "default_price"));
        }
        let now = world.now();
        let rendered = world.change::<Product>(&id, "product.updated", Cause::from(&call), |product| {
            if let Some(name) = name {
                name.clone_into(&mut product.name);
            }
            description.apply(&mut product.description);
            product.active = active.unwrap_or(product.active);
            product.default_price = default_price.map(str::to_owned).or(product.default_price.take());
            product.images = images.unwrap_or_else(|| product.images.clone());
            metadata.apply(&mut product.metadata);
            product.shippable = shippable.or(product.shippable);
            unit_label.apply(&mut product.unit_label);
            url.apply(&mut product.url);
            product.updated = now;
        })?;
        expand::respond(world, rendered, &expansions)
    })
}

/// Deletes a product that has no prices.
pub(crate) async fn delete(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    Reader::new(&call.params).finish()?;
    sandbox.with(|world| {
        products::delete_product(world, &id, Cause::from(&call))?;
        Ok(Json(json!({"id": id, "object": "product", "deleted": true})))
    })
}

fn images(reader: &mut Reader<'_>) -> Result<Option<Vec<String>>, ApiError> {
    let images = reader.texts("images")?;
    if images.as_ref().is_some_and(|images| images.len() > 8) {
        return Err(ApiError::invalid("You can have at most 8 images.").at("images"));
    }
    Ok(images.map(|images| images.into_iter().map(|(_, image)| image.to_owned()).collect()))
}
