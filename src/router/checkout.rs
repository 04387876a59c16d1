//! The endpoint of the checkout form. It stands in for the generated route of the server function,
//! which responds with other statuses, accepts unknown fields, and redirects to the client's
//! `Referer`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    admission::with_retry_after,
    body::read,
    negotiate::{content_type_is, refuse, wants_json},
    redirect::{Target, see_other},
};
use crate::{
    domain::{
        checkout::{CheckoutError, CheckoutRequest, Field},
        payment::ProviderId,
        product::ProductColor,
    },
    server::{orders::checkout, state::Shop, storefront::email_cookie},
    wire::error::{ErrorParts, RATE_LIMITED},
};

/// The longest form that is read, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// The `Retry-After` of a checkout that was rejected by the concurrency limit.
const BUSY_FOR: Duration = Duration::from_secs(2);

/// Why a form does not lead to a session.
enum Refusal {
    /// The request is no form that can be read.
    Status(StatusCode),
    /// A rate limit, and how long to wait.
    Limited(Duration),
    /// Too many checkouts are in progress.
    Busy,
    Checkout(CheckoutError),
}

/// `POST /api/create_checkout`.
pub async fn create(
    State(shop): State<Arc<Shop>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let json = wants_json(&headers);
    let mut typed = Typed::default();
    let result = attempt(&shop, peer, &headers, body, &mut typed).await;
    let mut response = match (result, json) {
        (Ok(target), true) => Json(json!({ "url": target.as_str() })).into_response(),
        (Ok(target), false) => target.into_response(),
        (Err(refusal), true) => refusal.as_json(),
        (Err(refusal), false) => refusal.as_page(&typed),
    };
    if let Some(cookie) = typed.email.and_then(|email| email_cookie::write(&email, &shop.app_url)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn attempt(
    shop: &Arc<Shop>,
    peer: SocketAddr,
    headers: &HeaderMap,
    body: Body,
    typed: &mut Typed,
) -> Result<Target, Refusal> {
    if content_type_is(headers, &["application/x-www-form-urlencoded"]) != Some(true) {
        return Err(Refusal::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let body = read(headers, body, MAX_BYTES).await.map_err(Refusal::Status)?;
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(&body).map_err(|_| {
        Refusal::Checkout(CheckoutError::invalid(
            Field::Form,
            "The form could not be read. Reload the page and try again.",
        ))
    })?;
    typed.remember(&fields);
    let request = CheckoutRequest::from_fields(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .map_err(Refusal::Checkout)?;
    shop.rate_limits.checkouts.check(shop.rate_limits.client(peer, headers)).map_err(|wait| {
        metrics::counter!("checkout_rate_limited_total").increment(1);
        if let Some(suppressed) = shop.log_limiter.allow("checkout rate limited") {
            tracing::warn!(suppressed, "checkout rejected by the rate limit, of one address or of all");
        }
        Refusal::Limited(wait)
    })?;
    let _permit = shop.concurrency.checkouts.try_acquire().map_err(|_| {
        metrics::counter!("requests_refused_total", "reason" => "busy_checkouts").increment(1);
        if let Some(suppressed) = shop.log_limiter.allow("busy checkouts") {
            tracing::warn!(suppressed, "checkout rejected: too many are in progress");
        }
        Refusal::Busy
    })?;
    let url = checkout::start(shop, request).await.map_err(Refusal::Checkout)?;
    Target::parse(&url, &shop.app_url, shop.environment).ok_or_else(|| {
        tracing::error!("the provider's payment page has a URL that no customer may be sent to");
        Refusal::Checkout(CheckoutError::Configuration)
    })
}

/// The input that is shown again when the form comes back.
#[derive(Default)]
struct Typed {
    color: Option<ProductColor>,
    method: Option<ProviderId>,
    email: Option<String>,
}

impl Typed {
    fn remember(&mut self, fields: &[(String, String)]) {
        let value = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        self.color = value("color").and_then(|color| color.parse().ok());
        self.method = value("method").and_then(ProviderId::from_name);
        self.email = value("email").filter(|email| !email.is_empty()).map(str::to_owned);
    }
}

impl Refusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Status(status) => *status,
            Self::Limited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Checkout(CheckoutError::InvalidInput { .. }) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Checkout(CheckoutError::Payment) => StatusCode::PAYMENT_REQUIRED,
            Self::Busy | Self::Checkout(CheckoutError::Configuration | CheckoutError::Network) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limited(wait) => Some(*wait),
            Self::Busy => Some(BUSY_FOR),
            Self::Status(_) | Self::Checkout(_) => None,
        }
    }

    fn parts(&self) -> ErrorParts<'_> {
        match self {
            Self::Status(status) => ErrorParts::of_form(plain_text(*status)),
            Self::Limited(_) => ErrorParts::of_form(RATE_LIMITED),
            Self::Busy => ErrorParts::of(&CheckoutError::Network),
            Self::Checkout(error) => ErrorParts::of(error),
        }
    }

    fn as_json(&self) -> Response {
        self.with_retry_after(refuse(self.status(), self.parts(), true))
    }

    /// Redirects to the storefront with the error in the URL. Neither the address nor any other
    /// text that was typed is in it.
    fn as_page(&self, typed: &Typed) -> Response {
        let parts = match self {
            Self::Status(_) => return refuse(self.status(), self.parts(), false),
            Self::Limited(_) => ErrorParts::RATE_LIMITED,
            Self::Busy | Self::Checkout(_) => self.parts(),
        };
        let typed = [("color", typed.color.map(ProductColor::slug)), ("method", typed.method.map(ProviderId::as_str))];
        let query = serde_urlencoded::to_string(
            typed.into_iter().chain(parts.query()).filter_map(|(name, value)| Some((name, value?))).collect::<Vec<_>>(),
        );
        self.with_retry_after(see_other(&format!("/?{}#checkout", query.unwrap_or_default())))
    }

    fn with_retry_after(&self, response: Response) -> Response {
        match self.retry_after() {
            Some(wait) => with_retry_after(response, wait),
            None => response,
        }
    }
}

const fn plain_text(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "Send the form as application/x-www-form-urlencoded.",
        StatusCode::PAYLOAD_TOO_LARGE => "The form is longer than 16 KiB.",
        StatusCode::REQUEST_TIMEOUT => "The form took too long to arrive. Try again.",
        _ => "The form could not be read.",
    }
}
