//! The one island of the storefront: the object, the choice, the form and what happens to it. The form is a real one, which the
//! server answers with a redirect; this adds the live price, the judging of the address, and errors without a page load.

use leptos::{ev::SubmitEvent, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{FormData, HtmlElement, HtmlFormElement, PageTransitionEvent, RequestInit, UrlSearchParams};

use super::{
    analytics::track,
    companion::Companion,
    email_field::{EmailField, EmailState},
    frame::mailto_about,
    json_request::{Reply, member, request},
    offers_feed::keep_fresh,
    payment_button::{PaymentButton, Phase},
    payment_error_boundary::{PaymentErrorBoundary, Problem, error_from_parts},
    product_selection::{ProductSelection, Selection},
};
use crate::domain::{
    checkout::{CheckoutError, Field},
    product::{Offer, ProductColor},
    promise::{BATCH, SHIP_WINDOW},
};

/// Where the form goes, with and without WebAssembly.
const ACTION: &str = "/api/create_checkout";

/// Choose a color, leave an address, go and pay.
#[island]
pub fn Checkout(
    offers: Option<Vec<Offer>>,
    selected: Option<ProductColor>,
    email: String,
    attempt: String,
    /// Why the form came back: kind, field, message.
    error: Option<[String; 3]>,
    development: bool,
    request_id: String,
    locale: String,
) -> impl IntoView {
    let returned = error.map(|[kind, field, message]| Problem {
        detail: ["kind: ", &kind, "\nfield: ", &field].concat(),
        error: error_from_parts(&kind, &field, &message),
        request_id: request_id.clone(),
    });
    let email_fault = returned.as_ref().and_then(|problem| about(problem, Field::Email));

    let form = NodeRef::<html::Form>::new();
    let selection = Selection::new(offers, selected);
    let address = EmailState::new(email_fault.clone());
    let phase = RwSignal::new(Phase::Idle);
    let problem = RwSignal::new(returned);
    let awake = RwSignal::new(false);
    let given_up = RwSignal::new(false);
    let color_fault = Signal::derive(move || problem.with(|p| p.as_ref().and_then(|p| about(p, Field::Color))));

    // Runs in the browser only, once the island is awake.
    Effect::new(move |_| {
        selection.read_from_page();
        awake.set(true);
        keep_fresh(selection, given_up);
        if let (Some(color), Some(price)) = (selection.chosen.get_untracked(), untrack(|| selection.price())) {
            track("view_item", color, price);
        }
        // A page that comes back, whole or with its form refilled by the browser, is ready to be used again.
        let listener = window_event_listener_untyped("pageshow", move |event| {
            selection.read_from_page();
            if event.unchecked_ref::<PageTransitionEvent>().persisted() {
                phase.set(Phase::Idle);
            }
        });
        on_cleanup(move || listener.remove());
    });
    // A color's fault is mended by choosing one.
    Effect::new(move |_| {
        if selection.chosen.get().is_some() {
            problem.update(|p| {
                p.take_if(|p| p.error.field() == Some(Field::Color));
            });
        }
    });

    let fail = move |trouble: Problem| {
        phase.set(Phase::Idle);
        match trouble.error.field() {
            Some(Field::Email) => {
                address.judged.set(true);
                address.fault.set(Some(trouble.error.message().to_owned()));
                address.focus();
            }
            Some(Field::Color) => {
                problem.set(Some(trouble));
                focus("#colors input:enabled");
            }
            _ => {
                problem.set(Some(trouble));
                request_animation_frame(|| focus("#problem"));
            }
        }
    };

    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if phase.get_untracked() != Phase::Idle {
            return;
        }
        let Some(form) = form.get_untracked() else { return };
        problem.set(None);
        let Some(color) = selection.chosen.get_untracked() else {
            return fail(Problem {
                error: CheckoutError::invalid(Field::Color, "Choose a color."),
                detail: String::new(),
                request_id: String::new(),
            });
        };
        if !address.judge() {
            return address.focus();
        }
        phase.set(Phase::Pending);
        if let Some(price) = untrack(|| selection.price()) {
            track("begin_checkout", color, price);
        }
        let request_id = request_id.clone();
        wasm_bindgen_futures::spawn_local(async move {
            match send(&form, request_id).await {
                Ok(url) => {
                    phase.set(Phase::Done);
                    let _ = window().location().assign(&url);
                }
                Err(trouble) => fail(trouble),
            }
        });
    };

    view! {
        <div class="checkout" data-color=move || selection.chosen.get().unwrap_or(ProductColor::HoneyKhaki).slug()>
            <div class="stage"><Companion/></div>
            <div class="panel">
                <h1>"Rolitt"</h1>
                <p class="lede">"A small round companion that rolls up to you and talks in light."</p>
                <div class="price" aria-live="polite" hidden=move || selection.sold_out()>
                    <p class="price-now">
                        {move || match selection.price() {
                            Some(price) => price.display(),
                            None => "\u{2007}".to_owned(),
                        }}
                    </p>
                    <p class="price-about">"today, shipping included"</p>
                    {move || {
                        let (was, now) = (selection.earlier.get()?, selection.price()?);
                        let said = ["The price changed from ", &was.display(), " to ", &now.display(), "."].concat();
                        Some(view! { <p class="price-changed">{said}</p> })
                    }}
                </div>
                <p class="ships"><span>"Ships " <strong>{SHIP_WINDOW}</strong></span> <span class="ships-batch">{BATCH}</span></p>
                {move || selection.sold_out().then(|| view! {
                    <div class="notice" role="status">
                        <p><strong>"No color can be pre-ordered right now."</strong></p>
                        <p>
                            "We cannot confirm a price, so we take no money. "
                            <a href=mailto_about("Tell me when Rolitt is back")>"Write to us"</a>
                            " and we tell you when it is back."
                        </p>
                    </div>
                })}
                {move || given_up.get().then(|| view! {
                    <div class="notice" role="status">
                        <p>"The prices are not here yet. " <a href="">"Reload the page"</a> " in a moment. Nothing was charged."</p>
                    </div>
                })}
                <form
                    node_ref=form
                    method="post"
                    action=ACTION
                    novalidate=move || awake.get()
                    data-awake=move || awake.get().then_some("")
                    on:submit=submit
                >
                    <ProductSelection selection fault=color_fault/>
                    <EmailField
                        state=address
                        initial=email
                        autofocus=email_fault.is_some()
                        disabled=Signal::derive(move || selection.sold_out())
                    />
                    <input type="hidden" name="locale" value=locale/>
                    <input type="hidden" name="attempt" value=attempt/>
                    <PaymentErrorBoundary
                        problem=problem.into()
                        development
                        on_other_color=Callback::new(|()| request_animation_frame(|| focus("#colors input:enabled:not(:checked)")))
                    />
                    <PaymentButton selection phase awake/>
                </form>
                <p class="reassurance">
                    "Cancel any time before it ships, for a full refund. " <a href="#cancellation">"How that works"</a>
                </p>
            </div>
        </div>
    }
}

