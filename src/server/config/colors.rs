//! The colors that are sold, their order, and the price id of each.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};

use super::{CatalogueConfig, reader::Reader};
use crate::domain::{
    money::{Currency, Money},
    payment::{PriceId, ProductId},
    product::ProductColor,
};

/// The catalogue, and the prices that a sandbox needs for it.
pub struct Catalogue {
    pub config: CatalogueConfig,
    pub sandbox_prices: Vec<(ProductColor, PriceId, Money)>,
}

/// The price of every color in the sandbox, in US cents.
const SANDBOX_PRICE_MINOR: i64 = 29_900;

/// Reads `STRIPE_PRODUCT_ID`, `COLOR_PRICE_MAP_JSON` and `PRODUCT_COLOR_ORDER`. `None` if one that
/// is required is missing or wrong. With `sandboxed`, absent ones get the sandbox's ids.
pub fn catalogue(reader: &mut Reader<'_>, sandboxed: bool) -> Option<Catalogue> {
    let required = |reader: &mut Reader<'_>, variable: &str| {
        if reader.text(variable).is_none() && !sandboxed {
            let when = if reader.production { "in production" } else { "when STRIPE_SECRET_KEY is set" };
            reader.fault(variable, format!("is required {when}"));
        }
    };
    required(reader, "STRIPE_PRODUCT_ID");
    let product = reader.parsed("STRIPE_PRODUCT_ID", |text| {
        ProductId::parse(text)
            .filter(|_| text.starts_with("prod_"))
            .ok_or_else(|| "must be a product id that begins with prod_".to_owned())
    });
    required(reader, "COLOR_PRICE_MAP_JSON");
    let map = reader.parsed("COLOR_PRICE_MAP_JSON", price_map);
    let order = reader.parsed("PRODUCT_COLOR_ORDER", color_order).unwrap_or_default();
    let given = |reader: &Reader<'_>, variable: &str| reader.text(variable).is_some();
    let product = match product {
        Some(product) => product,
        None if sandboxed && !given(reader, "STRIPE_PRODUCT_ID") => ProductId::parse("prod_sandbox_rolitt")?,
        None => return None,
    };
    let map = match map {
        Some(map) => map,
        None if sandboxed && !given(reader, "COLOR_PRICE_MAP_JSON") => sandbox_map(),
        None => return None,
    };
    let price = Money::new(SANDBOX_PRICE_MINOR, Currency::USD).ok()?;
    let sandbox_prices = map.iter().map(|(color, id)| (*color, id.clone(), price)).collect();
    Some(Catalogue { config: CatalogueConfig { product, colors: in_order(&order, map) }, sandbox_prices })
}

fn sandbox_map() -> Vec<(ProductColor, PriceId)> {
    ProductColor::ALL
        .into_iter()
        .filter_map(|color| {
            Some((color, PriceId::parse(&format!("price_sandbox_{}", color.slug().replace('-', "_")))?))
        })
        .collect()
}

/// Returns the colors of `order` first, with or without a price, then the others of `map` in its
/// order.
fn in_order(order: &[ProductColor], map: Vec<(ProductColor, PriceId)>) -> Vec<(ProductColor, Option<PriceId>)> {
    let price = |color: ProductColor| map.iter().find(|(mapped, _)| *mapped == color).map(|(_, price)| price.clone());
    let mut colors: Vec<_> = order.iter().map(|color| (*color, price(*color))).collect();
    for (color, id) in &map {
        if !order.contains(color) {
            colors.push((*color, Some(id.clone())));
        }
    }
    colors
}

fn color_order(text: &str) -> Result<Vec<ProductColor>, String> {
    let mut order = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let color = name.parse().map_err(|_| format!("must use only these color names: {}", known_colors()))?;
        if order.contains(&color) {
            return Err("names a color twice".to_owned());
        }
        order.push(color);
    }
    Ok(order)
}

fn price_map(text: &str) -> Result<Vec<(ProductColor, PriceId)>, String> {
    let shape = r#"must be a JSON object like {"Honey Khaki":"price_1"}"#;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let pairs = deserializer.deserialize_map(Pairs).map_err(|_| shape.to_owned())?;
    deserializer.end().map_err(|_| shape.to_owned())?;
    let mut map: Vec<(ProductColor, PriceId)> = Vec::new();
    for (name, id) in pairs {
        let color: ProductColor =
            name.parse().map_err(|_| format!("must use only these color names: {}", known_colors()))?;
        if map.iter().any(|(mapped, _)| *mapped == color) {
            return Err("names a color twice".to_owned());
        }
        map.push((
            color,
            PriceId::parse(&id)
                .filter(|_| ["price_", "plan_"].iter().any(|kind| id.starts_with(kind)))
                .ok_or_else(|| "must give each color a Stripe price id".to_owned())?,
        ));
    }
    if map.is_empty() {
        return Err("must give at least one color a price".to_owned());
    }
    Ok(map)
}

fn known_colors() -> String {
    ProductColor::ALL.map(ProductColor::as_str).join(", ")
}

/// Deserializes an object as a list of pairs, so that a name that occurs twice is seen.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}
