//! The provider's door: what is cheap to refuse is refused before the body is read.

use std::{error::Error, iter::successors, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use tower_http::timeout::TimeoutError;

use crate::server::{
    state::Shop,
    webhook::{WebhookError, receive as take},
};

/// The longest event that is read.
pub const MAX_BYTES: usize = 1024 * 1024;

pub async fn receive(
    State(shop): State<Arc<Shop>>,
    provider: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> StatusCode {
    let provider = provider.map_or_else(|_| String::new(), |Path(provider)| provider);
    if shop.payments.by_name(&provider).is_none() {
        return StatusCode::NOT_FOUND;
    }
    if let Some(content_type) = headers.get(header::CONTENT_TYPE)
        && !is_json(content_type.to_str().unwrap_or_default())
    {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    let body = match read(&headers, body, MAX_BYTES).await {
        Ok(body) => body,
        Err(status) => return status,
    };
    match take(&shop, &provider, &headers, body).await {
        Ok(()) => StatusCode::OK,
        Err(error) => WebhookError::status(&error),
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// A body of at most `max` bytes. A length that is announced as too long is refused unread. How long it may take is the
/// listener's business.
pub async fn read(headers: &HeaderMap, body: Body, max: usize) -> Result<Bytes, StatusCode> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max as u64) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    to_bytes(body, max).await.map_err(|error| {
        let mut causes = successors(Some(&error as &(dyn Error + 'static)), |&cause| cause.source());
        causes
            .find_map(|cause| {
                let too_long = cause.is::<LengthLimitError>().then_some(StatusCode::PAYLOAD_TOO_LARGE);
                too_long.or(cause.is::<TimeoutError>().then_some(StatusCode::REQUEST_TIMEOUT))
            })
            .unwrap_or(StatusCode::BAD_REQUEST)
    })
}
