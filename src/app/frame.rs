//! The header and the footer of every page, and who sells.

use leptos::prelude::*;

use crate::domain::batch::CONTACT_EMAIL;

/// The request id, which a customer can quote in a mail. It is in the page's context, and finds the
/// request in the logs.
#[derive(Clone)]
pub struct Reference(pub String);

/// The company that sells, as every page names it.
pub const COMPANY: &str = "Rolitt Workshop";
/// The address for letters and returns.
pub const ADDRESS: &str = "27 Harbour Street, Portland, ME 04101, USA";

/// Returns `mailto:` with our address.
pub fn mailto() -> String {
    ["mailto:", CONTACT_EMAIL].concat()
}

/// Returns `mailto:` with our address and a subject.
pub fn mailto_about(subject: &str) -> String {
    ["mailto:", CONTACT_EMAIL, "?subject=", &subject.replace(' ', "%20")].concat()
}

/// Shows the name and the main links.
#[component]
pub fn SiteHeader() -> impl IntoView {
    view! {
        <header class="site-header">
            <a class="wordmark" href="/" aria-label="Rolitt, home">
                <svg viewBox="0 0 24 24" aria-hidden="true">
                    <circle cx="12" cy="12" r="11" fill="currentColor"/>
                    <circle class="wordmark-light" cx="10.5" cy="10.5" r="4.5" fill="none" stroke-width="2"/>
                </svg>
                "Rolitt"
            </a>
            <nav aria-label="Main">
                <a href="/#how">"How it works"</a>
                <a href="/#questions">"Questions"</a>
            </nav>
        </header>
    }
}

/// Shows the company and the links to the policies.
#[component]
pub fn SiteFooter() -> impl IntoView {
    view! {
        <footer class="site-footer">
            <p>{COMPANY} <br/> {ADDRESS}</p>
            <nav aria-label="Footer">
                <a href="/#cancellation">"Cancellation and refund"</a>
                <a href="/#delivery">"Delivery and delays"</a>
                <a href="/#privacy">"Privacy"</a>
                <a href=mailto()>{CONTACT_EMAIL}</a>
            </nav>
        </footer>
    }
}
