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
    stripe::{
        billing::{customer, invoice::Invoice, invoices, subscription::Subscription, subscriptions},
        catalog::{price, product},
        checkout::{session::Session, sessions},
        events::{Event, endpoint},
        payments::{charge, dispute, intent::Intent, intents, method, refund},
        wire::{
            error::ApiError,
            gate,
            resource::{list, retrieve},
        },
    },
};

/// The largest body that any address takes.
pub const BODY_LIMIT: usize = 1 << 20;

pub fn router(sandbox: Sandbox) -> Router {
    let stripe = catalog()
        .merge(payments())
        .merge(billing())
        .merge(telling())
        .method_not_allowed_fallback(unknown)
        .route_layer(middleware::from_fn_with_state(sandbox.clone(), gate::pass));

    let rest = Router::new()
        .route("/", get(|| async { Redirect::to("/sandbox") }))
        .route("/c/pay/{session}", get(hosted::show).post(hosted::submit))
        .route("/c/authenticate/{intent}", get(hosted::bank::show).post(hosted::bank::submit))
        .route("/api/events", post(klaviyo::create_event))
        .route("/api/events/", post(klaviyo::create_event))
        .route("/sandbox", get(index::show))
        .route("/sandbox/klaviyo/events", get(control::klaviyo_events))
        .route("/sandbox/stripe/deliveries", get(control::deliveries))
        .route("/sandbox/stripe/sessions/{id}/pay", post(control::pay))
        .route("/sandbox/stripe/payment_intents/{id}/settle", post(control::settle))
        .route("/sandbox/stripe/trigger", post(control::trigger))
        .route("/sandbox/faults", get(control::show_faults).post(control::set_faults).delete(control::clear_faults))
        .route("/sandbox/clock", post(control::advance_clock))
        .route("/sandbox/reset", post(control::reset));

    stripe.merge(rest).fallback(unknown).layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(sandbox)
}

fn catalog() -> Router<Sandbox> {
    Router::new()
        .route("/v1/products", get(list::<product::Product>).post(product::create))
        .route("/v1/products/{id}", get(retrieve::<product::Product>).post(product::update).delete(product::delete))
        .route("/v1/prices", get(list::<price::Price>).post(price::create))
        .route("/v1/prices/{price}", get(retrieve::<price::Price>).post(price::update))
}

fn payments() -> Router<Sandbox> {
    Router::new()
        .route("/v1/checkout/sessions", get(list::<Session>).post(sessions::create))
        .route("/v1/checkout/sessions/{session}", get(retrieve::<Session>))
        .route("/v1/checkout/sessions/{session}/line_items", get(sessions::line_items))
        .route("/v1/checkout/sessions/{session}/expire", post(sessions::expire))
        .route("/v1/payment_intents", get(list::<Intent>).post(intents::create))
        .route("/v1/payment_intents/{intent}", get(retrieve::<Intent>).post(intents::update))
        .route("/v1/payment_intents/{intent}/confirm", post(intents::confirm))
        .route("/v1/payment_intents/{intent}/capture", post(intents::capture))
        .route("/v1/payment_intents/{intent}/cancel", post(intents::cancel))
        .route("/v1/payment_methods", get(list::<method::Method>))
        .route("/v1/payment_methods/{payment_method}", get(retrieve::<method::Method>))
        .route("/v1/payment_methods/{payment_method}/attach", post(method::attach))
        .route("/v1/payment_methods/{payment_method}/detach", post(method::detach))
        .route("/v1/charges", get(list::<charge::Charge>))
        .route("/v1/charges/{charge}", get(retrieve::<charge::Charge>).post(charge::update))
        .route("/v1/refunds", get(list::<refund::Refund>).post(refund::create))
        .route("/v1/refunds/{refund}", get(retrieve::<refund::Refund>).post(refund::update))
        .route("/v1/disputes", get(list::<dispute::Dispute>))
        .route("/v1/disputes/{dispute}", get(retrieve::<dispute::Dispute>).post(dispute::update))
        .route("/v1/disputes/{dispute}/close", post(dispute::close))
}

fn billing() -> Router<Sandbox> {
    Router::new()
        .route("/v1/customers", get(list::<customer::Customer>).post(customer::create))
        .route("/v1/customers/search", get(customer::search))
        .route(
            "/v1/customers/{customer}",
            get(retrieve::<customer::Customer>).post(customer::update).delete(customer::delete),
        )
        .route("/v1/subscriptions", get(list::<Subscription>).post(subscriptions::create))
        .route(
            "/v1/subscriptions/{subscription}",
            get(retrieve::<Subscription>).post(subscriptions::update).delete(subscriptions::cancel),
        )
        .route("/v1/invoices", get(list::<Invoice>))
        .route("/v1/invoices/{invoice}", get(retrieve::<Invoice>))
        .route("/v1/invoices/{invoice}/pay", post(invoices::pay))
        .route("/v1/invoices/{invoice}/void", post(invoices::void))
}

/// Events, and who is told about them.
fn telling() -> Router<Sandbox> {
    Router::new()
        .route("/v1/events", get(list::<Event>))
        .route("/v1/events/{id}", get(retrieve::<Event>))
        .route("/v1/webhook_endpoints", get(list::<endpoint::Endpoint>).post(endpoint::create))
        .route(
            "/v1/webhook_endpoints/{webhook_endpoint}",
            get(retrieve::<endpoint::Endpoint>).post(endpoint::update).delete(endpoint::delete),
        )
}

/// An address that is not served: in Stripe's words under `/v1`, in plain ones elsewhere.
async fn unknown(method: Method, uri: Uri) -> Response {
    if uri.path() == "/v1" || uri.path().starts_with("/v1/") {
        return gate::sealed(ApiError::unrecognized_url(&method, uri.path()).into_response());
    }
    (StatusCode::NOT_FOUND, "The sandbox has nothing at this address. What it has is listed at /sandbox.\n")
        .into_response()
}
