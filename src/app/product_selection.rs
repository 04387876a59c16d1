//! The choice of a color, and what is known about each: a real radio group, which the browser alone can work. The inputs hold the
//! choice; the signals follow them, so that hydration never overwrites a choice made before it.

use leptos::{either::Either, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

use super::analytics::track;
use crate::domain::{
    money::Money,
    product::{Offer, ProductColor},
};

/// What can be chosen and what is. Signals only: copies are one and the same.
#[derive(Clone, Copy)]
pub struct Selection {
    /// `None` while no price is known yet.
    pub offers: RwSignal<Option<Vec<Offer>>>,
    pub chosen: RwSignal<Option<ProductColor>>,
    /// What changed without the customer's doing: a color that went away.
    pub notice: RwSignal<Option<String>>,
    /// The chosen color's price before it changed while they looked.
    pub earlier: RwSignal<Option<Money>>,
}

impl Selection {
    /// `wished` when it can be had, else the first color that can.
    pub fn new(offers: Option<Vec<Offer>>, wished: Option<ProductColor>) -> Self {
        let first = offers.as_deref().and_then(|offers| {
            let mut buyable = offers.iter().filter(|offer| offer.price.is_some()).map(|offer| offer.color);
            buyable.clone().find(|color| Some(*color) == wished).or_else(|| buyable.next())
        });
        let notice = match (wished, first) {
            (Some(wished), Some(first)) if wished != first => {
                Some([wished.as_str(), " is unavailable right now. ", first.as_str(), " is chosen instead."].concat())
            }
            _ => None,
        };
        Self {
            offers: RwSignal::new(offers),
            chosen: RwSignal::new(first.or(wished)),
            notice: RwSignal::new(notice),
            earlier: RwSignal::new(None),
        }
    }

    pub fn price_of(self, color: ProductColor) -> Option<Money> {
        self.offers.with(|offers| price_in(offers.as_deref(), color))
    }

    /// The chosen color's price; while none is chosen, the one price that all colors have.
    pub fn price(self) -> Option<Money> {
        let chosen = self.chosen.get().and_then(|color| self.price_of(color));
        chosen.or_else(|| self.one_price().then(|| self.cheapest()).flatten())
    }

    fn cheapest(self) -> Option<Money> {
        let prices = |offers: &Option<Vec<Offer>>| {
            offers.iter().flatten().filter_map(|offer| offer.price).min_by_key(|p| p.minor())
        };
        self.offers.with(prices)
    }

    /// Prices are known, and none of them is one: nothing can be bought.
    pub fn sold_out(self) -> bool {
        self.offers
            .with(|offers| offers.as_deref().is_some_and(|offers| offers.iter().all(|offer| offer.price.is_none())))
    }

    /// Whether one figure is true for every color on sale.
    pub fn one_price(self) -> bool {
        self.offers.with(|offers| {
            let mut prices = offers.iter().flatten().filter_map(|offer| offer.price);
            let first = prices.next();
            prices.all(|price| Some(price) == first)
        })
    }

    /// One line about what can be had, always there, so that nothing moves when it changes.
    fn availability(self) -> String {
        let gone: Vec<_> = self.offers.with(|offers| {
            let gone = offers.iter().flatten().filter(|offer| offer.price.is_none());
            gone.map(|offer| offer.color.as_str()).collect()
        });
        if gone.is_empty() {
            return "Every color ships in the same window.".to_owned();
        }
        ["Unavailable right now: ", &gone.join(", "), "."].concat()
    }

    /// Fresh prices, while the customer looks: what changed for the chosen color is said, and nothing is chosen for them that they
    /// had not seen.
    pub fn refresh(self, fresh: Vec<Offer>) {
        let before = self.offers.get_untracked();
        let chosen = self.chosen.get_untracked();
        if before.is_none() {
            let filled = Self::new(Some(fresh), chosen);
            self.chosen.set(filled.chosen.get_untracked());
            self.notice.set(filled.notice.get_untracked());
            self.offers.set(filled.offers.get_untracked());
        } else if let Some(color) = chosen {
            let (old, new) = (price_in(before.as_deref(), color), price_in(Some(&fresh), color));
            if old.is_some() && new.is_none() {
                self.notice.set(Some([color.as_str(), " has just become unavailable. Choose another color."].concat()));
                self.chosen.set(None);
            } else if old != new {
                self.earlier.set(old);
            }
            self.offers.set(Some(fresh));
        } else {
            self.offers.set(Some(fresh));
        }
        self.write_to_page();
    }

    /// Takes over what the page's radio group says, if it says something.
    pub fn read_from_page(self) {
        let checked = document().query_selector("input[name=color]:checked").ok().flatten();
        let color = checked.and_then(|input| input.unchecked_into::<HtmlInputElement>().value().parse().ok());
        if color.is_some() && color != self.chosen.get_untracked() {
            self.chosen.set(color);
            self.notice.set(None);
        }
    }

    /// Checks the radio button of the choice, once the page has been redrawn.
    fn write_to_page(self) {
        request_animation_frame(move || {
            let chosen = self.chosen.get_untracked();
            for color in ProductColor::ALL {
                if let Some(input) = document().get_element_by_id(color.slug()) {
                    input.unchecked_into::<HtmlInputElement>().set_checked(chosen == Some(color));
                }
            }
        });
    }

    fn choose(self, color: ProductColor) {
        self.chosen.set(Some(color));
        self.notice.set(None);
        self.earlier.set(None);
        keep_in_url(color);
        if let Some(price) = self.price_of(color) {
            track("select_item", color, price);
        }
    }
}

fn price_in(offers: Option<&[Offer]>, color: ProductColor) -> Option<Money> {
    offers?.iter().find(|offer| offer.color == color)?.price
}

/// So that a reload, a link sent to a friend and the way back from the payment page show the same color.
fn keep_in_url(color: ProductColor) {
    let window = window();
    let Some(url) = window.location().href().ok().and_then(|href| web_sys::Url::new(&href).ok()) else { return };
    url.search_params().set("color", color.slug());
    if let Ok(history) = window.history() {
        let state = history.state().unwrap_or_default();
        let _ = history.replace_state_with_url(&state, "", Some(&url.href()));
    }
}

/// The colors in the merchant's order, or room for them while they are not known.
#[component]
pub fn ProductSelection(
    selection: Selection,
    /// What is wrong with the choice, if something is.
    fault: Signal<Option<String>>,
) -> impl IntoView {
    let order = Memo::new(move |_| {
        selection.offers.with(|offers| Some(offers.as_ref()?.iter().map(|offer| offer.color).collect::<Vec<_>>()))
    });
    view! {
        <fieldset class="colors" id="colors" aria-describedby="color-said">
            <legend>"Color"</legend>
            {move || match order.get() {
                Some(colors) => {
                    Either::Left(
                        colors.into_iter().map(|color| view! { <ColorOption selection color/> }).collect_view(),
                    )
                }
                None => Either::Right(ProductColor::ALL.map(|_| view! { <Placeholder/> }).into_iter().collect_view()),
            }}
        </fieldset>
        <p class="said" id="color-said" aria-live="polite" data-fault=move || fault.get().map(|_| "")>
            {move || fault.get().or_else(|| selection.notice.get()).unwrap_or_else(|| selection.availability())}
        </p>
    }
}

#[component]
fn ColorOption(selection: Selection, color: ProductColor) -> impl IntoView {
    let price = move || selection.price_of(color);
    view! {
        <label class="color" data-color=color.slug()>
            <input
                type="radio"
                name="color"
                id=color.slug()
                value=color.as_str()
                checked=selection.chosen.get_untracked() == Some(color)
                disabled=move || price().is_none()
                on:change=move |_| selection.choose(color)
            />
            <span class="swatch"></span>
            <span class="color-name">{color.as_str()}</span>
            <span class="color-price">
                {move || price().filter(|_| !selection.one_price()).map(Money::display)}
            </span>
            <span class="unseen">{move || price().is_none().then_some("Unavailable right now")}</span>
        </label>
    }
}

#[component]
fn Placeholder() -> impl IntoView {
    view! {
        <span class="color" data-loading>
            <span class="swatch"></span>
            <span class="color-name">"Color"</span>
        </span>
    }
}
