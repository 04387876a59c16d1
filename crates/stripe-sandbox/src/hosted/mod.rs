//! The page on which a customer pays: a stand-in for Stripe Checkout that cannot be mistaken for
//! it.
//!
//! Plain forms and no script. The actions decide what a payment does; this module requests it and
//! shows the result.

use std::collections::HashMap;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    sandbox::Sandbox,
    stripe::{
        actions::{
            checkout_payment::{self, PayError, PayOutcome},
            payments,
        },
        objects::{Cause, DelayedOutcome, LineItem, Session, SessionStatus, TestMethod},
    },
    world::World,
};

pub(crate) mod bank;
pub(crate) mod details;
mod page;

use details::Fields;

/// No script, no foreign content, no framing. No `form-action` either: browsers would apply it to
/// the redirect that follows the form.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) async fn show(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    sandbox.with(|world| current(world, &id))
}

/// Returns the page for the session's current state.
fn current(world: &World, id: &str) -> Response {
    let Some(session) = world.sessions.get(id) else { return html(StatusCode::NOT_FOUND, page::missing()) };
    let body = match session.status {
        SessionStatus::Open if session.authenticating.is_some() => page::authentication(session),
        SessionStatus::Open => page::checkout(session, &Fields::prefilled(session), &[], None),
        SessionStatus::Complete | SessionStatus::Expired => {
            page::ended(session, session.intent.as_ref().is_some_and(|intent| payments::is_settling(world, intent)))
        }
    };
    html(StatusCode::OK, body)
}

pub(crate) async fn submit(State(sandbox): State<Sandbox>, Path(id): Path<String>, body: Bytes) -> Response {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let pressed = form.get("pay").map(String::as_str).unwrap_or_default();
    let step = sandbox.with(|world| match pressed {
        "settle:succeed" | "settle:fail" => {
            let settled = if pressed == "settle:fail" { DelayedOutcome::Fails } else { DelayedOutcome::Succeeds };
            if let Some(intent) = checkout_payment::intent_behind_session(world, &id) {
                // A payment that settled in the meantime stays as it is.
                let _ = payments::settle_payment(world, &intent, settled, &Cause::default());
            }
            Step::Show(Redirect::to(&format!("/c/pay/{id}")).into_response())
        }
        "authenticate:approve" | "authenticate:fail" => {
            let paid = checkout_payment::authenticate_session(world, &id, pressed == "authenticate:approve");
            after(world, &id, paid, None)
        }
        _ => pay(world, &id, pressed, &form),
    });
    match step {
        Step::Show(response) => response,
        Step::Leave { event, to } => {
            held(&sandbox, &event).await;
            Redirect::to(&to).into_response()
        }
    }
}

enum Step {
    Show(Response),
    /// Paid: the customer returns to the shop once the event was delivered.
    Leave {
        event: String,
        to: String,
    },
}

fn pay(world: &mut World, id: &str, pressed: &str, form: &HashMap<String, String>) -> Step {
    let Some(session) = world.sessions.get(id).filter(|session| session.status == SessionStatus::Open) else {
        return Step::Show(current(world, id));
    };
    let fields = Fields::typed(form, session);
    let again = |problems: &[details::Problem], notice: &str| {
        let page = page::checkout(session, &fields, problems, Some(notice));
        Step::Show(html(StatusCode::UNPROCESSABLE_ENTITY, page))
    };
    let Some(test_method) = test_method(pressed, &fields, session) else {
        return again(&[], "Choose how to pay with one of the buttons.");
    };
    match fields.check(session) {
        Err(problems) => again(&problems, "Some details are missing or wrong. Nothing was paid."),
        Ok(customer) => {
            let paid = checkout_payment::pay_session(world, id, test_method, customer);
            after(world, id, paid, Some(&fields))
        }
    }
}

fn test_method(pressed: &str, fields: &Fields, session: &Session) -> Option<TestMethod> {
    match pressed {
        "typed" => Some(TestMethod::of_number(&fields.card_number)),
        "delayed:succeed" => Some(TestMethod::delayed(session.delayed_method()?, DelayedOutcome::Succeeds)),
        "delayed:fail" => Some(TestMethod::delayed(session.delayed_method()?, DelayedOutcome::Fails)),
        _ => pressed.strip_prefix("card:").map(TestMethod::of_number),
    }
}

fn after(world: &World, id: &str, paid: Result<PayOutcome, PayError>, fields: Option<&Fields>) -> Step {
    let Some(session) = world.sessions.get(id) else { return Step::Show(current(world, id)) };
    match paid {
        Ok(PayOutcome::Complete(event)) => Step::Leave { event, to: session.return_url() },
        Ok(PayOutcome::Declined(decline)) => {
            let prefilled = Fields::prefilled(session);
            let page = page::checkout(session, fields.unwrap_or(&prefilled), &[], Some(decline.message));
            Step::Show(html(StatusCode::PAYMENT_REQUIRED, page))
        }
        // A plain redirect, so that reloading the bank's page does not pay again.
        Ok(PayOutcome::NeedsAuthentication) => Step::Show(Redirect::to(&format!("/c/pay/{id}")).into_response()),
        Err(_) => Step::Show(current(world, id)),
    }
}

/// Waits until the shop has responded to `checkout.session.completed`, as Stripe does before it
/// redirects the customer, or until `redirect_hold` is over.
async fn held(sandbox: &Sandbox, event: &str) {
    let waiting = sandbox.with(|world| {
        let event = world.events.get(event)?;
        Some((event.answered.subscribe(), world.timing.redirect_hold))
    });
    let Some((mut answered, longest)) = waiting else { return };
    tokio::select! {
        _ = tokio::time::timeout(longest, answered.wait_for(|answered| *answered)) => {}
        () = sandbox.shutdown().cancelled() => {}
    }
}

fn html(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, body).into_response()
}

impl Session {
    /// Returns what is bought as people read it: the product and its price's nickname.
    fn title(&self) -> String {
        let name = |item: &LineItem| match item.nickname() {
            Some(color) => format!("{}, {color}", item.description),
            None => item.description.clone(),
        };
        self.items.iter().map(name).collect::<Vec<_>>().join(" and ")
    }
}

/// Returns a page with a message and no form. The sandbox's index uses it, too.
pub(crate) fn framed(title: &str, inner: &str) -> Response {
    html(StatusCode::OK, page::frame(title, inner))
}
