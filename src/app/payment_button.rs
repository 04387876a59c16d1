//! The button that submits the form. It names the amount and the progress.

use leptos::prelude::*;

use super::checkout_state::{CheckoutState, Phase, Shared};

/// Shows "Pre-order for $299". The button stays focusable while the request is pending, so a
/// keyboard user does not lose the position.
#[component]
pub fn PaymentButton(
    state: Shared,
    /// Whether the customer may choose to pay by bank transfer. The style sheet shows the label of
    /// the chosen way, so the label is right before and without WebAssembly.
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
