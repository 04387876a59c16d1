//! The headers of every response of the public listener.

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use leptos::{nonce::use_nonce, prelude::use_context};
use leptos_axum::ResponseOptions;
use tower_http::request_id::{MakeRequestId, RequestId};

use super::REPORTS;
use crate::{server::config::Environment, wire::names::REQUEST_ID};

/// Sets the content security policy of a page. It may run our own bundle and scripts with this
/// response's nonce, and may send forms to us and on to the payment page. Every response that is no
/// page gets a policy that allows nothing.
pub fn content_security_policy(environment: Environment) {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else {
        return;
    };
    // Browsers apply form-action to the redirect after a form, too. In development the payment page
    // is the sandbox's, and live reload needs its socket.
    let (pay, reload) = match environment {
        Environment::Development => {
            ("https://checkout.stripe.com http://127.0.0.1:* http://localhost:*", " ws://127.0.0.1:* ws://localhost:*")
        }
        Environment::Production => ("https://checkout.stripe.com", ""),
    };
    // On plain http there is nothing at the upgraded URLs.
    let upgrade = if environment == Environment::Production { "; upgrade-insecure-requests" } else { "" };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self' \
         'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; connect-src 'self'{reload}; manifest-src 'self'; \
         form-action 'self' {pay}; frame-src 'none'; frame-ancestors 'none'; object-src 'none'; base-uri \
         'none'{upgrade}; report-uri {REPORTS}; report-to csp"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
    // `report-to` refers to this endpoint; `report-uri` is for browsers that do not support it.
    if let Ok(endpoints) = HeaderValue::from_str(&format!("csp=\"{REPORTS}\"")) {
        response.insert_header(HeaderName::from_static("reporting-endpoints"), endpoints);
    }
    response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Adds the security headers that a response does not have yet.
pub async fn security(State(environment): State<Environment>, request: Request, next: Next) -> Response {
    const ALWAYS: [(HeaderName, &str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With no-referrer, browsers would send `Origin: null` with our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    ];
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"));
    if environment == Environment::Production {
        // Without `preload`, which requires https under every name of the domain, for good.
        headers
            .entry(header::STRICT_TRANSPORT_SECURITY)
            .or_insert(HeaderValue::from_static("max-age=63072000; includeSubDomains"));
    }
    response
}

/// Removes a request id that the client sent. Otherwise it would be logged and echoed.
pub async fn without_foreign_request_id(mut request: Request) -> Request {
    request.headers_mut().remove(REQUEST_ID);
    request
}

/// Creates a request id of ours for every request.
#[derive(Clone, Copy)]
pub struct FreshRequestId;

impl MakeRequestId for FreshRequestId {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&format!("req_{}", nanoid::nanoid!(16))).ok().map(RequestId::new)
    }
}
