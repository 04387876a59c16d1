//! The page on which a customer pays: a stand-in for Stripe Checkout that nobody can take for it.
//!
//! Plain forms and no script. What a payment does is decided by `stripe::pay`; here it is asked for and shown.

use std::collections::HashMap;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    state::{Sandbox, World},
    stripe::{
        checkout::{
            create,
            pay::{Paid, Unpayable},
            session::{Item, Session, Status},
        },
        events::Cause,
        payments::tender::{Settled, Tender},
    },
};

pub mod bank;
pub mod details;
mod page;

use details::Fields;

/// No script, no foreign content, no frame around it. No `form-action`: browsers would apply it to the redirect back.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

pub async fn show(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    sandbox.with(|world| current(world, &id))
}

/// The page as the session stands.
fn current(world: &World, id: &str) -> Response {
    let Some(session) = world.sessions.get(id) else { return html(StatusCode::NOT_FOUND, page::missing()) };
    let body = match session.status {
        Status::Open if session.authenticating.is_some() => page::authentication(session),
        Status::Open => page::checkout(session, &Fields::prefilled(session), &[], None),
        Status::Complete | Status::Expired => {
            page::ended(session, session.intent.as_ref().is_some_and(|intent| world.is_settling(intent)))
        }
    };
    html(StatusCode::OK, body)
}

pub async fn submit(State(sandbox): State<Sandbox>, Path(id): Path<String>, body: Bytes) -> Response {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let pressed = form.get("pay").map(String::as_str).unwrap_or_default();
    let step = sandbox.with(|world| match pressed {
        "settle:succeed" | "settle:fail" => {
            let settled = if pressed == "settle:fail" { Settled::Fails } else { Settled::Succeeds };
            if let Some(intent) = world.intent_behind(&id) {
                // A payment that has settled meanwhile stays as it is.
                let _ = world.settle(&intent, settled, &Cause::default());
            }
            Step::Show(Redirect::to(&format!("/c/pay/{id}")).into_response())
        }
        "authenticate:approve" | "authenticate:fail" => {
            let paid = world.authenticate(&id, pressed == "authenticate:approve");
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
    /// Paid: back to the shop, once it was told.
    Leave {
        event: String,
        to: String,
    },
}

fn pay(world: &mut World, id: &str, pressed: &str, form: &HashMap<String, String>) -> Step {
    let Some(session) = world.sessions.get(id).filter(|session| session.status == Status::Open) else {
        return Step::Show(current(world, id));
    };
    let fields = Fields::typed(form, session);
    let again = |problems: &[details::Problem], notice: &str| {
        let page = page::checkout(session, &fields, problems, Some(notice));
        Step::Show(html(StatusCode::UNPROCESSABLE_ENTITY, page))
    };
    let Some(tender) = tender(pressed, &fields, session) else {
        return again(&[], "Choose how to pay with one of the buttons.");
    };
    match fields.check(session) {
        Err(problems) => again(&problems, "Some details are missing or wrong. Nothing was paid."),
        Ok(customer) => {
            let paid = world.pay(id, tender, customer);
            after(world, id, paid, Some(&fields))
        }
    }
}

fn tender(pressed: &str, fields: &Fields, session: &Session) -> Option<Tender> {
    match pressed {
        "typed" => Some(Tender::of_number(&fields.card_number)),
        "delayed:succeed" => Some(Tender::delayed(session.delayed_method()?, Settled::Succeeds)),
        "delayed:fail" => Some(Tender::delayed(session.delayed_method()?, Settled::Fails)),
        _ => pressed.strip_prefix("card:").map(Tender::of_number),
    }
}

fn after(world: &World, id: &str, paid: Result<Paid, Unpayable>, fields: Option<&Fields>) -> Step {
    let Some(session) = world.sessions.get(id) else { return Step::Show(current(world, id)) };
    match paid {
        Ok(Paid::Complete(event)) => Step::Leave { event, to: session.return_url() },
        Ok(Paid::Declined(decline)) => {
            let prefilled = Fields::prefilled(session);
            let page = page::checkout(session, fields.unwrap_or(&prefilled), &[], Some(decline.message));
            Step::Show(html(StatusCode::PAYMENT_REQUIRED, page))
        }
        // A plain redirect, so that reloading the question does not pay again.
        Ok(Paid::NeedsAuthentication) => Step::Show(Redirect::to(&format!("/c/pay/{id}")).into_response()),
        Err(_) => Step::Show(current(world, id)),
    }
}

/// Waits until the shop has answered the completed-webhook, as Stripe does before it sends the customer back; not for ever.
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
    /// What is bought, for people: the product and its color.
    fn title(&self) -> String {
        let name = |item: &Item| match create::nickname(item) {
            Some(color) => format!("{}, {color}", item.description),
            None => item.description.clone(),
        };
        self.items.iter().map(name).collect::<Vec<_>>().join(" and ")
    }
}

/// A page with a message and nothing to do; the sandbox's index uses it too.
pub fn framed(title: &str, inner: &str) -> Response {
    html(StatusCode::OK, page::frame(title, inner))
}
