//! The hosts that the shop accepts, and the sites whose pages may send it forms (CSRF).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{StatusCode, Version, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower_http::csrf::{CsrfLayer, ProtectionError};
use url::Url;

use super::{
    HEALTH,
    negotiate::{refuse, wants_json},
};
use crate::{
    server::{config::Environment, state::Shop},
    wire::error::ErrorParts,
};

/// The message for a form that was sent from another site.
const CROSS_SITE: &str = "This form was sent from another site. Open the shop and order there.";

/// Rejects a request that a browser sends from another site's page, on every route. A client that
/// sends neither `Sec-Fetch-Site` nor `Origin` is no browser and carries no customer's cookies.
/// Payment providers are such clients.
pub fn cross_site(app_url: &Url) -> CsrfLayer {
    // The shop's own origin is always trusted, behind a proxy that changes `Host`, too.
    CsrfLayer::new().add_trusted_origin(app_url.origin().ascii_serialization()).unwrap_or_default()
}

/// Adds a message to a rejection by [`cross_site`].
pub async fn explain_cross_site(request: Request, next: Next) -> Response {
    let json = wants_json(request.headers());
    let response = next.run(request).await;
    if response.extensions().get::<ProtectionError>().is_none() {
        return response;
    }
    metrics::counter!("requests_refused_total", "reason" => "cross_site").increment(1);
    refuse(StatusCode::FORBIDDEN, ErrorParts::of_form(CROSS_SITE), json)
}

/// Rejects a request that does not have exactly one `Host` (RFC 9112, 3.2), and in production one
/// for another host: a shop that believed in another name could lead customers there. `/healthz`
/// accepts any host, because load balancers use an IP address.
pub async fn known_host(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next(), request.version()) {
        (Some(host), None, _) => host.to_str().ok().filter(|host| host.parse::<Authority>().is_ok()),
        (None, _, Version::HTTP_10) => Some(""),
        _ => None,
    };
    let Some(host) = host else {
        return (StatusCode::BAD_REQUEST, "The request must have exactly one valid Host header.").into_response();
    };
    // An absolute request target outranks the header (RFC 9112, 3.2.2), so both must be ours.
    let named = request.uri().authority().map(Authority::as_str);
    let ours = |name: &str| is_host_of(name, &shop.app_url);
    if shop.environment == Environment::Production
        && request.uri().path() != HEALTH
        && !(ours(host) && named.is_none_or(ours))
    {
        metrics::counter!("requests_refused_total", "reason" => "foreign_host").increment(1);
        return (StatusCode::MISDIRECTED_REQUEST, "This server does not serve the requested host.").into_response();
    }
    next.run(request).await
}

/// Reports whether `host` (a name, perhaps with a port) is the host of `url`.
fn is_host_of(host: &str, url: &Url) -> bool {
    Url::parse(&format!("{}://{host}", url.scheme())).is_ok_and(|named| {
        named.origin() == url.origin()
            && named.username().is_empty()
            && named.password().is_none()
            && named.path() == "/"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_header_is_ours_by_name_and_port_and_not_by_similarity() {
        let url = Url::parse("https://shop.example").unwrap();
        for ours in ["shop.example", "SHOP.example", "shop.example:443"] {
            assert!(is_host_of(ours, &url), "{ours}");
        }
        for other in [
            "",
            "shop.example:80",
            "evil.example",
            "shop.example.evil",
            "shop.example@evil",
            "shop.example/x",
            "x@shop.example",
            "shop.example.",
        ] {
            assert!(!is_host_of(other, &url), "{other}");
        }
        assert!(is_host_of("127.0.0.1:3000", &Url::parse("http://127.0.0.1:3000").unwrap()));
    }
}
