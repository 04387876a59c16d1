//! The targets of redirects: the shop itself, and a payment page that the provider named. Any other
//! `Location`, by whatever mistake, is replaced by the storefront (no open redirect).

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use url::Url;

use crate::server::config::Environment;

/// A page to redirect a customer to: the provider's payment page, or a page of ours. Only this
/// `Location` may lead away from the shop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target(String);

impl Target {
    /// Returns `None` for a URL that no payment page has: any scheme but https (in development, the
    /// sandbox's http on loopback is accepted), or credentials.
    pub fn parse(url: &str, app_url: &Url, environment: Environment) -> Option<Self> {
        let parsed = Url::parse(url).ok().filter(without_credentials)?;
        let good = parsed.scheme() == "https"
            || parsed.origin() == app_url.origin()
            || (environment == Environment::Development && parsed.scheme() == "http" && is_loopback(&parsed));
        (good && is_plain(url)).then(|| Self(url.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IntoResponse for Target {
    /// Responds with 303, which the browser follows with a GET.
    fn into_response(self) -> Response {
        let mut response = see_other(&self.0);
        response.extensions_mut().insert(self);
        response
    }
}

/// Responds with 303 to a path of ours.
pub fn see_other(target: &str) -> Response {
    let target = HeaderValue::from_str(target).unwrap_or(HOME);
    (StatusCode::SEE_OTHER, [(header::LOCATION, target)]).into_response()
}

const HOME: HeaderValue = HeaderValue::from_static("/");

/// Replaces a `Location` that leads away from the shop, unless a handler vouched for it with a
/// [`Target`].
pub async fn prevent_open_redirect(State(app_url): State<Url>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let vouched = response.extensions().get::<Target>().cloned();
    if let Some(location) = response.headers().get(header::LOCATION) {
        let text = location.to_str().unwrap_or_default();
        if !is_ours(text, &app_url) && vouched.is_none_or(|target| target.as_str() != text) {
            metrics::counter!("redirects_refused_total").increment(1);
            tracing::error!(
                "a response would have redirected away from the shop; it redirects to the storefront instead"
            );
            response.headers_mut().insert(header::LOCATION, HOME);
        }
    }
    response
}

/// Reports whether a browser that follows this `Location` stays on the shop. Browsers read `\` as
/// `/` and drop tabs and line ends (<https://url.spec.whatwg.org/#concept-basic-url-parser>), so it
/// may have none of these.
fn is_ours(location: &str, app_url: &Url) -> bool {
    let path = location.starts_with('/') && !location.starts_with("//");
    let absolute =
        || Url::parse(location).is_ok_and(|url| url.origin() == app_url.origin() && without_credentials(&url));
    is_plain(location) && (path || absolute())
}

/// Reports whether every browser reads the text as we do.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

fn without_credentials(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use tower::ServiceExt as _;

    use super::*;

    fn shop() -> Url {
        Url::parse("https://shop.example").unwrap()
    }

    #[tokio::test]
    async fn an_open_redirect_is_replaced_by_the_storefront() {
        let leading = |to: &'static str| move || async move { (StatusCode::FOUND, [(header::LOCATION, to)]) };
        let vouched = Target::parse("https://checkout.stripe.com/c", &shop(), Environment::Production).unwrap();
        let app = Router::new()
            .route("/away", get(leading("https://evil.example/")))
            .route("/here", get(leading("/orders")))
            .route("/pay", get(move || async move { vouched }))
            .layer(from_fn_with_state(shop(), prevent_open_redirect));
        for (path, location) in [("/away", "/"), ("/here", "/orders"), ("/pay", "https://checkout.stripe.com/c")] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let answer = app.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.headers()[header::LOCATION], location, "{path}");
        }
    }

    #[test]
    fn a_location_of_ours_is_a_path_or_our_origin() {
        for ours in [
            "/",
            "/?color=red#checkout",
            "/orders/ROL-1?token=x",
            "https://shop.example/x",
            "https://SHOP.example:443/",
        ] {
            assert!(is_ours(ours, &shop()), "{ours}");
        }
        for away in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "https://shop.example.evil.example/",
            "https://shop.example@evil.example/",
            "https://x@shop.example/",
            "http://shop.example/",
            "https://shop.example:8443/",
            "javascript:alert(1)",
            "data:text/html,x",
            "evil.example",
            "https:evil.example",
            "https:///evil.example",
        ] {
            assert!(!is_ours(away, &shop()), "{away}");
        }
    }

    #[test]
    fn a_payment_page_is_https_and_in_development_the_sandboxs() {
        use Environment::{Development, Production};
        let good = |url: &str, environment| Target::parse(url, &shop(), environment).is_some();
        assert!(good("https://checkout.stripe.com/c/pay/cs_1#x", Production));
        assert!(good("https://pay.shop.example/c/pay/cs_1", Production), "a merchant's own domain at Stripe");
        assert!(!good("http://127.0.0.1:12111/c/pay/cs_1", Production));
        for url in ["http://127.0.0.1:12111/c/pay/cs_1", "http://localhost:12111/c", "http://[::1]:1/"] {
            assert!(good(url, Development), "{url}");
        }
        for url in
            ["http://checkout.stripe.com/", "javascript:alert(1)", "https://a@checkout.stripe.com/", "/c/pay", ""]
        {
            assert!(!good(url, Development), "{url}");
        }
    }
}
