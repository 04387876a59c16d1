//! The page for an unknown URL. The router sets its status.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};

/// Says that there is no page, and links to the shop.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    view! {
        <Title text="Page not found · Rolitt"/>
        <Meta name="robots" content="noindex"/>
        <section class="letter">
            <h1>"There is no page here"</h1>
            <p>"The address may have a typing mistake, or the page has moved. Nothing was lost."</p>
            <p><a class="button" href="/">"Go to the shop"</a></p>
        </section>
    }
}
