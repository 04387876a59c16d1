//! The island on the return page of a payment that is not confirmed yet: it listens for a new
//! status, and reloads the page when one arrives.

use std::time::Duration;

use js_sys::{Array, Function, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Event, EventTarget};

use super::json_request::member;
use crate::wire::names::CHECKOUT_EVENTS;

/// When the page reloads without an event stream: as often as it would without JavaScript.
const FALLBACK: Duration = Duration::from_secs(10);

/// The pause before a reload. Without it, a status that the page does not show yet would reload it
/// in a tight loop.
const BREATH: Duration = Duration::from_millis(800);

/// Shows that the page updates by itself, and listens to the server's `status` events for the
/// checkout session in the page's URL.
#[island]
pub fn AwaitPayment() -> impl IntoView {
    if cfg!(target_arch = "wasm32") {
        // The page's own query names the session.
        let url = [CHECKOUT_EVENTS, &window().location().search().unwrap_or_default()].concat();
        if listen(&url).is_none() {
            set_timeout(reload, FALLBACK);
        }
    }
    view! {
        <p class="awaiting" role="status">
            <span class="button-mark" aria-hidden="true"></span>
            "This page updates by itself. You can also close it: we write to you when the payment is confirmed."
        </p>
    }
}

/// Opens the event stream. Uses `Reflect`, because one use is not worth another generated binding.
fn listen(url: &str) -> Option<()> {
    let constructor: Function = member(&window(), "EventSource").dyn_into().ok()?;
    let source = Reflect::construct(&constructor, &Array::of1(&url.into())).ok()?;
    let target: &EventTarget = source.unchecked_ref();

    let on_status = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        if member(&event, "data").as_string().is_some_and(|status| status != "awaiting_payment") {
            set_timeout(reload, BREATH);
        }
    });
    target.add_event_listener_with_callback("status", on_status.as_ref().unchecked_ref()).ok()?;

    let closed = JsValue::from_f64(2.0);
    let stream = source.clone();
    let on_error = Closure::<dyn FnMut(Event)>::new(move |_| {
        if member(&stream, "readyState") == closed {
            set_timeout(reload, FALLBACK);
        }
    });
    target.add_event_listener_with_callback("error", on_error.as_ref().unchecked_ref()).ok()?;

    // The page listens until it is closed.
    on_status.forget();
    on_error.forget();
    Some(())
}

fn reload() {
    let _ = window().location().reload();
}
