//! Reads the body of a request, up to a bound.

use std::{error::Error, iter::successors};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, StatusCode, header},
};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use tower_http::timeout::TimeoutError;

/// Returns the body, which has at most `max` bytes. A body that is announced as longer is rejected
/// unread. The listener bounds the time that a body may take.
///
/// # Errors
///
/// 413 for a body that is too long, 408 for one that took too long, 400 for one that broke off.
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
