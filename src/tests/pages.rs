//! What customers are shown: the storefront, the way back, and what is not there.

use std::collections::HashMap;

use reqwest::StatusCode;
use serde_json::json;

use super::test_app::{Setup, TestApp};

/// Starts a checkout and returns its session.
async fn session(app: &TestApp) -> String {
    let response = app
        .post_form(&[("color", "Healing Green"), ("email", "jo@example.com"), ("locale", "en"), ("attempt", "pages")])
        .await;
    response.headers()["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_storefront_is_complete_without_a_browser() {
    let app = TestApp::start().await;
    app.shop.catalogue.refresh().await.unwrap();
    let response = app.get("/?color=healing-green").await;
    assert_eq!(response.status(), StatusCode::OK);
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("script-src 'self' 'nonce-") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
    let html = response.text().await.unwrap();
    for text in [
        "Honey Khaki",
        "Sakura Pink",
        "Healing Green",
        "Moonlight Grey",
        "Pre-order for $299",
        r#"action="/api/create_checkout""#,
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains(" style=\""), "inline styles are blocked by the policy");
    app.finish().await;
}

#[tokio::test]
async fn the_colors_stand_in_the_merchants_order() {
    let variables = HashMap::from([("PRODUCT_COLOR_ORDER", "Red,Moonlight Grey".to_owned())]);
    let app = TestApp::start_with(Setup { variables, ..Setup::default() }).await;
    app.shop.catalogue.refresh().await.unwrap();
    let html = app.get("/").await.text().await.unwrap();
    let positions: Vec<usize> = ["Red", "Moonlight Grey", "Honey Khaki", "Sakura Pink", "Healing Green"]
        .iter()
        .map(|color| html.find(&format!("value=\"{color}\"")).unwrap())
        .collect();
    assert!(positions.is_sorted(), "{positions:?}");
    app.finish().await;
}

#[tokio::test]
async fn each_page_carries_an_attempt_of_its_own() {
    let app = TestApp::start().await;
    app.shop.catalogue.refresh().await.unwrap();
    let attempt = |html: String| {
        let (_, rest) = html.split_once("name=\"attempt\"").unwrap();
        rest.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let first = attempt(app.get("/").await.text().await.unwrap());
    let second = attempt(app.get("/").await.text().await.unwrap());
    assert_ne!(first, second);
    app.finish().await;
}

#[tokio::test]
async fn prices_outlive_the_provider_and_without_any_the_page_says_so() {
    let app = TestApp::start().await;
    app.sandbox_post("/sandbox/faults", json!({ "stripe": { "error_rate": 1, "status": 503 } })).await;
    let offers = app.get("/api/offers").await.text().await.unwrap();
    assert_eq!(offers, r#"{"offers":null}"#);
    assert_eq!(app.get("/").await.status(), StatusCode::OK);
    app.http.delete(format!("{}/sandbox/faults", app.sandbox)).send().await.unwrap();
    app.shop.catalogue.refresh().await.unwrap();
    app.sandbox_post("/sandbox/faults", json!({ "stripe": { "error_rate": 1, "status": 503 } })).await;
    app.shop.catalogue.refresh().await.unwrap_err();
    assert!(app.get("/").await.text().await.unwrap().contains("Pre-order for $299"));
    app.finish().await;
}

#[tokio::test]
async fn pages_wait_for_the_first_prices_once_and_not_each_of_them() {
    let app = TestApp::start().await;
    app.sandbox_post("/sandbox/faults", json!({ "stripe": { "hang_rate": 1 } })).await;
    let shop = app.shop.clone();
    let asking = tokio::spawn(async move { shop.catalogue.refresh().await });
    assert_eq!(app.shop.catalogue.offers().await, None);
    assert!(!asking.is_finished(), "no answer came, good or bad");
    assert_eq!(futures::poll!(Box::pin(app.shop.catalogue.offers())), std::task::Poll::Ready(None));
    asking.abort();
    app.http.delete(format!("{}/sandbox/faults", app.sandbox)).send().await.unwrap();
    app.shop.catalogue.refresh().await.unwrap();
    assert!(app.shop.catalogue.offers().await.is_some());
    app.finish().await;
}

#[tokio::test]
async fn the_way_back_finds_an_order_even_before_the_webhook_and_only_once() {
    let app = TestApp::start().await;
    app.sandbox_post("/sandbox/faults", json!({ "delivery": { "drop_rate": 1 } })).await;
    let session = session(&app).await;
    app.sandbox_post(&format!("/sandbox/stripe/sessions/{session}/pay"), json!({ "card": "4242424242424242" })).await;
    let url = format!("/checkout/success?session_id={session}");
    let pages = futures::future::join_all((0..6).map(|_| app.get(&url))).await;
    for page in pages {
        assert_eq!(page.status(), StatusCode::OK);
        let html = page.text().await.unwrap();
        let number =
            app.row("select preorder_number from preorders").await["preorder_number"].as_str().unwrap().to_owned();
        assert!(html.contains(&number));
        for shown in ["Healing Green", "$299", "j•••@example.com"] {
            assert!(html.contains(shown), "{shown}");
        }
        assert!(!html.contains("jo@example.com"), "the address stays masked");
    }
    assert_eq!((app.count("preorders where status = 'paid'").await, app.count("outbox").await), (1, 1));
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_webhook_after_the_return_page_logs_klaviyo_event_sent() {
    let app = TestApp::start().await;
    app.sandbox_post("/sandbox/faults", json!({ "delivery": { "drop_rate": 1 } })).await;
    let session = session(&app).await;
    app.sandbox_post(&format!("/sandbox/stripe/sessions/{session}/pay"), json!({ "card": "4242424242424242" })).await;
    app.get(&format!("/checkout/success?session_id={session}")).await;
    app.deliver_all().await;
    app.deliver(&super::test_app::completed("evt_late", &session)).await;
    assert_eq!(
        app.row("select klaviyo_event_sent from webhook_logs where stripe_event_id = 'evt_late'").await["klaviyo_event_sent"],
        true
    );
    app.deliver_all().await;
    assert_eq!(app.count("outbox").await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_checkout_that_was_not_finished_or_never_was_makes_no_order() {
    let app = TestApp::start().await;
    let session = session(&app).await;
    let open = app.get(&format!("/checkout/success?session_id={session}")).await.text().await.unwrap();
    assert!(open.to_lowercase().contains("nothing was charged"), "{open}");
    for wrong in ["cs_test_none", "", "x", "../../etc", "pi_1", "%00"] {
        let page = app.get(&format!("/checkout/success?session_id={wrong}")).await;
        assert!(page.status().is_success() || page.status() == StatusCode::NOT_FOUND, "{wrong}: {}", page.status());
    }
    assert_eq!(app.count("preorders").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn the_way_back_without_provider_and_database_is_no_error_page() {
    let app = TestApp::start().await;
    let session = session(&app).await;
    app.sandbox_post("/sandbox/faults", json!({ "stripe": { "error_rate": 1, "status": 503 } })).await;
    let page = app.get(&format!("/checkout/success?session_id={session}")).await;
    assert_eq!(page.status(), StatusCode::OK);
    app.finish().await;
}

#[tokio::test]
async fn a_pending_payment_streams_its_status_changes() {
    let app = TestApp::start().await;
    let session = session(&app).await;
    app.sandbox_post("/sandbox/faults", json!({ "delivery": { "drop_rate": 1 } })).await;
    app.sandbox_post(
        &format!("/sandbox/stripe/sessions/{session}/pay"),
        json!({ "method": "delayed", "outcome": "succeed" }),
    )
    .await;
    app.get(&format!("/checkout/success?session_id={session}")).await;
    let mut stream = app.http.get(format!("{}/checkout/events?session_id={session}", app.public)).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let first = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.contains("awaiting_payment") || first.contains("paid"), "{first}");
    app.deliver(&super::test_app::completed("evt_1", &session)).await;
    if !first.contains("data: paid") {
        let next = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(next.contains("data: paid"), "{next}");
    }
    for unknown in ["x", "cs_test_invented"] {
        let stream = app.get(&format!("/checkout/events?session_id={unknown}")).await;
        assert_eq!(stream.status(), StatusCode::NOT_FOUND, "{unknown}");
    }
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_request_id_is_ours_whatever_the_client_sends() {
    let app = TestApp::start().await;
    let request = app.http.get(format!("{}/healthz", app.public)).header("x-request-id", "victim@example.com");
    let id = request.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(id.starts_with("req_") && !id.contains("victim"), "{id}");
    app.finish().await;
}

#[tokio::test]
async fn unknown_paths_are_a_404_page_and_operations_routes_are_not_public() {
    let app = TestApp::start().await;
    for path in ["/nowhere", "/admin", "/metrics", "/readyz", "/livez", "/pkg/none.js", "/api/none", "/sandbox"] {
        let page = app.get(path).await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    }
    assert!(app.get("/nowhere").await.text().await.unwrap().contains("<h1"));
    let figures = app.http.get(format!("{}/metrics", app.operations)).send().await.unwrap();
    assert_eq!(figures.status(), StatusCode::OK);
    app.finish().await;
}
