//! What stands above and below every page: the name, the way around, who we are in one line.

use leptos::prelude::*;

use crate::domain::batch::CONTACT_EMAIL;

/// The id by which this request is found in the logs: what a customer can name who writes to us. In the page's context.
#[derive(Clone)]
pub struct Reference(pub String);

/// Who sells: one place, so that every page names the same company.
pub const COMPANY: &str = "Rolitt Workshop";
/// Where letters and returns go.
pub const ADDRESS: &str = "27 Harbour Street, Portland, ME 04101, USA";

/// `mailto:` with our address and nothing else.
pub fn mailto() -> String {
    ["mailto:", CONTACT_EMAIL].concat()
}

/// `mailto:` that already says what the letter is about.
pub fn mailto_about(subject: &str) -> String {
    ["mailto:", CONTACT_EMAIL, "?subject=", &subject.replace(' ', "%20")].concat()
}

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
