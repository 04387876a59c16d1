//! `GET /sandbox`, for people: what the sandbox is, what it contains and where its controls are.

use std::fmt::Write;

use axum::{extract::State, response::Response};

use crate::{config::API_VERSION, hosted, sandbox::Sandbox};

/// The method and the address of each control, and its effect.
const CONTROLS: [(&str, &str); 11] = [
    ("GET /sandbox/stripe/deliveries", "every attempt to deliver an event"),
    ("GET /sandbox/klaviyo/events", "what Klaviyo recorded, in order"),
    ("GET /sandbox/faults", "what goes wrong on purpose"),
    ("POST /sandbox/faults", "{\"stripe\": {\"error_rate\": 0.5}, \"klaviyo\": …, \"delivery\": {\"drop_rate\": 1}}"),
    ("DELETE /sandbox/faults", "nothing goes wrong any more"),
    (
        "POST /sandbox/stripe/sessions/{id}/pay",
        "{\"card\": \"4242424242424242\"} or {\"method\": \"delayed\", \"outcome\": \"succeed\"}",
    ),
    ("POST /sandbox/stripe/payment_intents/{id}/settle", "{\"outcome\": \"succeed\"}: the bank’s answer"),
    ("POST /sandbox/stripe/trigger", "{\"type\": \"charge.dispute.created\", \"object\": …}"),
    ("POST /sandbox/clock", "{\"advance_seconds\": 1800}"),
    ("POST /sandbox/reset", "forgets everything"),
    ("GET, POST /v1/… and POST /api/events", "Stripe’s API and Klaviyo’s"),
];

pub(crate) async fn show(State(sandbox): State<Sandbox>) -> Response {
    let (counts, latest) = sandbox.with(|world| {
        let counts = [
            ("prices", world.prices.len()),
            ("customers", world.customers.len()),
            ("checkout sessions", world.sessions.len()),
            ("payment intents", world.intents.len()),
            ("refunds", world.refunds.len()),
            ("disputes", world.disputes.len()),
            ("subscriptions", world.subscriptions.len()),
            ("events", world.events.len()),
            ("delivery attempts", world.deliveries.len()),
            ("Klaviyo events", world.klaviyo.len()),
        ];
        let latest: Vec<_> =
            world.sessions.iter().rev().take(10).map(|session| (session.id.clone(), session.status.as_str())).collect();
        (counts, latest)
    });
    let mut inner =
        format!("<h1>The sandbox</h1><p>It plays Stripe (version {API_VERSION}) and Klaviyo. It holds:</p><ul>");
    for (what, count) in counts {
        let _ = write!(inner, "<li>{count} {what}</li>");
    }
    inner.push_str("</ul><h2>Controls</h2><table><thead><tr><th scope=\"col\">Request</th><th scope=\"col\">What it does</th></tr></thead><tbody>");
    for (request, effect) in CONTROLS {
        let _ = write!(inner, "<tr><td><code>{request}</code></td><td>{effect}</td></tr>");
    }
    inner.push_str("</tbody></table>");
    if !latest.is_empty() {
        inner.push_str("<h2>Latest sessions</h2><ul>");
        for (id, status) in latest {
            let _ = write!(inner, "<li>{status}: <a href=\"/c/pay/{id}\">{id}</a></li>");
        }
        inner.push_str("</ul>");
    }
    hosted::framed("The sandbox", &inner)
}
