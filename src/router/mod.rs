//! Every URL of the public listener, grouped by who calls it.

mod assets;
mod checkout;
mod headers;
mod webhook;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderName, Request, StatusCode},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use leptos::prelude::provide_context;
use leptos_axum::{LeptosRoutes, generate_route_list_with_exclusions};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
    request_id::{PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};

use crate::{
    app::{App, shell},
    server::{
        pages::REQUEST_ID,
        state::{AppState, Shop},
    },
};

/// The public site.
pub fn public(state: AppState) -> Router {
    let pages = generate_route_list_with_exclusions(App, Some(server_functions()));
    let context = {
        let shop = state.shop.clone();
        move || {
            provide_context::<Arc<Shop>>(shop.clone());
            headers::content_security_policy(shop.environment);
        }
    };
    let document = {
        let options = state.leptos.clone();
        move || shell(options.clone())
    };
    let request_id = HeaderName::from_static(REQUEST_ID);
    Router::new()
        // Customers.
        .leptos_routes_with_context(&state, pages, context.clone(), document)
        .route("/api/create_checkout", post(checkout::create))
        .route("/api/offers", get(checkout::offers))
        .route("/checkout/events", get(checkout::events))
        // Payment providers.
        .route("/api/webhooks/{provider}", post(webhook::receive))
        // Load balancers.
        .route("/healthz", get(|| async { "ok" }))
        // Nobody: what is not there is said in the caller's terms.
        .route("/api/{*rest}", any(|| async { StatusCode::NOT_FOUND }))
        .fallback_service(assets::files(&state, context))
        .layer(
            CompressionLayer::new().compress_when(
                SizeAbove::new(512)
                    .and(NotForContentType::new("text/event-stream"))
                    .and(NotForContentType::new("image/png")),
            ),
        )
        .layer(axum::middleware::from_fn_with_state(state.shop.environment, headers::security))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(PropagateRequestIdLayer::new(request_id.clone()))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(()).on_failure(()))
        .layer(SetRequestIdLayer::new(request_id, headers::FreshRequestId))
        .layer(axum::middleware::map_request(headers::without_foreign_request_id))
        .with_state(state)
}

/// The generated routes of server functions answer in ways that the contract does not allow, so none of them is served; the
/// one that customers call has a route of its own.
fn server_functions() -> Vec<String> {
    leptos::server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned()).collect()
}

/// Every line that a request logs carries its id. The query stays out: it may name a session.
fn span(request: &Request<Body>) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", request_id = id, method = %request.method(), path = request.uri().path())
}

/// A panic is a defect: the customer gets the request id, the log gets the rest.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "Something is wrong on our side. Nothing was charged by this page.")
        .into_response()
}
