//! The cookie that carries a typed email back into a form that was rejected. The URL never has it.

use axum::http::HeaderValue;
use cookie::{Cookie, SameSite};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use time::Duration;
use url::Url;

use crate::domain::customer::Email;

/// How long a browser stores it.
const MAX_AGE: Duration = Duration::minutes(10);

const NAME: &str = "rolitt_email";

/// The name where the site is on https. With this prefix a browser rejects a cookie that another
/// host or plain http set (RFC 6265bis, 4.1.3.2).
const HOST_NAME: &str = "__Host-rolitt_email";

/// What the value writes as `%xx`: all that could end it, and a plus sign, which some readers take
/// for a space.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// Returns the email in a `Cookie` header; the cookie with the `__Host-` prefix goes first. A value
/// longer than an address is dropped.
pub fn read(header: &str) -> Option<String> {
    value(header, HOST_NAME).or_else(|| value(header, NAME))
}

/// Names are compared as they were sent: after decoding, `%5F%5FHost-…`, which any site may set,
/// would pass for `__Host-…`.
fn value(header: &str, name: &str) -> Option<String> {
    let cookie = Cookie::split_parse(header).filter_map(Result::ok).find(|cookie| cookie.name() == name)?;
    let value = percent_decode_str(cookie.value()).decode_utf8().ok()?;
    (value.len() <= Email::MAX).then(|| value.into_owned())
}

/// Returns the `Set-Cookie` header for `email`, or `None` if it is longer than an address.
pub fn write(email: &str, app_url: &Url) -> Option<HeaderValue> {
    if email.len() > Email::MAX {
        return None;
    }
    let https = app_url.scheme() == "https";
    let value = utf8_percent_encode(email, ENCODED).to_string();
    let cookie = Cookie::build((if https { HOST_NAME } else { NAME }, value))
        .path("/")
        .max_age(MAX_AGE)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(https);
    HeaderValue::from_str(&cookie.to_string()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_cookie_has_the_attributes_of_the_contract() {
        let on_http = write("jo+x@example.com", &url("http://127.0.0.1:3000")).unwrap();
        assert_eq!(on_http, "rolitt_email=jo%2Bx%40example.com; HttpOnly; SameSite=Lax; Path=/; Max-Age=600");
        let on_https = write("jo", &url("https://shop.example")).unwrap();
        assert_eq!(on_https, "__Host-rolitt_email=jo; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600");
    }

    #[test]
    fn the_host_cookie_goes_before_one_that_a_sibling_site_can_plant() {
        assert_eq!(read("rolitt_email=al@example.com; __Host-rolitt_email=jo@example.com").unwrap(), "jo@example.com");
        assert_eq!(read("a=b; rolitt_email=jo%2Bx%40example; c").unwrap(), "jo+x@example");
        assert_eq!(read("%5F%5FHost-rolitt_email=al; __Host-rolitt_email=jo").unwrap(), "jo");
        assert_eq!(read("rolitt_email2=jo; xrolitt_email=jo; rolitt_email"), None);
    }

    #[test]
    fn a_value_longer_than_an_address_is_neither_written_nor_read() {
        let long = "x".repeat(Email::MAX + 1);
        assert_eq!(write(&long, &url("https://shop.example")), None);
        assert_eq!(read(&format!("rolitt_email={long}")), None);
        assert_eq!(read(&format!("rolitt_email={}", &long[1..])).unwrap().len(), Email::MAX);
    }

    proptest! {
        #[test]
        fn what_was_typed_reads_back_as_it_was(typed in ".{0,60}") {
            let header = write(&typed, &url("http://127.0.0.1:3000")).unwrap();
            let pair = header.to_str().unwrap().split(';').next().unwrap();
            prop_assert_eq!(read(&format!("a=b; {pair}; c=d")), Some(typed));
        }
    }
}
