//! Products.

use serde_json::{Value, json};

use super::Object;
use crate::{
    config::SeedProduct,
    stripe::wire::{ApiError, Metadata, Reader, Wanted},
};

pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) active: bool,
    pub(crate) default_price: Option<String>,
    pub(crate) images: Vec<String>,
    pub(crate) metadata: Metadata,
    pub(crate) shippable: Option<bool>,
    pub(crate) unit_label: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

impl Product {
    pub(crate) fn new(id: String, name: &str, now: i64) -> Self {
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

    pub(crate) fn seed(seed: &SeedProduct, now: i64) -> Self {
        Self {
            description: seed.description.clone(),
            shippable: seed.shippable.then_some(true),
            kind: if seed.shippable { "good" } else { "service" },
            ..Self::new(seed.id.clone(), &seed.name, now)
        }
    }
}

impl Object for Product {
    const UNSUPPORTED: &'static [&'static str] = &["type"];

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
