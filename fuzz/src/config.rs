//! The price map and the order of colors, as an operator writes them: a line with the order, then the map.

use rolitt::{domain::product::ProductColor, server::config::Config};
use secrecy::SecretString;
use serde_json::{Map, Value};

pub fn price_map(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (order, map) = text.split_once('\n').unwrap_or(("", text));
    let lookup = |name: &str| match name {
        "COLOR_PRICE_MAP_JSON" => Some(map.to_owned()),
        "PRODUCT_COLOR_ORDER" => Some(order.to_owned()),
        _ => None,
    };
    let config = match Config::from_lookup(&lookup, || SecretString::from("whsec_generated")) {
        Ok(config) => config,
        Err(faults) => {
            for fault in faults.0 {
                assert!(
                    ["COLOR_PRICE_MAP_JSON", "PRODUCT_COLOR_ORDER"].contains(&fault.variable.as_str()),
                    "{fault:?}"
                );
                assert!(FIXES.iter().any(|fix| fault.fix.starts_with(fix)), "by name, never by value: {fault:?}");
            }
            return;
        }
    };
    let colors = config.catalogue.colors;
    let mut once: Vec<ProductColor> = colors.iter().map(|(color, _)| *color).collect();
    let named: Vec<ProductColor> =
        order.split(',').filter(|name| !name.trim().is_empty()).map(|name| name.trim().parse().unwrap()).collect();
    assert!(once.starts_with(&named), "the order comes first: {once:?}");
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), colors.len(), "no color stands there twice");
    let priced: Vec<_> = colors.iter().filter_map(|(color, price)| Some((color, price.as_ref()?))).collect();
    if map.is_empty() {
        assert_eq!(priced.len(), ProductColor::ALL.len(), "the sandbox has a price for every color");
        return;
    }
    // A second reading: it drops doubled names, which are refused, so nothing is lost.
    let told: Map<String, Value> = serde_json::from_str(map.trim()).unwrap();
    assert!(!told.is_empty() && told.len() == priced.len());
    for (color, price) in priced {
        assert_eq!(told[color.as_str()].as_str(), Some(price.as_str()));
        assert!(["price_", "plan_"].iter().any(|kind| price.as_str().starts_with(kind)));
    }
}

/// How the text of each fault begins.
const FIXES: [&str; 5] = [
    "must be a JSON object like",
    "must use only these color names: ",
    "names a color twice",
    "must give each color a Stripe price id",
    "must give at least one color a price",
];
