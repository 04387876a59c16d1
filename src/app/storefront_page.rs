//! The storefront: the island at the top, the story below. A customer who left the payment page
//! sees it with a notice.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};

use super::{
    api::load_storefront,
    checkout::{Checkout, SEED_ID},
    checkout_state::CheckoutState,
    companion::Companion,
    frame::mailto,
    policies::{Company, Policies},
    questions::Questions,
    story::{Contents, HowItWorks, Story},
};
use crate::{
    domain::{
        batch::{BATCH, SHIP_WINDOW},
        money::Money,
        product::ProductColor,
    },
    wire::{checkout_seed::CheckoutSeed, page::Storefront},
};

const DESCRIPTION: &str = "Rolitt is a small round companion that rolls up to you and talks in light. Five colors. Pre-order with full refund until it ships.";

/// Shows `/` and `/checkout/cancel`.
#[component]
pub fn StorefrontPage() -> impl IntoView {
    let data = Resource::new(|| (), |()| load_storefront());
    view! {
        <Title text="Rolitt, a small round companion · Pre-order"/>
        <Meta name="description" content=DESCRIPTION/>
        <Meta property="og:type" content="product"/>
        <Meta property="og:site_name" content="Rolitt"/>
        <Meta property="og:title" content="Rolitt, a small round companion"/>
        <Meta property="og:description" content=DESCRIPTION/>
        <Meta name="twitter:card" content="summary"/>
        <Suspense>
            {move || Suspend::new(async move {
                match data.await {
                    Ok(data) => leptos::either::Either::Left(sheet(data)),
                    Err(_) => leptos::either::Either::Right(view! { <Unreadable/> }),
                }
            })}
        </Suspense>
    }
}

fn sheet(data: Storefront) -> impl IntoView {
    let Storefront { seed, cancelled } = data;
    let price = seed.offers.iter().flatten().find_map(|offer| offer.price).map(Money::display);
    let color = CheckoutState::new(&seed).chosen.unwrap_or(ProductColor::HoneyKhaki);
    let transfer = seed.takes_transfers();
    let loading = seed.offers.is_none();
    view! {
        {cancelled.then(|| view! { <Cancelled/> })}
        {loading.then(|| view! {
            <noscript>
                <p class="banner">"The prices are on their way. " <a href="">"Reload the page"</a> " in a moment to see them."</p>
            </noscript>
        })}
        <div class="checkout" data-color=color.slug()>
            <div class="stage"><Companion/></div>
            <Panel seed/>
        </div>
        <div class="below">
            <Story/>
            <Contents/>
            <HowItWorks price transfer/>
            <Questions/>
            <Company/>
            <Policies/>
        </div>
    }
}

/// Shows the panel next to the drawing: fixed text, and the island with its seed.
#[component]
fn Panel(seed: CheckoutSeed) -> impl IntoView {
    provide_context(seed.clone());
    let error = seed.error_parts();
    view! {
        <div
            class="panel"
            id=SEED_ID
            data-offers=seed.offers_text()
            data-methods=seed.methods_text()
            data-selected=seed.selected.map(ProductColor::slug)
            data-kind=error.map(|error| error.kind.to_owned())
            data-field=error.and_then(|error| error.field).map(str::to_owned)
            data-message=error.map(|error| error.message.to_owned())
            data-development=seed.development
            data-request-id=seed.request_id.clone()
        >
            <h1>"Rolitt"</h1>
            <p class="lede">"A small round companion that rolls up to you and talks in light."</p>
            <p class="ships">{BATCH} " ships " <strong>{SHIP_WINDOW}</strong></p>
            <Checkout/>
            <p class="reassurance">
                "Cancel any time before it ships, for a full refund. " <a href="#cancellation">"How that works"</a>
            </p>
        </div>
    }
}

/// Says that the customer left the payment page and nothing was charged.
#[component]
fn Cancelled() -> impl IntoView {
    view! {
        <div class="banner" role="status" id="cancelled">
            <p>
                <strong>"You left the payment page. Nothing was charged."</strong>
                " Your color is kept. Continue whenever you like."
            </p>
        </div>
    }
}

/// Says that the shop cannot be shown. The page's data could not be read, which should not happen.
#[component]
fn Unreadable() -> impl IntoView {
    view! {
        <section class="letter">
            <h1>"The shop cannot be shown right now"</h1>
            <p>
                "Something is wrong on our side. Nothing was charged. " <a href="">"Reload the page"</a> " in a moment, or "
                <a href=mailto()>"write to us"</a> "."
            </p>
        </section>
    }
}
