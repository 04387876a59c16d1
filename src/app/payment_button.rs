//! The button that leads to payment: it says the amount, and how far it is. It sends nothing itself; the form does.

use leptos::prelude::*;

use super::checkout_state::{CheckoutState, Phase, Shared};

/// "Pre-order for $299". Stays focusable while pending, so that a keyboard does not lose its place.
#[component]
pub fn PaymentButton(
    state: Shared,
    /// Whether the customer may choose to pay by bank transfer. The style sheet shows the label of the way that is chosen, so
    /// that it is right before and without WebAssembly.
    transfer: bool,
) -> impl IntoView {
    let busy = |s: &CheckoutState| (s.phase != Phase::Idle).then(|| "true".to_owned());
    view! {
        <div class="pay">
            <button
                type="submit"
                class="button button-pay"
                id="pre-order"
                data-phase=state.text(|s| Some(phase_name(s.phase).to_owned()))
                aria-busy=state.text(busy)
                aria-disabled=state.text(busy)
                disabled=state.flag(|s| s.offers.is_none() || s.sold_out())
            >
                <span class="button-mark" aria-hidden="true"></span>
                <span aria-live="polite">{state.text(|s| Some(label(s)))}</span>
                {transfer.then(|| view! {
                    <span class="by-transfer" aria-live="polite">{state.text(|s| Some(transfer_label(s)))}</span>
                })}
            </button>
        </div>
    }
}

const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "idle",
        Phase::Pending => "pending",
        Phase::Done => "done",
    }
}

fn transfer_label(state: &CheckoutState) -> String {
    match (state.phase, state.certain_price()) {
        (Phase::Pending, _) => "Noting your pre-order…".to_owned(),
        (Phase::Done, _) => "Opening your pre-order…".to_owned(),
        (Phase::Idle, Some(price)) => ["Pre-order, then transfer ", &price.display()].concat(),
        (Phase::Idle, None) => "Pre-order, then transfer".to_owned(),
    }
}

fn label(state: &CheckoutState) -> String {
    match (state.phase, state.certain_price()) {
        (Phase::Pending, _) => "Taking you to payment…".to_owned(),
        (Phase::Done, _) => "Opening the payment page…".to_owned(),
        (Phase::Idle, Some(price)) => ["Pre-order for ", &price.display()].concat(),
        (Phase::Idle, None) => "Pre-order".to_owned(),
    }
}
