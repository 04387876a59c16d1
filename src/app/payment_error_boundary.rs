//! The message of a checkout that did not start: what kind of problem it is, what happened, whether
//! money moved, and what to do. The form around it stays as it is. This shows errors; it neither
//! creates nor logs them.

use leptos::prelude::*;

use super::{checkout_state::Shared, frame::mailto_about};
use crate::{
    domain::{checkout::CheckoutError, product::ProductColor},
    wire::checkout_seed::Problem,
};

fn title(error: &CheckoutError) -> &'static str {
    match error {
        CheckoutError::InvalidInput { .. } => "The form needs another look",
        CheckoutError::Configuration => "This order cannot be taken right now",
        CheckoutError::Network => "The connection did not hold",
        CheckoutError::Payment => "The payment was refused",
    }
}

/// Shows the problem, unless it belongs to a field. The element is always in the page, so that a
/// screen reader announces a problem that appears.
#[component]
pub fn PaymentErrorBoundary(state: Shared, development: bool) -> impl IntoView {
    let problem = move |read: fn(&Problem) -> String| state.text(move |s| s.shown_problem().map(read));
    // If the form came back because of this problem, the focus starts here, without WebAssembly,
    // too.
    let came_back = state.now(|s| s.shown_problem().is_some());
    // The link targets the radio button itself, so that the keyboard is at the colors at once.
    let to_colors = state.text(|s| Some(["#", s.chosen.map_or("colors", ProductColor::slug)].concat()));
    view! {
        <div
            class="problem"
            id="problem"
            role="alert"
            tabindex="-1"
            autofocus=came_back
            hidden=state.flag(|s| s.shown_problem().is_none())
            data-kind=problem(|p| p.error.kind().to_owned())
        >
            <h2>{problem(|p| title(&p.error).to_owned())}</h2>
            <p>{problem(|p| p.error.message().to_owned())}</p>
            <p class="problem-ways">
                <button type="submit" class="way">"Try again"</button>
                <a class="way" href=to_colors>"Choose another color"</a>
                <a class="way" href=mailto_about("Pre-order trouble")>"Write to us"</a>
            </p>
            <details class="problem-detail" hidden=!development>
                <summary>"Technical detail"</summary>
                <pre>{state.text(move |s| s.shown_problem().filter(|_| development).map(|p| p.detail.clone()))}</pre>
            </details>
            <p class="problem-id">"Reference: " <code>{problem(|p| p.request_id.clone())}</code></p>
        </div>
    }
}
