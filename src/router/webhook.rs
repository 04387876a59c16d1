//! The endpoint of payment providers. What is cheap to reject is rejected before the body is read.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
};

use super::{body::read, negotiate::content_type_is};
use crate::server::{state::Shop, webhook};

/// The longest event that is read, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// `POST /api/webhooks/{provider}`. Accepts an event without a content type.
pub async fn receive(
    State(shop): State<Arc<Shop>>,
    provider: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> StatusCode {
    let provider = provider.ok().and_then(|Path(name)| shop.payments.by_name(&name));
    let Some(provider) = provider else { return StatusCode::NOT_FOUND };
    if content_type_is(&headers, &["application/json"]) == Some(false) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    let body = match read(&headers, body, MAX_BYTES).await {
        Ok(body) => body,
        Err(status) => return status,
    };
    match webhook::receive(&shop, provider.as_ref(), &headers, body).await {
        Ok(()) => StatusCode::OK,
        Err(error) => error.status(),
    }
}