/// The message of a problem that is about `field`.
fn about(problem: &Problem, field: Field) -> Option<String> {
    (problem.error.field() == Some(field)).then(|| problem.error.message().to_owned())
}

fn focus(selector: &str) {
    if let Ok(Some(element)) = document().query_selector(selector) {
        let _ = element.unchecked_into::<HtmlElement>().focus();
    }
}

/// Sends the form's own fields and reads where to go.
async fn send(form: &HtmlFormElement, page_request_id: String) -> Result<String, Problem> {
    let Some(reply) = post(form).await else {
        return Err(Problem {
            error: CheckoutError::Network,
            detail: "no answer within 12 s, or no connection".to_owned(),
            request_id: page_request_id,
        });
    };
    if let Some(url) = member(&reply.body, "url").as_string() {
        return Ok(url);
    }
    let told = member(&reply.body, "error");
    let word = |name| member(&told, name).as_string().unwrap_or_default();
    let (kind, field, message) = (word("kind"), word("field"), word("message"));
    let error = match (kind.as_str(), reply.status) {
        ("", 429) => CheckoutError::invalid(
            Field::Form,
            "This was tried many times in a short while. Nothing was charged. Wait a minute, then try again.",
        ),
        ("", 403) => CheckoutError::invalid(
            Field::Form,
            "The form was not sent from this page. Nothing was charged. Reload the page and try again.",
        ),
        ("", 502..=504) => CheckoutError::Network,
        _ => error_from_parts(&kind, &field, &message),
    };
    Err(Problem {
        error,
        detail: ["status: ", &reply.status.to_string(), "\nkind: ", &kind, "\nfield: ", &field, "\n", &message]
            .concat(),
        request_id: reply.request_id.unwrap_or(page_request_id),
    })
}

async fn post(form: &HtmlFormElement) -> Option<Reply> {
    let fields = FormData::new_with_form(form).ok()?;
    let body = UrlSearchParams::new_with_str_sequence_sequence(&fields).ok()?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&body);
    request(ACTION, init).await
}
