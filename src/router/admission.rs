//! The concurrency limit for pages and files.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::HEALTH;
use crate::server::state::Shop;

/// The pages that wait for the database or the provider. They take no turn at drawing, so they
/// cannot block the others.
const WAITING: [&str; 2] = ["/orders/", "/checkout/"];

/// Takes a permit for each GET and HEAD, or rejects the request at once with 503. `/healthz` is
/// exempt. Forms and webhooks take a permit of their own later, once they have earned it.
pub async fn limit(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    // No handler of a GET reads a body, so a body that comes along is not waited for.
    let request = request.map(|_| Body::empty());
    if request.uri().path() == HEALTH {
        return next.run(request).await;
    }
    let Ok(_permit) = shop.concurrency.requests.try_acquire() else {
        metrics::counter!("requests_refused_total", "reason" => "busy_pages").increment(1);
        if let Some(suppressed) = shop.log_limiter.allow("busy pages") {
            tracing::warn!(suppressed, "request rejected: too many are in progress");
        }
        let busy = (StatusCode::SERVICE_UNAVAILABLE, "Too many visitors at once. Reload this page in a moment.");
        let mut busy = with_retry_after(busy.into_response(), Duration::from_secs(1));
        // Pipelined requests behind this one would be rejected one by one, at the expense of those
        // in progress.
        busy.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return busy;
    };
    if WAITING.iter().any(|pages| request.uri().path().starts_with(pages)) {
        return next.run(request).await;
    }
    // The semaphore is never closed.
    let _turn = shop.concurrency.rendering.acquire().await.ok();
    next.run(request).await
}

/// Adds `Retry-After`, in whole seconds and at least one.
pub fn with_retry_after(mut response: Response, wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}
