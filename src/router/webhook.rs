//! The provider's door: what is cheap to refuse is refused before the body is read.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
};
use bytes::Bytes;
use tokio::time::timeout;

use crate::server::{
    state::Shop,
    webhook::{WebhookError, receive as take},
};

/// The longest event that is read.
pub const MAX_BYTES: usize = 1024 * 1024;

/// How long a body may take to arrive, in all.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

pub async fn receive(
    State(shop): State<Arc<Shop>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> StatusCode {
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

/// A body of at most `max` bytes, in time. A length that is announced as too long is refused unread.
pub async fn read(headers: &HeaderMap, body: Body, max: usize) -> Result<Bytes, StatusCode> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max as u64) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match timeout(BODY_DEADLINE, to_bytes(body, max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let too_long = std::error::Error::source(&error)
                .and_then(|cause| cause.downcast_ref::<http_body_util::LengthLimitError>())
                .is_some();
            Err(if too_long { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST })
        }
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}
