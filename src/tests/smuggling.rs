//! Requests that two readers might read differently: each is refused, or is one request. Over raw
//! TCP, because no client would send them.

use std::time::Duration;

use rolitt::server::http::listener::Bounds;

use super::{
    raw::{Raw, statuses},
    test_app::{Setup, TestApp},
    web,
};

/// The request that an attacker hides behind the first one.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n";

async fn shop() -> TestApp {
    // A connection that waits for more is closed soon.
    let bounds = Bounds { head: Duration::from_millis(400), body: Duration::from_millis(400), ..Bounds::default() };
    TestApp::start_with(Setup { bounds: Some(bounds), ..Setup::default() }).await
}

/// The final statuses of everything that was answered to these bytes.
async fn answers(app: &TestApp, bytes: &[u8]) -> Vec<u16> {
    let text = Raw::to(app).await.exchange(bytes).await;
    statuses(&text).into_iter().filter(|status| *status != 100).collect()
}

/// A form with these headers and this body.
fn post(headers: &str, body: &str) -> String {
    format!(
        "POST /api/create_checkout HTTP/1.1\r\nhost: h\r\ncontent-type: application/x-www-form-urlencoded\r\n{headers}\r\n\r\n{body}"
    )
}

/// Asserts that these bytes are at most one request: answered once, or not at all.
async fn one(app: &TestApp, what: &str, bytes: &[u8]) {
    let answers = answers(app, bytes).await;
    assert!(answers.len() <= 1, "{what}: {answers:?}");
}

/// Asserts that these bytes are refused, and that nothing behind them is read.
async fn refused(app: &TestApp, what: &str, bytes: &[u8]) {
    let answers = answers(app, bytes).await;
    assert!(answers.is_empty() || matches!(answers[..], [400..=499 | 501 | 505]), "{what}: {answers:?}");
}

#[tokio::test]
async fn two_requests_are_two_and_are_counted() {
    let app = shop().await;
    assert_eq!(answers(&app, HIDDEN.repeat(2).as_bytes()).await, [200, 200]);
    let framed = post("content-length: 9", "color=Red") + HIDDEN;
    assert_eq!(answers(&app, framed.as_bytes()).await, [303, 200]);
    app.finish().await;
}

#[tokio::test]
async fn a_request_with_two_lengths_is_one_request_or_none() {
    let app = shop().await;
    let hidden = HIDDEN.len();
    for (what, headers, body) in [
        (
            "CL.TE",
            format!("content-length: {}\r\ntransfer-encoding: chunked", hidden + 5),
            format!("0\r\n\r\n{HIDDEN}"),
        ),
        (
            "TE.CL",
            "transfer-encoding: chunked\r\ncontent-length: 4".to_owned(),
            format!("{hidden:x}\r\n{HIDDEN}\r\n0\r\n\r\n"),
        ),
        (
            "TE.CL of the rest",
            "transfer-encoding: chunked\r\ncontent-length: 5".to_owned(),
            format!("0\r\n\r\n{HIDDEN}"),
        ),
        ("the same length twice", "content-length: 9\r\ncontent-length: 9".to_owned(), "color=Red".to_owned()),
        (
            "a tab before chunked",
            "transfer-encoding:\tchunked\r\ncontent-length: 5".to_owned(),
            format!("0\r\n\r\n{HIDDEN}"),
        ),
        (
            "another name",
            format!("transfer_encoding: chunked\r\ncontent-length: {}", hidden + 5),
            format!("0\r\n\r\n{HIDDEN}"),
        ),
        (
            "capitals",
            format!("TRANSFER-ENCODING: CHUNKED\r\ncontent-length: {}", hidden + 5),
            format!("0\r\n\r\n{HIDDEN}"),
        ),
        ("expect", format!("expect: 100-continue\r\ncontent-length: {hidden}"), HIDDEN.to_owned()),
    ] {
        one(&app, what, post(&headers, &body).as_bytes()).await;
    }
    for headers in [
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5, 5",
        "content-length: +5",
        "content-length: -5",
        "content-length: 0x5",
        "content-length: 5 5",
        "content-length: 99999999999999999999",
        "content-length: ",
        "content-length : 5",
        "content-length\t: 5",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: chunked;q=1",
        "transfer-encoding : chunked",
        "transfer-encoding: \x0bchunked",
        "transfer\x0b-encoding: chunked",
        "x: y\r\n transfer-encoding: chunked",
        "x: y\r\n\tcontent-length: 5",
        " content-length: 5",
        "content-length: 5\r\n: empty",
    ] {
        refused(&app, headers, post(headers, &format!("0\r\n\r\n{HIDDEN}")).as_bytes()).await;
    }
    let old =
        format!("POST /api/create_checkout HTTP/1.0\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}");
    refused(&app, "chunks in HTTP/1.0", old.as_bytes()).await;
    app.finish().await;
}

