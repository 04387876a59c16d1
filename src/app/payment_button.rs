//! The button that leads to payment: it says the amount, and how far it is. It sends nothing itself; the form does.

use leptos::prelude::*;

use super::product_selection::Selection;

/// How far the way to the payment page is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Idle,
    /// Asked; a second click does nothing.
    Pending,
    /// Answered; the browser is leaving.
    Done,
}

impl Phase {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Pending => "pending",
            Self::Done => "done",
        }
    }
}

/// "Pre-order for $299". Stays focusable while pending, so that a keyboard does not lose its place.
#[component]
pub fn PaymentButton(
    selection: Selection,
    phase: RwSignal<Phase>,
    /// The page is awake: before that, a choice made in the page is not known here.
    awake: RwSignal<bool>,
) -> impl IntoView {
    let amount = move || {
        let sure = awake.get() || selection.one_price();
        selection.price().filter(|_| sure)
    };
    let label = move || match (phase.get(), amount()) {
        (Phase::Pending, _) => "Taking you to payment…".to_owned(),
        (Phase::Done, _) => "Opening the payment page…".to_owned(),
        (Phase::Idle, Some(price)) => ["Pre-order for ", &price.display()].concat(),
        (Phase::Idle, None) => "Pre-order".to_owned(),
    };
    let busy = move || (phase.get() != Phase::Idle).then_some("true");
    view! {
        <div class="pay">
            <button
                type="submit"
                class="button button-pay"
                id="pre-order"
                data-phase=move || phase.get().as_str()
                aria-busy=busy
                aria-disabled=busy
                disabled=move || selection.offers.with(Option::is_none) || selection.sold_out()
            >
                <span class="button-mark" aria-hidden="true"></span>
                <span aria-live="polite">{label}</span>
            </button>
        </div>
    }
}
