//! Every address of the sandbox. `/v1` passes Stripe's gate (key, faults, idempotency) first, the rest does not.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, StatusCode, Uri},
    middleware,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};

use super::{
    control, hosted, index, klaviyo,
    state::Sandbox,
    stripe::{catalog, endpoints, error::ApiError, events, gate, intent, sessions},
};

/// The largest body that any address takes.
pub const BODY_LIMIT: usize = 1 << 20;

pub fn router(sandbox: Sandbox) -> Router {
    let stripe = Router::new()
        .route("/v1/products", get(catalog::list_products))
        .route("/v1/products/{id}", get(catalog::retrieve_product))
        .route("/v1/prices", get(catalog::list_prices).post(catalog::create_price))
        .route("/v1/prices/{price}", get(catalog::retrieve_price).post(catalog::update_price))
        .route("/v1/checkout/sessions", get(sessions::list).post(sessions::create))
        .route("/v1/checkout/sessions/{session}", get(sessions::retrieve))
        .route("/v1/checkout/sessions/{session}/line_items", get(sessions::line_items))
        .route("/v1/checkout/sessions/{session}/expire", post(sessions::expire))
        .route("/v1/payment_intents/{intent}", get(intent::retrieve))
        .route("/v1/events", get(events::list))
        .route("/v1/events/{id}", get(events::retrieve))
        .route("/v1/webhook_endpoints", get(endpoints::list).post(endpoints::create))
        .route(
            "/v1/webhook_endpoints/{webhook_endpoint}",
            get(endpoints::retrieve).post(endpoints::update).delete(endpoints::delete),
        )
        .method_not_allowed_fallback(unknown)
        .route_layer(middleware::from_fn_with_state(sandbox.clone(), gate::pass));

    let rest = Router::new()
        .route("/", get(|| async { Redirect::to("/sandbox") }))
        .route("/c/pay/{session}", get(hosted::show).post(hosted::submit))
        .route("/api/events", post(klaviyo::create_event))
        .route("/api/events/", post(klaviyo::create_event))
        .route("/sandbox", get(index::show))
        .route("/sandbox/klaviyo/events", get(control::klaviyo_events))
        .route("/sandbox/stripe/deliveries", get(control::deliveries))
        .route("/sandbox/stripe/sessions/{id}/pay", post(control::pay))
        .route("/sandbox/stripe/trigger", post(control::trigger))
        .route("/sandbox/faults", get(control::show_faults).post(control::set_faults).delete(control::clear_faults))
        .route("/sandbox/clock", post(control::advance_clock))
        .route("/sandbox/reset", post(control::reset));

    stripe.merge(rest).fallback(unknown).layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(sandbox)
}

/// An address that is not served: in Stripe's words under `/v1`, in plain ones elsewhere.
async fn unknown(method: Method, uri: Uri) -> Response {
    if uri.path() == "/v1" || uri.path().starts_with("/v1/") {
        return gate::sealed(ApiError::unrecognized_url(&method, uri.path()).into_response());
    }
    (StatusCode::NOT_FOUND, "The sandbox has nothing at this address. What it has is listed at /sandbox.\n")
        .into_response()
}
