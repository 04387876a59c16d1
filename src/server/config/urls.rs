//! The two kinds of URL in the configuration.

use std::net::IpAddr;

use url::Url;

/// Parses the public site's origin: an http(s) URL without path, query, fragment or credentials.
/// `http` is accepted for loopback only.
pub fn origin(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "must be an absolute URL like https://shop.example".to_owned())?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let loopback = url.host_str().is_some_and(|host| {
        host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    match url.scheme() {
        "https" | "http" if !bare || url.host_str().is_none() => {
            Err("must have no path, query or user name".to_owned())
        }
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        _ => Err("must begin with https://".to_owned()),
    }
}

/// Parses the base URL of an API: http(s), with any path.
pub fn api_base(text: &str) -> Result<Url, String> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
        .ok_or_else(|| "must be an absolute URL like https://api.stripe.com".to_owned())
}
