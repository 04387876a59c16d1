//! The document around every page, and the page of each URL.

use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

use super::{
    frame::{SiteFooter, SiteHeader},
    not_found_page::NotFoundPage,
    order_link_page::OrderLinkPage,
    order_page::OrderPage,
    storefront_page::StorefrontPage,
};

/// Renders the document around a page.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#fbf9f4"/>
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#171512"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <HashedStylesheet id="style" options=options.clone()/>
                <AutoReload options=options.clone()/>
                <HydrationScripts options islands=true/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// Shows the page of the URL. The server's router sets the status of a page that does not exist.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Router>
            <a class="skip" href="#main">"Skip to content"</a>
            <SiteHeader/>
            <main id="main" tabindex="-1">
                <Routes fallback=NotFoundPage>
                    <Route path=path!("/") view=StorefrontPage ssr=SsrMode::Async/>
                    <Route path=path!("/checkout/cancel") view=StorefrontPage ssr=SsrMode::Async/>
                    <Route path=path!("/checkout/success") view=OrderPage ssr=SsrMode::Async/>
                    <Route path=path!("/orders/:number") view=OrderLinkPage ssr=SsrMode::Async/>
                </Routes>
            </main>
            <SiteFooter/>
        </Router>
    }
}
