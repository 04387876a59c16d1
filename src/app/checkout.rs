//! The one island of the storefront: the price, the choice of a color, and the form. The form is a
//! real one, to which the server responds with a redirect. The island adds the live price,
//! validates the address, and shows errors without a page load.

use leptos::{ev::SubmitEvent, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlFormElement, PageTransitionEvent};

use super::{
    analytics::track,
    checkout_state::{CheckoutState, Phase, Shared, no_color},
    email_field::{EmailField, judge},
    frame::mailto,
    offers_feed::keep_fresh,
    payment_button::PaymentButton,
    payment_error_boundary::PaymentErrorBoundary,
    payment_method::PaymentMethod,
    product_selection::{ProductSelection, read_from_page},
    submission::send,
};
use crate::{
    domain::{checkout::Field, money::Money},
    wire::{
        checkout_seed::{CheckoutSeed, Problem},
        names::CREATE_CHECKOUT,
    },
};

/// The id of the element whose attributes carry the seed.
pub const SEED_ID: &str = "checkout";

/// Shows the price and the form, and submits it.
#[island]
pub fn Checkout() -> impl IntoView {
    let seed = seed();
    let state = Shared::new(&seed);
    let redraw = RwSignal::new(false);
    let transfer = seed.takes_transfers();
    let CheckoutSeed { development, request_id, email, attempt, locale, choice, .. } = seed;
    if cfg!(target_arch = "wasm32") {
        // After the hydration of this island's elements.
        queue_microtask(move || wake(state, redraw));
    }
    view! {
        <div class="price" aria-live="polite" hidden=state.flag(CheckoutState::sold_out)>
            <p class="price-now">{state.text(|s| Some(s.price().map_or("\u{2007}".to_owned(), Money::display)))}</p>
            <p class="price-about">{if transfer { "shipping included" } else { "today, shipping included" }}</p>
            <p class="price-changed">{state.text(CheckoutState::said_of_price)}</p>
        </div>
        <div class="notice" role="status" hidden=state.flag(|s| !s.sold_out())>
            <p><strong>"No color can be pre-ordered right now."</strong></p>
            <p>
                "We cannot confirm a price, so we take no money. " <a href=mailto()>"Write to us"</a>
                " and we tell you when it is back."
            </p>
        </div>
        <div class="notice" role="status" hidden=state.flag(|s| !s.given_up)>
            <p>"The prices are not here yet. " <a href="">"Reload the page"</a> " in a moment. Nothing was charged."</p>
        </div>
        <form
            method="post"
            action=CREATE_CHECKOUT
            novalidate=state.flag(|s| s.awake)
            data-awake=state.flag(|s| s.awake)
            on:submit=move |event| submit(state, event, request_id.clone())
        >
            <ProductSelection state redraw/>
            <EmailField state initial=email/>
            <input type="hidden" name="locale" value=locale/>
            <input type="hidden" name="attempt" value=attempt/>
            {choice.map(|choice| view! { <PaymentMethod choice/> })}
            <PaymentErrorBoundary state development/>
            <PaymentButton state transfer/>
        </form>
    }
}

/// Returns what the island starts from: the context that the server's page provides, or, in the
/// browser, the attributes of the page.
fn seed() -> CheckoutSeed {
    if cfg!(target_arch = "wasm32") {
        let Some(page) = document().get_element_by_id(SEED_ID) else { return CheckoutSeed::default() };
        CheckoutSeed::from_attributes(|name| page.get_attribute(name))
    } else {
        use_context().unwrap_or_default()
    }
}

/// Takes over what the page already holds, and starts to follow it.
fn wake(state: Shared, redraw: RwSignal<bool>) {
    read_from_page(state);
    state.change(|s| s.awake = true);
    keep_fresh(state, redraw);
    if let Some((color, price)) = state.now(|s| s.chosen.zip(s.price())) {
        track("view_item", color, price);
    }
    // The browser may restore the page from its cache, or refill the form: both can be used again.
    window_event_listener_untyped("pageshow", move |event| {
        read_from_page(state);
        if event.unchecked_ref::<PageTransitionEvent>().persisted() {
            state.change(|s| s.phase = Phase::Idle);
        }
    });
}

fn submit(state: Shared, event: SubmitEvent, request_id: String) {
    event.prevent_default();
    let Some(form) = event.target() else { return };
    if state.now(|s| s.phase != Phase::Idle) {
        return;
    }
    state.change(|s| s.problem = None);
    let Some(color) = state.now(|s| s.chosen) else {
        return fail(state, Problem { error: no_color(), detail: String::new(), request_id });
    };
    if !judge(state) {
        return focus("#email");
    }
    state.change(|s| s.phase = Phase::Pending);
    if let Some(price) = state.now(CheckoutState::price) {
        track("begin_checkout", color, price);
    }
    wasm_bindgen_futures::spawn_local(async move {
        match send(form.unchecked_ref::<HtmlFormElement>(), request_id).await {
            Ok(url) => {
                state.change(|s| s.phase = Phase::Done);
                let _ = window().location().assign(&url);
            }
            Err(problem) => fail(state, problem),
        }
    });
}

/// Shows the problem and moves the focus to it.
fn fail(state: Shared, problem: Problem) {
    let place = match problem.error.field() {
        Some(Field::Email) => "#email",
        Some(Field::Color) => "#colors input:enabled",
        _ => "#problem",
    };
    state.change(|s| s.fail(problem));
    request_animation_frame(move || focus(place));
}

fn focus(selector: &str) {
    if let Ok(Some(element)) = document().query_selector(selector) {
        let _ = element.unchecked_into::<HtmlElement>().focus();
    }
}
