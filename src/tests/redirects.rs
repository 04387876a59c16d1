//! Where answers lead: to the shop, or to the payment page of the provider; and what can be written
//! into a header from outside.

use futures::future::join_all;
use reqwest::{Method, Response, StatusCode};

use super::{
    test_app::{TestApp, form},
    web::{FORM, ask, production},
};

/// Two hundred ways to say "go to evil.example".
fn payloads() -> Vec<String> {
    let targets = [
        "evil.example",
        "evil.example/%2e%2e",
        "evil.example:80",
        "[::ffff:7f00:1]",
        "0x7f.1",
        "xn--e1awd7f.example",
        "еvil.example",
    ];
    let ways = [
        "//{}",
        "///{}",
        "////{}",
        "/\\{}",
        "\\\\{}",
        "\\/{}",
        "/%5c{}",
        "/%2f{}",
        "%2f%2f{}",
        "/%09/{}",
        "/%0a/{}",
        "/%0d%0aLocation:%20https://{}",
        "%0d%0aSet-Cookie:%20a=b%0d%0aLocation:%20//{}",
        "https://{}",
        "http:{}",
        "https:///{}",
        "https:/{}",
        "hTTps://{}",
        "ftp://{}",
        "https://shop.example@{}",
        "https://shop.example:443@{}",
        "https://shop.example%40{}",
        "https://{}#shop.example",
        "https://{}?shop.example",
        "https://shop.example.{}",
        "javascript:location='//{}'",
        "data:text/html,{}",
        "/.//{}",
        "/..//{}",
    ];
    targets.iter().flat_map(|target| ways.iter().map(move |way| way.replace("{}", target))).collect()
}

/// Returns whether a browser that follows this `Location` stays on the shop, by the URL standard.
fn stays(app: &TestApp, response: &Response) -> bool {
    let base = app.shop.app_url.join("/x").unwrap();
    let stays = |location: &str| base.join(location).is_ok_and(|target| target.origin() == base.origin());
    response.headers().get_all("location").iter().all(|location| stays(location.to_str().unwrap()))
        && response.headers().get("refresh").is_none()
}

/// Tries one payload in every place that a request has for it.
async fn tempt(app: &TestApp, payload: &str) {
    let names = ["next", "return", "url", "redirect", "error", "color", "__path", "__err"];
    let query = serde_urlencoded::to_string(names.map(|name| (name, payload))).unwrap();
    let path: String = url::form_urlencoded::byte_serialize(payload.as_bytes()).collect();
    let ascii: String = payload.chars().filter(char::is_ascii).collect();
    let names = ["referer", "x-forwarded-host", "x-forwarded-proto", "x-original-url", "x-rewrite-url", "forwarded"];
    let headers = names.map(|name| (name, ascii.as_str()));
    for path in [format!("/?{query}"), format!("/{path}"), format!("/orders/{path}?{query}")] {
        let answer = ask(app, Method::GET, &path, &headers).await;
        assert!(stays(app, &answer), "{path}: {:?}", answer.headers());
    }
    let fields = ["email", "locale", "attempt", "method", "next"].map(|name| (name, payload));
    let fields = [[("color", "Red")].as_slice(), &fields].concat();
    for fields in [&fields[..], &fields[..5], &fields[..2], &[("color", payload)]] {
        let headers = [[("accept", "text/html")].as_slice(), &headers].concat();
        let answer = app.post_checkout(&form(fields), &headers).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{fields:?}");
        assert!(stays(app, &answer), "{fields:?}: {:?}", answer.headers());
        let cookies: Vec<&str> =
            answer.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
        assert!(cookies.len() <= 1 && cookies.iter().all(|cookie| cookie.starts_with("rolitt_email=")), "{cookies:?}");
    }
}

#[tokio::test]
async fn no_request_makes_an_answer_lead_away() {
    let app = TestApp::start().await;
    app.shop.catalogue.refresh().await.unwrap();
    let payloads = payloads();
    assert!(payloads.len() >= 200, "{}", payloads.len());
    for some in payloads.chunks(16) {
        join_all(some.iter().map(|payload| tempt(&app, payload))).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn raw_targets_that_begin_with_two_slashes_are_paths_like_any_other() {
    use super::raw::{Raw, statuses};
    let app = production().await;
    for target in [
        "//evil.example/%2f..",
        "//evil.example",
        "/\\evil.example",
        "///evil.example/",
        "/%2f%2fevil.example",
        "/pkg//evil.example",
        "//evil.example//",
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n");
        let answer = Raw::to(&app).await.exchange(request).await;
        assert!(!answer.to_lowercase().contains("\r\nlocation:"), "{target}: {answer}");
        assert!(statuses(&answer).iter().all(|status| [200, 400, 404].contains(status)), "{target}: {answer}");
    }
    app.finish().await;
}

#[tokio::test]
async fn only_a_payment_page_of_the_provider_is_led_to() {
    let app = TestApp::start().await;
    let answer = app.post_form(&FORM).await;
    assert_eq!(answer.status().as_u16(), 303);
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(&format!("{}/c/pay/cs_test_", app.sandbox)), "{location}");
    app.finish().await;
}
