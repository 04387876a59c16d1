//! Analytics events. Nothing is sent until the customer has agreed: the script that asks for
//! consent sets `rolitt-consent` to `granted` in `localStorage`. No event carries an address or an
//! id.

use js_sys::{Array, Object, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CustomEvent, CustomEventInit};

use crate::domain::{money::Money, product::ProductColor};

/// Sends one of GA4's e-commerce events (`view_item`, `select_item`, `begin_checkout`): as the DOM
/// event `rolitt:analytics`, and to `window.dataLayer` in the shape that Google Tag Manager reads.
pub fn track(event: &str, color: ProductColor, price: Money) {
    if !consented() {
        return;
    }
    let amount = JsValue::from_f64(js_sys::parse_float(&price.decimal()));
    let item = object(&[
        ("item_id", color.slug().into()),
        ("item_name", "Rolitt".into()),
        ("item_variant", color.as_str().into()),
        ("price", amount.clone()),
        ("quantity", 1.into()),
    ]);
    let ecommerce = object(&[
        ("currency", price.currency().code().to_ascii_uppercase().into()),
        ("value", amount),
        ("items", Array::of1(&item).into()),
    ]);
    let message = object(&[("event", event.into()), ("ecommerce", ecommerce)]);

    let window = window();
    let layer = Reflect::get(&window, &"dataLayer".into()).ok().filter(JsValue::is_object).unwrap_or_else(|| {
        let fresh = Array::new().into();
        let _ = Reflect::set(&window, &"dataLayer".into(), &fresh);
        fresh
    });
    layer.unchecked_ref::<Array>().push(&message);

    let init = CustomEventInit::new();
    init.set_detail(&message);
    if let Ok(event) = CustomEvent::new_with_event_init_dict("rolitt:analytics", &init) {
        let _ = window.dispatch_event(&event);
    }
}

fn consented() -> bool {
    let storage = window().local_storage().ok().flatten();
    storage.and_then(|s| s.get_item("rolitt-consent").ok().flatten()).as_deref() == Some("granted")
}

fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}
