//! Every address of the sandbox. Requests to `/v1` pass Stripe's middleware first: key, faults,
//! idempotency.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, StatusCode, Uri},
    middleware::from_fn_with_state,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};

use crate::{
    controls, hosted, index, klaviyo,
    sandbox::Sandbox,
    stripe::{
        middleware::{self, BODY_LIMIT},
        objects::{
            Charge, Customer, Dispute, Endpoint, Event, Intent, Invoice, PaymentMethod, Price, Product, Refund,
            Session, Subscription,
        },
        routes::{
            charges, checkout_sessions, customers, disputes, invoices, list, payment_intents, payment_methods, prices,
            products, refunds, retrieve, subscriptions, webhook_endpoints,
        },
        wire::ApiError,
    },
};

pub(crate) fn router(sandbox: Sandbox) -> Router {
    let stripe = catalog()
        .merge(payments())
        .merge(billing())
        .merge(events())
        .method_not_allowed_fallback(unknown)
        .route_layer(from_fn_with_state(sandbox.clone(), middleware::pass));

    let rest = Router::new()
        .route("/", get(|| async { Redirect::to("/sandbox") }))
        .route("/c/pay/{session}", get(hosted::show).post(hosted::submit))
        .route("/c/authenticate/{intent}", get(hosted::bank::show).post(hosted::bank::submit))
        .route("/api/events", post(klaviyo::routes::create_event))
        .route("/api/events/", post(klaviyo::routes::create_event))
        .route("/sandbox", get(index::show))
        .route("/sandbox/klaviyo/events", get(controls::klaviyo_events))
        .route("/sandbox/stripe/deliveries", get(controls::deliveries))
        .route("/sandbox/stripe/sessions/{id}/pay", post(controls::pay))
        .route("/sandbox/stripe/payment_intents/{id}/settle", post(controls::settle))
        .route("/sandbox/stripe/trigger", post(controls::trigger))
        .route("/sandbox/faults", get(controls::show_faults).post(controls::set_faults).delete(controls::clear_faults))
        .route("/sandbox/clock", post(controls::advance_clock))
        .route("/sandbox/reset", post(controls::reset));

    stripe.merge(rest).fallback(unknown).layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(sandbox)
}

fn catalog() -> Router<Sandbox> {
    Router::new()
        .route("/v1/products", get(list::<Product>).post(products::create))
        .route("/v1/products/{id}", get(retrieve::<Product>).post(products::update).delete(products::delete))
        .route("/v1/prices", get(list::<Price>).post(prices::create))
        .route("/v1/prices/{price}", get(retrieve::<Price>).post(prices::update))
}

fn payments() -> Router<Sandbox> {
    Router::new()
        .route("/v1/checkout/sessions", get(list::<Session>).post(checkout_sessions::create))
        .route("/v1/checkout/sessions/{session}", get(retrieve::<Session>))
        .route("/v1/checkout/sessions/{session}/line_items", get(checkout_sessions::line_items))
        .route("/v1/checkout/sessions/{session}/expire", post(checkout_sessions::expire))
        .route("/v1/payment_intents", get(list::<Intent>).post(payment_intents::create))
        .route("/v1/payment_intents/{intent}", get(retrieve::<Intent>).post(payment_intents::update))
        .route("/v1/payment_intents/{intent}/confirm", post(payment_intents::confirm))
        .route("/v1/payment_intents/{intent}/capture", post(payment_intents::capture))
        .route("/v1/payment_intents/{intent}/cancel", post(payment_intents::cancel))
        .route("/v1/payment_methods", get(list::<PaymentMethod>))
        .route("/v1/payment_methods/{payment_method}", get(retrieve::<PaymentMethod>))
        .route("/v1/payment_methods/{payment_method}/attach", post(payment_methods::attach))
        .route("/v1/payment_methods/{payment_method}/detach", post(payment_methods::detach))
        .route("/v1/charges", get(list::<Charge>))
        .route("/v1/charges/{charge}", get(retrieve::<Charge>).post(charges::update))
        .route("/v1/refunds", get(list::<Refund>).post(refunds::create))
        .route("/v1/refunds/{refund}", get(retrieve::<Refund>).post(refunds::update))
        .route("/v1/disputes", get(list::<Dispute>))
        .route("/v1/disputes/{dispute}", get(retrieve::<Dispute>).post(disputes::update))
        .route("/v1/disputes/{dispute}/close", post(disputes::close))
}

fn billing() -> Router<Sandbox> {
    Router::new()
        .route("/v1/customers", get(list::<Customer>).post(customers::create))
        .route("/v1/customers/search", get(customers::search))
        .route("/v1/customers/{customer}", get(retrieve::<Customer>).post(customers::update).delete(customers::delete))
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

/// The addresses of events and of the endpoints that receive them.
fn events() -> Router<Sandbox> {
    Router::new()
        .route("/v1/events", get(list::<Event>))
        .route("/v1/events/{id}", get(retrieve::<Event>))
        .route("/v1/webhook_endpoints", get(list::<Endpoint>).post(webhook_endpoints::create))
        .route(
            "/v1/webhook_endpoints/{webhook_endpoint}",
            get(retrieve::<Endpoint>).post(webhook_endpoints::update).delete(webhook_endpoints::delete),
        )
}

/// Responds to an unknown address: as Stripe does under `/v1`, in plain words elsewhere.
async fn unknown(method: Method, uri: Uri) -> Response {
    if uri.path() == "/v1" || uri.path().starts_with("/v1/") {
        return middleware::sealed(ApiError::unrecognized_url(&method, uri.path()).into_response());
    }
    (StatusCode::NOT_FOUND, "The sandbox has nothing at this address. What it has is listed at /sandbox.\n")
        .into_response()
}
