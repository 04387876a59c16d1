//! Error responses: they say that something failed and give the request id for the log, and reveal
//! no internals.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use reqwest::{Method, Response, StatusCode};

use super::{
    raw::{Raw, statuses},
    test_app::{ListedIds, SECRET, Setup, TestApp, completed, form, sign},
    web::{FORM, ask, production},
};

/// Words that only the inside of the shop knows.
const INSIDE: [&str; 30] = [
    "select ",
    "insert ",
    "update ",
    "sqlx",
    "postgres",
    "relation ",
    "preorders ",
    "sqlstate",
    "panicked",
    "unwrap",
    "src/",
    ".rs:",
    "rolitt::",
    "storeerror",
    "paymenterror",
    "configerror",
    "serde",
    "reqwest",
    "hyper",
    "tokio",
    "axum",
    "deserialize",
    "utf-8 sequence",
    "os error",
    "connection refused",
    "127.0.0.1",
    "sk_live",
    "sk_test",
    "whsec_",
    "backtrace",
];

/// Asserts that an answer keeps to itself what it should, and returns its body.
async fn discreet(what: &str, answer: Response) -> String {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let id = headers["x-request-id"].to_str().unwrap().to_owned();
    let body = answer.text().await.unwrap();
    let all = format!("{headers:?} {body}").to_lowercase();
    let folder = env!("CARGO_MANIFEST_DIR").to_lowercase();
    let reported: Vec<&str> = INSIDE.into_iter().chain([folder.as_str()]).filter(|word| all.contains(word)).collect();
    assert!(reported.is_empty(), "{what} ({status}) reveals {reported:?}: {body}");
    if status.is_server_error() && body.contains("<html") {
        assert!(body.contains(&id), "{what} ({status}) shows the customer no reference");
    }
    body
}

#[tokio::test]
async fn no_error_response_reveals_internals() {
    let app = production().await;
    // Nothing that the shop stands on is there.
    app.store.close().await;
    let long = "x".repeat(20_000);
    let huge = format!("/?{long}");
    for (path, status) in [
        ("/checkout/success?session_id=cs_live_1", 200),
        ("/checkout/success?session_id=%FF%FE", 200),
        ("/checkout/success", 200),
        ("/orders/ROL-00000000?token=x", 503),
        ("/orders/%FF?token=%FF", 404),
        ("/checkout/events?session_id=cs_live_1", 503),
        ("/checkout/events", 400),
        ("/checkout/events?session_id=%FF", 404),
        ("/checkout/events?session_id=a&session_id=b", 400),
        ("/?color=%FF&error=%00&field=%C0%AF", 200),
        ("/?error=configuration", 200),
        ("/%FF", 404),
        ("/%00", 404),
        ("/..%2f..%2fetc%2fpasswd", 404),
        ("/pkg/%2e%2e/%2e%2e/Cargo.toml", 404),
        ("/api/create_checkout", 405),
        ("/api/webhooks/stripe", 405),
        ("/api/none", 404),
        (huge.as_str(), 200),
    ] {
        let answer = ask(&app, Method::GET, path, &[]).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        discreet(path, answer).await;
    }
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let json_type = ("content-type", "application/json");
    let good = form(&FORM).into_bytes();
    let event = completed("evt_1", "cs_live_1").to_string().into_bytes();
    let signature = sign(SECRET, app.shop.clock.now().unix_timestamp(), &event);
    let garbage = b"\xff\xfe{".to_vec();
    let garbage_signature = sign(SECRET, app.shop.clock.now().unix_timestamp(), &garbage);
    let deep = "[".repeat(10_000).into_bytes();
    for (path, headers, body, status) in [
        ("/api/create_checkout", vec![form_type], good.clone(), 303),
        ("/api/create_checkout", vec![form_type, ("accept", "application/json")], good.clone(), 503),
        (
            "/api/create_checkout",
            vec![form_type, ("accept", "application/json")],
            b"color=%FF%FE&email=%00".to_vec(),
            422,
        ),
        ("/api/create_checkout", vec![form_type, ("accept", "application/json")], garbage.clone(), 422),
        ("/api/create_checkout", vec![], good.clone(), 415),
        ("/api/create_checkout", vec![json_type, ("accept", "application/json")], b"{}".to_vec(), 415),
        ("/api/create_checkout", vec![form_type], vec![b'x'; 20_000], 413),
        ("/api/create_checkout", vec![form_type, ("origin", "https://evil.example")], good.clone(), 403),
        ("/api/create_checkout", vec![form_type, ("host", "evil.example")], good.clone(), 421),
        ("/api/load_order_by_link", vec![form_type], b"number=x&token=y".to_vec(), 404),
        ("/api/webhooks/stripe", vec![json_type, ("stripe-signature", signature.as_str())], event.clone(), 503),
        (
            "/api/webhooks/stripe",
            vec![json_type, ("stripe-signature", garbage_signature.as_str())],
            garbage.clone(),
            503,
        ),
        ("/api/webhooks/stripe", vec![json_type, ("stripe-signature", "t=,v1=,,=")], event.clone(), 400),
        ("/api/webhooks/stripe", vec![json_type], event.clone(), 400),
        ("/api/webhooks/stripe", vec![("content-type", "text/xml")], event.clone(), 415),
        ("/api/webhooks/%FF", vec![json_type], event.clone(), 404),
        ("/csp-report", vec![("content-type", "application/csp-report")], garbage.clone(), 400),
        ("/csp-report", vec![("content-type", "application/reports+json")], deep, 400),
        ("/", vec![], Vec::new(), 405),
    ] {
        let mut request = app.http.post(format!("{}{path}", app.public)).body(body);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "shop.example");
        }
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path} {headers:?}");
        discreet(path, answer).await;
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
        for path in ["/", "/api/create_checkout", "/nowhere", "/healthz"] {
            let answer = ask(&app, method.clone(), path, &[]).await;
            assert!(answer.status().is_client_error(), "{method} {path}: {}", answer.status());
            discreet(path, answer).await;
        }
    }
    // What is refused before it is a request has no body at all.
    for head in [format!("GET / HTTP/1.1\r\nx: {long}{long}\r\n\r\n"), "GET / HTTP/9\r\n\r\n".to_owned()] {
        let answer = Raw::to(&app).await.exchange(head).await;
        assert!(matches!(statuses(&answer)[..], [400..=499]) && answer.ends_with("\r\n\r\n"), "{answer}");
    }
    app.leave().await;
}

