//! The choice of a color: a real radio group, which works without WebAssembly. The inputs hold the
//! choice and the state follows them, so hydration never overwrites a choice made before it.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

use super::{
    analytics::track,
    checkout_state::{CheckoutState, Shared},
};
use crate::domain::{money::Money, product::ProductColor};

/// Shows the colors in the merchant's order, or placeholders while the colors are not known.
#[component]
pub fn ProductSelection(
    state: Shared,
    /// Set when the list of colors changes.
    redraw: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <fieldset class="colors" id="colors" tabindex="-1" aria-describedby="color-said">
            <legend>"Color"</legend>
            {move || {
                redraw.track();
                colors(state).into_iter().map(|color| option(state, color)).collect::<Vec<_>>()
            }}
        </fieldset>
        <p class="said" id="color-said" aria-live="polite" data-fault=state.flag(CheckoutState::color_is_faulty)>
            {state.text(|s| Some(s.said_of_colors()))}
        </p>
    }
}

fn colors(state: Shared) -> Vec<Option<ProductColor>> {
    state.now(|s| match &s.offers {
        Some(offers) => offers.iter().map(|offer| Some(offer.color)).collect(),
        None => vec![None; ProductColor::ALL.len()],
    })
}

/// Shows one color, or a placeholder.
fn option(state: Shared, color: Option<ProductColor>) -> impl IntoView + use<> {
    let price = move |s: &CheckoutState| s.price_of(color?);
    view! {
        <label class="color" data-color=color.map(ProductColor::slug) data-loading=color.is_none()>
            <input
                type="radio"
                name="color"
                id=color.map(ProductColor::slug)
                value=color.map(ProductColor::as_str)
                checked=state.now(|s| color.is_some() && s.chosen == color && price(s).is_some())
                disabled=state.flag(move |s| price(s).is_none())
                on:change=move |_| choose(state, color)
            />
            <span class="swatch"></span>
            <span class="color-name">{color.map_or("\u{a0}", ProductColor::as_str)}</span>
            <span class="color-price">{state.text(move |s| price(s).filter(|_| !s.one_price()).map(Money::display))}</span>
            <span class="unseen">
                {state.text(move |s| (color.is_some() && price(s).is_none()).then(|| "Unavailable right now".to_owned()))}
            </span>
        </label>
    }
}

fn choose(state: Shared, color: Option<ProductColor>) {
    let Some(color) = color else { return };
    state.change(|s| s.choose(color));
    paint(color);
    keep_in_url(color);
    if let Some(price) = state.now(|s| s.price_of(color)) {
        track("select_item", color, price);
    }
}

/// Takes over the choice of the page's radio group, if there is one.
pub fn read_from_page(state: Shared) {
    let checked = document().query_selector("input[name=color]:checked").ok().flatten();
    let color: Option<ProductColor> =
        checked.and_then(|input| input.unchecked_into::<HtmlInputElement>().value().parse().ok());
    if let Some(color) = color
        && state.now(|s| s.chosen != Some(color))
    {
        state.change(|s| s.choose(color));
        paint(color);
    }
}

/// Checks the radio button of the chosen color, once the page was redrawn.
pub fn write_to_page(state: Shared) {
    request_animation_frame(move || {
        let chosen = state.now(|s| s.chosen);
        for color in ProductColor::ALL {
            if let Some(input) = document().get_element_by_id(color.slug()) {
                input.unchecked_into::<HtmlInputElement>().set_checked(chosen == Some(color));
            }
        }
        if let Some(color) = chosen {
            paint(color);
        }
    });
}

/// Gives the drawing its colors. Browsers that support `:has()` have done so already.
fn paint(color: ProductColor) {
    if let Ok(Some(stage)) = document().query_selector(".checkout") {
        let _ = stage.set_attribute("data-color", color.slug());
    }
}

/// Puts the color into the URL. A reload, a shared link and the way back from the payment page then
/// show the same color.
fn keep_in_url(color: ProductColor) {
    let window = window();
    let Some(url) = window.location().href().ok().and_then(|href| web_sys::Url::new(&href).ok()) else { return };
    url.search_params().set("color", color.slug());
    if let Ok(history) = window.history() {
        let state = history.state().unwrap_or_default();
        let _ = history.replace_state_with_url(&state, "", Some(&url.href()));
    }
}
