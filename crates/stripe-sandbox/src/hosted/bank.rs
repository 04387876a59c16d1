//! The bank's page for a payment intent that was made over the API: `next_action.redirect_to_url`
//! leads to it, and it leads back.

use std::collections::HashMap;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};

use super::{html, page};
use crate::{
    sandbox::Sandbox,
    stripe::{
        actions::payments,
        objects::{Cause, Intent, IntentStatus},
    },
    world::World,
};

use minor_money::Money;

pub(crate) async fn show(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    sandbox.with(|world| match world.intents.get(&id) {
        None => html(StatusCode::NOT_FOUND, page::missing()),
        Some(intent) if intent.status == IntentStatus::RequiresAction => {
            let amount = Money::new(intent.amount, intent.currency).map(Money::display).unwrap_or_default();
            html(StatusCode::OK, page::asked_by_bank("", &amount, ""))
        }
        Some(intent) => back(intent),
    })
}

pub(crate) async fn submit(State(sandbox): State<Sandbox>, Path(id): Path<String>, body: Bytes) -> Response {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let approved = form.get("pay").is_some_and(|pressed| pressed == "authenticate:approve");
    sandbox.with(|world: &mut World| {
        // The bank asks once: for an intent that waits no longer, the page only leads back.
        let _ = payments::answer_authentication(world, &id, approved, &Cause::default());
        world.intents.get(&id).map_or_else(|| html(StatusCode::NOT_FOUND, page::missing()), back)
    })
}

/// Redirects to the shop, with the parameters that Stripe adds to its address.
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
