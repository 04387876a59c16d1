//! The form, from its bytes to the session at the provider, and every way in which it is answered.

use std::collections::HashMap;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::test_app::{Setup, TestApp, form};

const GOOD: [(&str, &str); 4] =
    [("color", "Sakura Pink"), ("email", "jo@example.com"), ("locale", "en"), ("attempt", "attempt-one")];

fn with(changed: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
    GOOD.into_iter().filter(|(name, _)| *name != changed.0).chain([changed]).collect()
}

async fn json_body(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

async fn sessions(app: &TestApp) -> Vec<Value> {
    app.sandbox_get("/v1/checkout/sessions?limit=100").await["data"].as_array().unwrap().clone()
}

fn location(response: &Response) -> String {
    response.headers()["location"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_form_redirects_to_the_payment_page_of_a_matching_session() {
    let app = TestApp::start().await;
    let response = app.post_form(&GOOD).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let url = location(&response);
    assert!(url.starts_with(&format!("{}/c/pay/cs_test_", app.sandbox)), "{url}");
    let all = sessions(&app).await;
    assert_eq!(all.len(), 1);
    let session = &all[0];
    assert_eq!(session["amount_total"], 29_900);
    assert_eq!(session["customer_email"], "jo@example.com");
    assert_eq!(session["client_reference_id"], "attempt-one");
    assert_eq!(
        session["metadata"],
        json!({ "color": "Sakura Pink", "locale": "en", "attempt": "attempt-one",
                "expected_amount_minor": "29900", "expected_currency": "usd" })
    );
    assert_eq!(session["locale"], "en");
    assert_eq!(session["phone_number_collection"]["enabled"], true);
    assert!(session["shipping_address_collection"]["allowed_countries"].as_array().unwrap().len() > 5);
    assert_eq!(session["success_url"], format!("{}/checkout/success?session_id={{CHECKOUT_SESSION_ID}}", app.public));
    assert!(session["cancel_url"].as_str().unwrap().starts_with(&format!("{}/checkout/cancel", app.public)));
    let left = session["expires_at"].as_i64().unwrap() - session["created"].as_i64().unwrap();
    assert!((1800..=86_400).contains(&left), "{left}");
    assert_eq!(app.count("preorders").await + app.count("webhook_logs").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn the_same_attempt_is_the_same_session_and_any_difference_is_another() {
    let app = TestApp::start().await;
    let all = futures::future::join_all((0..20).map(|_| app.post_form(&GOOD))).await;
    let mut urls: Vec<String> = all.iter().map(location).collect();
    urls.push(json_body(app.post_json(&GOOD).await).await["url"].as_str().unwrap().to_owned());
    urls.dedup();
    assert_eq!(urls.len(), 1, "{urls:?}");
    for changed in [("color", "Red"), ("email", "al@example.com"), ("locale", "de"), ("attempt", "attempt-two")] {
        urls.push(location(&app.post_form(&with(changed)).await));
    }
    assert_eq!(sessions(&app).await.len(), 5);
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), 5);
    app.finish().await;
}

#[tokio::test]
async fn an_attempt_whose_session_was_paid_or_expired_gets_a_new_one() {
    let app = TestApp::start().await;
    let first = location(&app.post_form(&GOOD).await);
    let id = first.rsplit('/').next().unwrap();
    app.sandbox_post(&format!("/sandbox/stripe/sessions/{id}/pay"), json!({ "card": "4242424242424242" })).await;
    let second = location(&app.post_form(&GOOD).await);
    assert_ne!(first, second);
    assert_eq!(second, location(&app.post_form(&GOOD).await));
    app.until("the webhook", async || app.count("preorders").await == 1).await;
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn json_is_returned_only_when_accept_names_it() {
    let app = TestApp::start().await;
    let body = json_body(app.post_json(&GOOD).await).await;
    assert!(body["url"].as_str().unwrap().contains("/c/pay/cs_test_"));
    for accept in ["*/*", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "application/jsonx"] {
        let response = app.post_checkout(&form(&GOOD), &[("accept", accept)]).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{accept}");
    }
    let response = app.post_checkout(&form(&GOOD), &[("accept", "text/plain, application/json;q=0.5")]).await;
    assert_eq!(response.status(), StatusCode::OK);
    app.finish().await;
}

#[tokio::test]
async fn each_invalid_field_is_named_and_reaches_no_provider() {
    let app = TestApp::start().await;
    for (fields, field) in [
        (with(("color", "Blue")), "color"),
        (with(("color", "")), "color"),
        (with(("email", "jo")), "email"),
        (with(("email", "")), "email"),
        (with(("locale", "../x")), "locale"),
        (with(("attempt", "a b")), "attempt"),
        (with(("method", "cash")), "method"),
        (with(("amount", "1")), "form"),
        (with(("price", "price_1")), "form"),
        (with(("currency", "usd")), "form"),
        (with(("quantity", "-1")), "form"),
        (GOOD.into_iter().chain([("color", "Red")]).collect(), "color"),
    ] {
        let response = app.post_json(&fields).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        let error = json_body(response).await["error"].clone();
        assert_eq!((&error["kind"], &error["field"]), (&json!("invalid_input"), &json!(field)), "{fields:?}");
        assert!(error["message"].as_str().unwrap().len() > 10);
        let page = app.post_form(&fields).await;
        assert_eq!(page.status(), StatusCode::SEE_OTHER);
        assert!(location(&page).starts_with("/?"), "{}", location(&page));
    }
    assert_eq!(sessions(&app).await.len(), 0);
    app.finish().await;
}

#[tokio::test]
async fn a_form_that_comes_back_keeps_its_input_and_shows_no_address_in_the_url() {
    let app = TestApp::start().await;
    let response = app.post_form(&with(("email", "jo+x@example"))).await;
    let target = location(&response);
    assert_eq!(target, "/?color=sakura-pink&error=invalid_input&field=email#checkout");
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    for attribute in ["Max-Age=600", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let pair = cookie.split(';').next().unwrap().to_owned();
    let page = app.http.get(format!("{}{target}", app.public)).header("cookie", pair).send().await.unwrap();
    let html = page.text().await.unwrap();
    assert!(html.contains(r#"value="jo+x@example""#), "{html}");
    assert!(html.contains("The part after the @ is not complete"));
    app.finish().await;
}

#[tokio::test]
async fn invalid_requests_get_405_413_and_415() {
    let app = TestApp::start().await;
    let url = format!("{}/api/create_checkout", app.public);
    let post = |content_type: Option<&'static str>, body: String| {
        let mut request = app.http.post(&url).body(body);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        async move { request.send().await.unwrap().status() }
    };
    assert_eq!(post(None, form(&GOOD)).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(post(Some("application/json"), "{}".into()).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(post(Some("multipart/form-data; boundary=x"), "x".into()).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let long = format!("{}&attempt={}", form(&GOOD[..3]), "a".repeat(16 * 1024));
    assert_eq!(post(Some("application/x-www-form-urlencoded"), long).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(app.get("/api/create_checkout").await.status(), StatusCode::METHOD_NOT_ALLOWED);
    for headers in [
        [("sec-fetch-site", "cross-site"), ("accept", "text/html")],
        [("sec-fetch-site", "same-site"), ("accept", "application/json")],
        [("origin", "https://evil.example"), ("accept", "application/json")],
        [("origin", "null"), ("accept", "text/html")],
    ] {
        assert_eq!(app.post_checkout(&form(&GOOD), &headers).await.status(), StatusCode::FORBIDDEN, "{headers:?}");
    }
    let ours = app.post_checkout(&form(&GOOD), &[("origin", &app.public), ("accept", "text/html")]).await;
    assert_eq!(ours.status(), StatusCode::SEE_OTHER);
    app.finish().await;
}

#[tokio::test]
async fn no_other_server_function_is_served() {
    let app = TestApp::start().await;
    for name in ["load_storefront", "load_order"] {
        let response =
            app.http.post(format!("{}/api/{name}", app.public)).body("session=cs_test_1").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{name}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_provider_that_fails_a_while_is_asked_again_under_the_same_key() {
    let app = TestApp::start().await;
    app.sandbox_post("/sandbox/faults", json!({ "stripe": { "error_rate": 0.4, "status": 503 } })).await;
    let mut good = 0;
    for number in 0..20 {
        // Under one key: however often it was asked, an attempt has one session.
        let attempt = format!("attempt-{number}");
        let response = app.post_json(&[GOOD[0], GOOD[1], GOOD[2], ("attempt", &attempt)]).await;
        good += i32::from(response.status() == StatusCode::OK);
    }
    // One of sixteen tries in vain, on average: half of them in vain would mean that nothing is
    // tried again.
    assert!(good >= 14, "{good}");
    app.http.delete(format!("{}/sandbox/faults", app.sandbox)).send().await.unwrap();
    assert_eq!(sessions(&app).await.len(), usize::try_from(good).unwrap());
    app.finish().await;
}

#[tokio::test]
async fn a_double_click_waits_for_the_session_of_the_first() {
    let app = TestApp::start().await;
    app.shop.catalogue.refresh().await.unwrap();
    app.sandbox_post("/sandbox/faults", json!({ "stripe": { "latency_ms": 1500 } })).await;
    let (first, second) = tokio::join!(app.post_form(&GOOD), async {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        app.post_form(&GOOD).await
    });
    assert_eq!(location(&first), location(&second));
    app.http.delete(format!("{}/sandbox/faults", app.sandbox)).send().await.unwrap();
    assert_eq!(sessions(&app).await.len(), 1);
    app.finish().await;
}

#[tokio::test]
async fn requests_waiting_for_the_first_prices_share_one_refresh() {
    let app = TestApp::start().await;
    app.sandbox_post("/sandbox/faults", json!({ "stripe": { "hang_rate": 1 } })).await;
    let began = std::time::Instant::now();
    let all = futures::future::join_all((0..5).map(|_| app.post_json(&GOOD))).await;
    assert!(all.iter().all(|response| response.status() == StatusCode::SERVICE_UNAVAILABLE));
    // The promise is eight seconds for each; one after the other would be forty.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    app.finish().await;
}

#[tokio::test]
async fn an_order_is_never_locked_out_by_stored_failures() {
    let app = TestApp::start().await;
    app.shop.catalogue.refresh().await.unwrap();
    app.sandbox_post("/sandbox/faults", json!({ "stripe": { "record_then_error_rate": 1, "status": 500 } })).await;
    for _ in 0..8 {
        assert_eq!(app.post_json(&GOOD).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    app.http.delete(format!("{}/sandbox/faults", app.sandbox)).send().await.unwrap();
    // The last key changes by the minute: a failure that was stored in this one is past in the
    // next.
    app.clock.advance(time::Duration::minutes(2));
    assert_eq!(app.post_json(&GOOD).await.status(), StatusCode::OK);
    app.finish().await;
}

#[tokio::test]
async fn a_stored_failure_does_not_hold_an_attempt_for_ever() {
    let app = TestApp::start().await;
    app.shop.catalogue.refresh().await.unwrap();
    app.sandbox_post("/sandbox/faults", json!({ "stripe": { "record_then_error_rate": 1, "status": 500 } })).await;
    assert_eq!(app.post_json(&GOOD).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    app.http.delete(format!("{}/sandbox/faults", app.sandbox)).send().await.unwrap();
    assert_eq!(app.post_json(&GOOD).await.status(), StatusCode::OK);
    app.finish().await;
}

#[tokio::test]
async fn a_provider_that_is_down_is_the_network_and_one_that_refuses_is_the_shop() {
    let app = TestApp::start().await;
    app.shop.catalogue.refresh().await.unwrap();
    for (status, kind, answer) in [
        (503, "network", StatusCode::SERVICE_UNAVAILABLE),
        (429, "network", StatusCode::SERVICE_UNAVAILABLE),
        (401, "configuration", StatusCode::SERVICE_UNAVAILABLE),
        (402, "payment", StatusCode::PAYMENT_REQUIRED),
    ] {
        app.sandbox_post("/sandbox/faults", json!({ "stripe": { "error_rate": 1, "status": status } })).await;
        let response = app.post_json(&GOOD).await;
        assert_eq!(response.status(), answer, "{status}");
        let error = json_body(response).await["error"].clone();
        assert_eq!((&error["kind"], &error["field"]), (&json!(kind), &Value::Null), "{status}");
        assert!(error["message"].as_str().unwrap().contains("charged"), "it says whether money moved");
        let page = app.post_form(&GOOD).await;
        assert_eq!(location(&page), format!("/?color=sakura-pink&error={kind}#checkout"));
    }
    app.finish().await;
}

#[tokio::test]
async fn the_customers_path_needs_no_database() {
    let app = TestApp::start().await;
    app.store.close().await;
    assert_eq!(app.get("/").await.status(), StatusCode::OK);
    assert_eq!(app.post_form(&GOOD).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(app.get("/healthz").await.status(), StatusCode::OK);
    app.leave().await;
}

#[tokio::test]
async fn too_many_from_one_address_are_slowed_and_forwarded_names_do_not_help() {
    let variables = HashMap::from([("CHECKOUT_RATE_PER_IP", "3".to_owned())]);
    let app = TestApp::start_with(Setup { variables, ..Setup::default() }).await;
    let mut statuses = Vec::new();
    for number in 0..5 {
        let forwarded = format!("10.0.0.{number}");
        statuses.push(
            app.post_checkout(&form(&GOOD), &[("x-forwarded-for", &forwarded), ("accept", "application/json")]).await,
        );
    }
    let codes: Vec<u16> = statuses.iter().map(|response| response.status().as_u16()).collect();
    assert_eq!(codes, [200, 200, 200, 429, 429]);
    let wait: u64 = statuses[3].headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    let page = app.post_form(&GOOD).await;
    assert_eq!(location(&page), "/?color=sakura-pink&error=rate_limited#checkout");
    assert!(app.get("/?error=rate_limited").await.text().await.unwrap().contains("Wait a minute"));
    app.finish().await;
}

#[tokio::test]
async fn a_color_without_a_price_cannot_be_bought() {
    let variables = HashMap::from([
        ("COLOR_PRICE_MAP_JSON", r#"{"Sakura Pink":"price_sandbox_sakura_pink"}"#.to_owned()),
        ("PRODUCT_COLOR_ORDER", "Red,Sakura Pink".to_owned()),
    ]);
    let app = TestApp::start_with(Setup { variables, ..Setup::default() }).await;
    let response = app.post_json(&with(("color", "Red"))).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(json_body(response).await["error"]["field"], "color");
    let offers = json_body(app.get("/api/offers").await).await;
    app.shop.catalogue.refresh().await.unwrap();
    drop(offers);
    let offers = json_body(app.get("/api/offers").await).await["offers"].clone();
    assert_eq!(offers[0], json!({ "color": "Red", "price": null }));
    assert_eq!(offers[1], json!({ "color": "Sakura Pink", "price": { "minor": 29_900, "currency": "usd" } }));
    app.finish().await;
}