#[tokio::test]
async fn a_malformed_chunked_body_ends_the_request() {
    let app = shop().await;
    for chunks in [
        "0x9\r\ncolor=Red\r\n0\r\n\r\n",
        "-9\r\ncolor=Red\r\n0\r\n\r\n",
        "+9\r\ncolor=Red\r\n0\r\n\r\n",
        "9 9\r\ncolor=Red\r\n0\r\n\r\n",
        "\r\ncolor=Red\r\n0\r\n\r\n",
        "g\r\ncolor=Red\r\n0\r\n\r\n",
        "fffffffffffffffff\r\ncolor=Red\r\n0\r\n\r\n",
        "10000000000000000\r\n\r\n0\r\n\r\n",
        "9\ncolor=Red\n0\n\n",
        "9\r\ncolor=RedXX0\r\n\r\n",
        "9;a=\n\r\ncolor=Red\r\n0\r\n\r\n",
        "5\r\ncolor\r\n",
    ] {
        let answers = answers(&app, post("transfer-encoding: chunked", &format!("{chunks}{HIDDEN}")).as_bytes()).await;
        assert!(answers.is_empty() || matches!(answers[..], [400..=499]), "{chunks:?}: {answers:?}");
    }
    // An extension and trailers are allowed, and nothing of them counts as a header or as a
    // request.
    let good = "9;a=b\r\ncolor=Red\r\n0\r\nhost: evil\r\ncontent-length: 50\r\n\r\n";
    assert_eq!(answers(&app, post("transfer-encoding: chunked", good).as_bytes()).await, [303]);
    app.finish().await;
}

#[tokio::test]
async fn a_malformed_request_head_is_rejected() {
    let app = shop().await;
    for head in [
        "GET /\r\nx: HTTP/1.1\r\nhost: h\r\n\r\n",
        "GET / HTTP/1.1\rhost: h\r\n\r\n",
        "GET /a\0b HTTP/1.1\r\nhost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h\r\nx: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h\r\nx: a\rb: c\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h\r\nx y: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h\r\nx(y): a\r\n\r\n",
        "GET / HTTP/1.1 x\r\nhost: h\r\n\r\n",
        "GET  / HTTP/1.1\r\nhost: h\r\n\r\n",
        "GET / HTTP/1.2\r\nhost: h\r\n\r\n",
        "GET / HTTP/3.0\r\nhost: h\r\n\r\n",
        "GET /\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "G\x01T / HTTP/1.1\r\nhost: h\r\n\r\n",
        "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n\r\n",
        "TRACE / HTTP/1.1\r\nhost: h\r\n\r\n",
        // Whom it is for is said once, or it is not said.
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h\r\nhost: evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h\r\nHOST: h\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h/x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h, evil.example\r\n\r\n",
    ] {
        refused(&app, head, head.as_bytes()).await;
    }
    refused(&app, "not UTF-8", b"GET /\xff HTTP/1.1\r\nhost: h\r\n\r\n").await;
    let long = "x".repeat(40 * 1024);
    refused(&app, "a long header", format!("GET / HTTP/1.1\r\nhost: h\r\nx: {long}\r\n\r\n").as_bytes()).await;
    refused(&app, "a long target", format!("GET /{long}{long} HTTP/1.1\r\nhost: h\r\n\r\n").as_bytes()).await;
    let many = (0..200).map(|number| format!("x-{number}: y\r\n")).collect::<Vec<_>>().concat();
    refused(&app, "many headers", format!("GET / HTTP/1.1\r\nhost: h\r\n{many}\r\n").as_bytes()).await;
    app.finish().await;
}

#[tokio::test]
async fn unusual_but_unambiguous_requests_are_one_request() {
    let app = shop().await;
    let hidden = HIDDEN.len();
    for (what, head) in [
        // A line end without CR may be read as one (RFC 9112, 2.2), as long as everything is read
        // that way.
        ("bare line ends", "GET / HTTP/1.1\nhost: h\nx: y\n\n".to_owned()),
        (
            "a body that GET has no use for",
            format!("GET / HTTP/1.1\r\nhost: h\r\ncontent-length: {hidden}\r\n\r\n{HIDDEN}"),
        ),
        (
            "chunks that GET has no use for",
            format!(
                "GET / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n{hidden:x}\r\n{HIDDEN}\r\n0\r\n\r\n"
            ),
        ),
        (
            "a wish for another protocol",
            "GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n".to_owned(),
        ),
        (
            "line ends in disguise",
            format!("GET /%0d%0a%0d%0aGET%20/healthz HTTP/1.1\r\nhost: h\r\nx: %0d%0a{}\r\n\r\n", "a: b"),
        ),
        ("a line of spaces", format!("GET / HTTP/1.1\r\nhost: h\r\nx: {}\r\n\r\n", " ".repeat(100))),
    ] {
        one(&app, what, head.as_bytes()).await;
    }
    let old = answers(&app, b"GET /healthz HTTP/1.0\r\n\r\n").await;
    assert_eq!(old, [200], "load balancers of old ask without a name");
    app.finish().await;
}

#[tokio::test]
async fn an_absolute_form_target_is_checked_by_its_own_host() {
    let app = web::production().await;
    for (target, host, status) in [
        ("https://shop.example/", "shop.example", 200),
        ("http://evil.example/", "shop.example", 421),
        ("https://shop.example/", "evil.example", 421),
        ("http://shop.example@evil.example/", "shop.example", 421),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(answers(&app, request.as_bytes()).await, [status], "{target} {host}");
    }
    app.finish().await;
}
