//! How many requests for pages and files are answered at a time, and what they may bring along.

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

/// Pages that ask the database or the provider. They wait for those, so they must not keep others from being drawn.
const WAITING: [&str; 2] = ["/orders/", "/checkout/"];

/// Gives each GET and HEAD one of the places, or says at once that there is none; health is exempt. What else there is (forms
/// and webhooks) takes a place of its own, once it has proved to be worth one.
pub async fn limit(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    // Nothing that is asked for by GET reads a body: one that comes along is not waited for.
    let request = request.map(|_| Body::empty());
    if request.uri().path() == HEALTH {
        return next.run(request).await;
    }
    let Ok(_permit) = shop.concurrency.requests.try_acquire() else {
        metrics::counter!("requests_refused_total", "reason" => "busy_pages").increment(1);
        if let Some(suppressed) = shop.log_limiter.allow("busy pages") {
            tracing::warn!(suppressed, "request refused: too many are being answered");
        }
        let busy = (StatusCode::SERVICE_UNAVAILABLE, "Too many visitors at once. Reload this page in a moment.");
        let mut busy = with_retry_after(busy.into_response(), Duration::from_secs(1));
        // Who sent more requests behind this one would be refused for each, and keep a processor from those who are answered.
        busy.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return busy;
    };
    if WAITING.iter().any(|pages| request.uri().path().starts_with(pages)) {
        return next.run(request).await;
    }
    // Never closed.
    let _turn = shop.concurrency.rendering.acquire().await.ok();
    next.run(request).await
}

/// When to come again, in whole seconds and at least one.
pub fn with_retry_after(mut response: Response, wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}
