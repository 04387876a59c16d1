//! The response to a panic: that something broke, and the request id. Never what or where.

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::negotiate::{refuse, wants_json};
use crate::{
    domain::checkout::CheckoutError,
    wire::{error::ErrorParts, names::REQUEST_ID},
};

/// Marks a response to a panic that has no message yet.
#[derive(Clone)]
struct Broken;

/// Logs a panic and responds with 500.
pub fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request panicked");
    metrics::counter!("requests_panicked_total").increment(1);
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(Broken);
    response
}

/// Adds a message with the request id to the response of [`panicked`], as JSON or text.
pub async fn explain_panic(request: Request, next: Next) -> Response {
    let (id, json) = (request_id(request.headers()), wants_json(request.headers()));
    let response = next.run(request).await;
    if response.extensions().get::<Broken>().is_none() {
        return response;
    }
    let message = format!("Something is wrong on our side. Nothing was charged by this page. Reference: {id}");
    let error = ErrorParts { kind: CheckoutError::Configuration.kind(), field: None, message: &message };
    refuse(StatusCode::INTERNAL_SERVER_ERROR, error, json)
}

/// Returns the request id that the outermost layer set.
pub fn request_id(headers: &HeaderMap) -> String {
    headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned()
}