#[tokio::test]
async fn a_panic_is_a_sentence_and_a_reference() {
    let variables = HashMap::from([
        ("PAYMENT_PROVIDERS", "stripe,invoice".to_owned()),
        ("INVOICE_ACCOUNT_HOLDER", "Rolitt Workshop".to_owned()),
        ("INVOICE_IBAN", "DE89 3704 0044 0532 0130 00".to_owned()),
    ]);
    // There is no number to draw, and drawing one panics.
    let ids = Arc::new(ListedIds(Mutex::new(Vec::new())));
    let app = TestApp::start_with(Setup { variables, ids: Some(ids), ..Setup::default() }).await;
    let order = [FORM.as_slice(), &[("method", "invoice")]].concat();
    let answer = app.post_form(&order).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.headers()["x-frame-options"], "DENY");
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body = discreet("a panic", answer).await;
    assert!(body.contains(&id) && body.contains("Nothing was charged"), "{body}");
    let answer = app.post_json(&order).await;
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (StatusCode::INTERNAL_SERVER_ERROR, &"application/json".parse().unwrap())
    );
    let body = discreet("a panic", answer).await;
    assert!(body.contains(r#""kind":"configuration""#) && body.contains("Reference: req_"), "{body}");
    assert_eq!(app.get("/").await.status(), StatusCode::OK, "the next one is served");
    app.leave().await;
}

/// A page without what no two answers share.
async fn without_its_own(answer: Response) -> (StatusCode, String) {
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    (answer.status(), answer.text().await.unwrap().replace(&id, "ID").replace(&nonce, "NONCE"))
}

#[tokio::test]
async fn order_pages_are_not_enumerable() {
    let app = TestApp::start().await;
    app.deliver(&completed("evt_1", "cs_test_1")).await;
    let number = app.row("select preorder_number from preorders").await["preorder_number"].as_str().unwrap().to_owned();
    let token = "0".repeat(64);
    let (status, known) = without_its_own(app.get(&format!("/orders/{number}?token={token}")).await).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(!known.contains(&number) && !known.contains(&token));
    for path in [
        format!("/orders/{number}"),
        format!("/orders/{number}?token="),
        format!("/orders/{number}?token={}", "f".repeat(64)),
        format!("/orders/ROL-00000000?token={token}"),
        "/orders/ROL-00000000".to_owned(),
        "/orders/nonsense?token=x".to_owned(),
    ] {
        let other = without_its_own(app.get(&path).await).await;
        assert_eq!(other, (status, known.clone()), "{path}");
    }
    app.deliver_all().await;
    app.finish().await;
}
