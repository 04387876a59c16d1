//! The bank's question about a payment intent of the API's: where `next_action.redirect_to_url` leads, and back from there.

use std::collections::HashMap;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};

use super::{html, page};
use minor_money::Money;

use crate::{
    state::{Sandbox, World},
    stripe::{
        events::Cause,
        payments::intent::{Intent, IntentStatus},
    },
};

pub async fn show(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    sandbox.with(|world| match world.intents.get(&id) {
        None => html(StatusCode::NOT_FOUND, page::missing()),
        Some(intent) if intent.status == IntentStatus::RequiresAction => {
            let amount = Money::new(intent.amount, intent.currency).map(Money::display).unwrap_or_default();
            html(StatusCode::OK, page::asked_by_bank("", &amount, ""))
        }
        Some(intent) => back(intent),
    })
}

pub async fn submit(State(sandbox): State<Sandbox>, Path(id): Path<String>, body: Bytes) -> Response {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let approved = form.get("pay").is_some_and(|pressed| pressed == "authenticate:approve");
    sandbox.with(|world: &mut World| {
        // Nothing is asked twice: an intent that does not wait any more is only led back.
        let _ = world.answer_bank(&id, approved, &Cause::default());
        world.intents.get(&id).map_or_else(|| html(StatusCode::NOT_FOUND, page::missing()), back)
    })
}

/// To the shop, with what Stripe adds to its address.
fn back(intent: &Intent) -> Response {
    let Some(mut url) = intent.return_url.as_deref().and_then(|url| url::Url::parse(url).ok()) else {
        return html(StatusCode::OK, page::frame("Done", "<h1>Done</h1><p>You can close this page.</p>"));
    };
    let status = if intent.last_error.is_some() { "failed" } else { "succeeded" };
    url.query_pairs_mut()
        .append_pair("payment_intent", &intent.id)
        .append_pair("payment_intent_client_secret", &intent.secret)
        .append_pair("redirect_status", status);
    Redirect::to(url.as_str()).into_response()
}
