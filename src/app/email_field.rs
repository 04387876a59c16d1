//! The email field. It is validated once the field was left for the first time, and from then on at
//! every key; never while the address is typed for the first time.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

use super::checkout_state::{CheckoutState, Shared};
use crate::domain::customer::Email;

/// Shows the label, the field, a hint, and what is wrong with the address.
#[component]
pub fn EmailField(
    state: Shared,
    /// The address of the form that came back.
    initial: String,
) -> impl IntoView {
    // If the form came back because of this field, the cursor starts here, without WebAssembly,
    // too.
    let faulty = state.now(|s| s.email_fault.is_some());
    view! {
        <div class="field">
            <label for="email">"Email"</label>
            <input
                type="email"
                id="email"
                name="email"
                value=initial
                required
                maxlength="254"
                autocomplete="email"
                inputmode="email"
                autocapitalize="off"
                spellcheck="false"
                autofocus=faulty
                disabled=state.flag(CheckoutState::sold_out)
                aria-describedby="email-hint email-error"
                aria-invalid=state.text(|s| s.email_fault.as_ref().map(|_| "true".to_owned()))
                on:blur=move |_| {
                    if !typed().is_empty() {
                        judge(state);
                    }
                }
                on:input=move |_| {
                    if state.now(|s| s.email_judged) {
                        judge(state);
                    }
                }
            />
            <p class="field-hint" id="email-hint">"For your order number and news about your batch. Nothing else."</p>
            <p class="field-error" id="email-error" aria-live="polite">{state.text(|s| s.email_fault.clone())}</p>
        </div>
    }
}

/// Validates the address in the field. Returns whether a mail could reach it.
pub fn judge(state: Shared) -> bool {
    let fault = Email::parse(&typed()).err().map(|fault| fault.message().to_owned());
    let good = fault.is_none();
    state.change(|s| {
        s.email_judged = true;
        s.email_fault = fault;
    });
    good
}

fn typed() -> String {
    let input = document().get_element_by_id("email");
    input.map(|input| input.unchecked_into::<HtmlInputElement>().value()).unwrap_or_default()
}
