//! Products.

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::price::Draft as PriceDraft;
use crate::{
    config::SeedProduct,
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

pub struct Product {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub active: bool,
    pub default_price: Option<String>,
    pub images: Vec<String>,
    pub metadata: Metadata,
    pub shippable: Option<bool>,
    pub unit_label: Option<String>,
    pub url: Option<String>,
    pub kind: &'static str,
    pub created: i64,
    pub updated: i64,
}

/// Parameters of Stripe's that the sandbox does not know how to honour.
const UNSUPPORTED: [&str; 4] = ["marketing_features", "package_dimensions", "statement_descriptor", "tax_code"];

impl Product {
    pub fn new(id: String, name: &str, now: i64) -> Self {
        Self {
            id,
            name: name.to_owned(),
            description: None,
            active: true,
            default_price: None,
            images: Vec::new(),
            metadata: Metadata::new(),
            shippable: None,
            unit_label: None,
            url: None,
            kind: "service",
            created: now,
            updated: now,
        }
    }

    pub fn seed(seed: &SeedProduct, now: i64) -> Self {
        Self {
            description: seed.description.clone(),
            shippable: seed.shippable.then_some(true),
            kind: if seed.shippable { "good" } else { "service" },
            ..Self::new(seed.id.clone(), &seed.name, now)
        }
    }
}

impl Resource for Product {
    const KIND: &'static str = "product";
    const URL: &'static str = "/v1/products";
    const PARAM: &'static str = "id";
    const UNSUPPORTED: &'static [&'static str] = &["type"];

    fn shelf(world: &World) -> &Shelf<Self> {
        &world.products
    }

    fn shelf_mut(world: &mut World) -> &mut Shelf<Self> {
        &mut world.products
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let active = reader.boolean("active")?;
        let shippable = reader.boolean("shippable")?;
        let url = reader.text("url")?;
        let ids = reader.texts("ids")?;
        Ok(Box::new(move |product| {
            active.is_none_or(|active| product.active == active)
                && shippable.is_none_or(|shippable| product.shippable.unwrap_or(false) == shippable)
                && url.is_none_or(|url| product.url.as_deref() == Some(url))
                && ids.as_ref().is_none_or(|ids| ids.iter().any(|(_, id)| *id == product.id))
        }))
    }

    fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "product", "active": self.active, "created": self.created,
            "default_price": self.default_price, "description": self.description, "images": self.images,
            "livemode": false, "marketing_features": [], "metadata": self.metadata, "name": self.name,
            "package_dimensions": null, "shippable": self.shippable, "statement_descriptor": null, "tax_code": null,
            "type": self.kind, "unit_label": self.unit_label, "updated": self.updated, "url": self.url,
        })
    }
}

pub async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
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
        if world.products.get(&product.id).is_some() {
            let error = ApiError::invalid(format!("Product already exists: {}", product.id));
            return Err(error.code("resource_already_exists").at("id"));
        }
        let id = product.id.clone();
        (product.created, product.updated) = (world.now(), world.now());
        world.put(product);
        let cause = Cause::from(&call);
        if let Some(price) = price {
            let price = price.make(world, &id, true, &cause);
            world.find_mut::<Product>(&id)?.default_price = Some(price);
        }
        let rendered = world.rendered::<Product>(&id);
        world.emit("product.created", &rendered, cause);
        expand::answer(world, rendered, &expansions)
    })
}

pub async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
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
        expand::answer(world, rendered, &expansions)
    })
}

/// A product that has prices stays.
pub async fn delete(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    Reader::new(&call.params).finish()?;
    sandbox.with(|world| {
        let rendered = Product::find(world, &id)?.render();
        if world.prices.iter().any(|price| price.product == id) {
            let message = "This product cannot be deleted because it has one or more user-created prices.";
            return Err(ApiError::invalid(message).at("id"));
        }
        world.products.remove(&id);
        world.emit("product.deleted", &rendered, Cause::from(&call));
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
