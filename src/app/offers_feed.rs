//! Fresh prices for an open page: at once if it was drawn without prices, and whenever the customer
//! returns to it after a while.

use std::{cell::Cell, time::Duration};

use js_sys::{Array, Date, Number};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::RequestInit;

use super::{
    checkout_state::Shared,
    json_request::{member, request},
    product_selection::write_to_page,
};
use crate::{
    domain::product::Offer,
    wire::{checkout_seed::read_price, names::OFFERS},
};

/// The age from which prices are fetched again when the page becomes visible, in milliseconds.
const STALE_MS: f64 = 300_000.0;
/// The number of retries while there are no prices, each after a longer pause.
const TRIES: u32 = 5;

/// Updates the prices from now on. Sets `redraw` when the list of colors changes.
pub fn keep_fresh(state: Shared, redraw: RwSignal<bool>) {
    let asked = Cell::new(Date::now());
    if state.now(|s| s.offers.is_none()) {
        fill(state, redraw, 0);
    }
    window_event_listener_untyped("visibilitychange", move |_| {
        let missing = state.now(|s| s.offers.is_none());
        if !document().hidden() && (missing || Date::now() - asked.get() > STALE_MS) {
            asked.set(Date::now());
            fill(state, redraw, TRIES);
        }
    });
}

/// Fetches the prices. While there are none at all, retries after 1, 2, 4, 8 and 16 seconds.
fn fill(state: Shared, redraw: RwSignal<bool>, tried: u32) {
    wasm_bindgen_futures::spawn_local(async move {
        if let Some(offers) = ask().await {
            let colors = |offers: &[Offer]| offers.iter().map(|offer| offer.color).collect::<Vec<_>>();
            let same = state.now(|s| s.offers.as_deref().is_some_and(|old| colors(old) == colors(&offers)));
            state.change(|s| s.refresh(offers));
            if !same {
                redraw.set(true);
            }
            write_to_page(state);
        } else if tried < TRIES {
            set_timeout(move || fill(state, redraw, tried + 1), Duration::from_secs(1 << tried));
        } else {
            state.change(|s| s.given_up = s.offers.is_none());
        }
    });
}

async fn ask() -> Option<Vec<Offer>> {
    let reply = request(OFFERS, RequestInit::new()).await?;
    let offers: Array = member(&reply.body, "offers").dyn_into().ok()?;
    Some(offers.iter().filter_map(|offer| read_offer(&offer)).collect())
}

fn read_offer(offer: &JsValue) -> Option<Offer> {
    let color = member(offer, "color").as_string()?.parse().ok()?;
    let price = member(offer, "price");
    // Reads the number as text, because JavaScript's numbers are floating point and money is not.
    let minor = member(&price, "minor").dyn_into::<Number>().ok().and_then(|minor| minor.to_string_with_radix(10).ok());
    let minor = minor.map(String::from);
    Some(Offer { color, price: read_price(minor.as_deref(), member(&price, "currency").as_string().as_deref()) })
}
