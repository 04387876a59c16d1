//! What is said when a checkout did not start: which kind of trouble, what happened, whether money moved, and the ways out. The form
//! around it stays as it is. It shows errors; it neither makes nor logs them.

use leptos::prelude::*;

use super::frame::mailto_about;
use crate::domain::checkout::{CheckoutError, Field};

/// A checkout that did not start, and how to find it in the logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem {
    pub error: CheckoutError,
    /// For developers, shown in development builds only.
    pub detail: String,
    pub request_id: String,
}

/// An error by the contract's words for it. What is not among them is the shop's fault, not the customer's.
pub fn error_from_parts(kind: &str, field: &str, message: &str) -> CheckoutError {
    match kind {
        "invalid_input" => {
            let field = match field {
                "color" => Field::Color,
                "email" => Field::Email,
                _ => Field::Form,
            };
            CheckoutError::invalid(field, message)
        }
        "network" => CheckoutError::Network,
        "payment" => CheckoutError::Payment,
        _ => CheckoutError::Configuration,
    }
}

/// The three words back: kind, field, message.
pub fn error_parts(error: &CheckoutError) -> [String; 3] {
    let field = match error.field() {
        Some(Field::Color) => "color",
        Some(Field::Email) => "email",
        _ => "",
    };
    [error.kind().to_owned(), field.to_owned(), error.message().to_owned()]
}

fn title(error: &CheckoutError) -> &'static str {
    match error {
        CheckoutError::InvalidInput { .. } => "The form needs another look",
        CheckoutError::Configuration => "This order cannot be taken right now",
        CheckoutError::Network => "The connection did not hold",
        CheckoutError::Payment => "The payment was refused",
    }
}

/// Shows the problem, if there is one that is not a field's own.
#[component]
pub fn PaymentErrorBoundary(
    problem: Signal<Option<Problem>>,
    development: bool,
    /// Leads to the colors; with WebAssembly the focus goes there too.
    on_other_color: Callback<()>,
) -> impl IntoView {
    let shown =
        move || problem.get().filter(|problem| !matches!(problem.error.field(), Some(Field::Email | Field::Color)));
    view! {
        {move || shown().map(|problem| {
            let retry = !matches!(problem.error, CheckoutError::Configuration);
            view! {
                <div class="problem" id="problem" role="alert" tabindex="-1" autofocus data-kind=problem.error.kind()>
                    <h2>{title(&problem.error)}</h2>
                    <p>{problem.error.message().to_owned()}</p>
                    <p class="problem-ways">
                        {retry.then(|| view! { <button type="submit" class="way">"Try again"</button> })}
                        <a class="way" href="#colors" on:click=move |_| on_other_color.run(())>"Choose another color"</a>
                        <a class="way" href=mailto_about("Pre-order trouble")>"Write to us"</a>
                    </p>
                    {if development {
                        leptos::either::Either::Left(view! {
                            <details class="problem-detail">
                                <summary>"Technical detail"</summary>
                                <pre>{[problem.detail.as_str(), "\nrequest id: ", &problem.request_id].concat()}</pre>
                            </details>
                        })
                    } else {
                        leptos::either::Either::Right(view! {
                            <p class="problem-id">"Reference: " <code>{problem.request_id.clone()}</code></p>
                        })
                    }}
                </div>
            }
        })}
    }
}
