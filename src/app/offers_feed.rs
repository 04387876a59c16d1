//! Fresh prices for a page that is open: once when it was drawn without them, and again when someone comes back to it after a while.

use std::time::Duration;

use js_sys::{Array, Date, Number};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::RequestInit;

use super::{
    json_request::{member, request},
    product_selection::Selection,
};
use crate::domain::{money::Money, product::Offer};

/// How old prices may be when someone looks at the page again, in milliseconds.
const STALE_MS: f64 = 300_000.0;
/// How often to ask again for prices that are missing, each time after a longer pause.
const TRIES: u32 = 5;

/// Keeps the selection's prices fresh. `given_up` becomes true when there are still none after several tries.
pub fn keep_fresh(selection: Selection, given_up: RwSignal<bool>) {
    let asked = StoredValue::new(Date::now());
    if selection.offers.with_untracked(Option::is_none) {
        fill(selection, given_up, 0);
    }
    let listener = window_event_listener_untyped("visibilitychange", move |_| {
        let missing = selection.offers.with_untracked(Option::is_none);
        if document().hidden() || !(missing || Date::now() - asked.get_value() > STALE_MS) {
            return;
        }
        asked.set_value(Date::now());
        fill(selection, given_up, TRIES);
    });
    on_cleanup(move || listener.remove());
}

/// Asks now; as long as there are no prices at all, asks again after 1, 2, 4, 8 and 16 seconds.
fn fill(selection: Selection, given_up: RwSignal<bool>, tried: u32) {
    wasm_bindgen_futures::spawn_local(async move {
        if let Some(offers) = ask().await {
            given_up.set(false);
            selection.refresh(offers);
        } else if tried < TRIES {
            set_timeout(move || fill(selection, given_up, tried + 1), Duration::from_secs(1 << tried));
        } else if selection.offers.with_untracked(Option::is_none) {
            given_up.set(true);
        }
    });
}

async fn ask() -> Option<Vec<Offer>> {
    let reply = request("/api/offers", RequestInit::new()).await?;
    let offers: Array = member(&reply.body, "offers").dyn_into().ok()?;
    Some(offers.iter().filter_map(|offer| read_offer(&offer)).collect())
}

fn read_offer(offer: &JsValue) -> Option<Offer> {
    let color = member(offer, "color").as_string()?.parse().ok()?;
    Some(Offer { color, price: read_price(&member(offer, "price")) })
}

/// Through text, because JavaScript's numbers are floating point and money is not.
fn read_price(price: &JsValue) -> Option<Money> {
    let minor: Number = member(price, "minor").dyn_into().ok()?;
    let minor = String::from(minor.to_string_with_radix(10).ok()?);
    let currency = member(price, "currency").as_string()?.parse().ok()?;
    Money::new(minor.parse().ok()?, currency).ok()
}
