//! A button that copies the preorder number. Without WebAssembly it is hidden, and a click on the
//! number selects all of it.

use std::time::Duration;

use js_sys::Function;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::json_request::member;

/// Shows "Copy", and for two seconds after a click "Copied".
#[island]
pub fn CopyNumber() -> impl IntoView {
    let awake = RwSignal::new(false);
    let copied = RwSignal::new(false);
    if cfg!(target_arch = "wasm32") {
        queue_microtask(move || awake.set(true));
    }
    let copy = move |_| {
        let Some(number) = document().get_element_by_id("number").and_then(|number| number.text_content()) else {
            return;
        };
        let clipboard = member(&member(&window(), "navigator"), "clipboard");
        if let Ok(write) = member(&clipboard, "writeText").dyn_into::<Function>()
            && write.call1(&clipboard, &number.as_str().into()).is_ok()
        {
            copied.set(true);
            set_timeout(move || copied.set(false), Duration::from_secs(2));
        }
    };
    view! {
        <button type="button" class="copy" hidden=move || !awake.get() on:click=copy>
            <span aria-live="polite">{move || if copied.get() { "Copied" } else { "Copy" }}</span>
        </button>
    }
}
