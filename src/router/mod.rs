//! Every URL of the public listener, grouped by its caller.

mod admission;
mod assets;
mod body;
mod checkout;
mod headers;
mod negotiate;
mod origin;
mod problem;
mod redirect;
mod reports;
mod updates;
mod webhook;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderName, Request, StatusCode, request::Parts},
    middleware::{from_fn, from_fn_with_state, map_request},
    routing::{any, get, post},
};
use leptos::prelude::{provide_context, use_context};
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
    app::{App, Reference, shell},
    server::state::{AppState, Shop},
    wire::names::{CHECKOUT_EVENTS, CREATE_CHECKOUT, OFFERS, REQUEST_ID},
};

/// The health check of load balancers.
const HEALTH: &str = "/healthz";

/// Where browsers report violations of our content security policy.
const REPORTS: &str = "/csp-report";

/// Builds the router of the public site.
pub fn public(state: AppState) -> Router {
    let pages = generate_route_list_with_exclusions(App, Some(server_functions()));
    let context = {
        let shop = state.shop.clone();
        move || {
            provide_context::<Arc<Shop>>(shop.clone());
            headers::content_security_policy(shop.environment);
            if let Some(parts) = use_context::<Parts>() {
                provide_context(Reference(problem::request_id(&parts.headers)));
            }
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
        .route(CREATE_CHECKOUT, post(checkout::create))
        .route(OFFERS, get(updates::offers))
        .route(CHECKOUT_EVENTS, get(updates::events))
        // Payment providers.
        .route("/api/webhooks/{provider}", post(webhook::receive))
        // Browsers.
        .route(REPORTS, post(reports::receive))
        // Load balancers.
        .route(HEALTH, get(|| async { "ok" }))
        // No caller: an unknown API path gets a plain 404 instead of a page.
        .route("/api/{*rest}", any(|| async { StatusCode::NOT_FOUND }))
        .fallback_service(assets::files(&state, context))
        .layer(
            CompressionLayer::new().compress_when(
                SizeAbove::new(512)
                    .and(NotForContentType::new("text/event-stream"))
                    .and(NotForContentType::new("image/png")),
            ),
        )
        // The layers, innermost first. A request passes all of them, from the last to the first,
        // before it reaches a handler.
        .layer(from_fn_with_state(state.shop.app_url.clone(), redirect::prevent_open_redirect))
        .layer(from_fn_with_state(state.shop.clone(), admission::limit))
        .layer(origin::cross_site(&state.shop.app_url))
        .layer(from_fn(origin::explain_cross_site))
        .layer(from_fn_with_state(state.shop.clone(), origin::known_host))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn(problem::explain_panic))
        .layer(from_fn_with_state(state.shop.environment, headers::security))
        .layer(PropagateRequestIdLayer::new(request_id.clone()))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(()).on_failure(()))
        .layer(SetRequestIdLayer::new(request_id, headers::FreshRequestId))
        .layer(map_request(headers::without_foreign_request_id))
        .with_state(state)
}

/// Returns the generated routes of server functions, which are excluded: they respond in ways that
/// the contract does not allow. The one that customers call has a route of its own.
fn server_functions() -> Vec<String> {
    leptos::server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned()).collect()
}

/// Opens the span that puts the request id on every log line. The query is left out, because it may
/// name a session.
fn span(request: &Request<Body>) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", request_id = id, method = %request.method(), path = request.uri().path())
}
