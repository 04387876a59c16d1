//! Payments, the events that follow, and their way to the shop.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::*;

/// Checks a signature by the documented rule, with code of its own; answers the time it was made.
fn verified(headers: &HeaderMap, body: &Bytes) -> u64 {
    let header = headers["stripe-signature"].to_str().unwrap();
    let (time, signature) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&[time.as_bytes(), b".", body].concat());
    mac.verify_slice(&hex::decode(signature).unwrap()).unwrap();
    time.parse().unwrap()
}

#[tokio::test]
async fn a_payments_webhook_is_signed_and_retried_until_it_is_accepted() {
    let (receiver, url) = Receiver::start(&[500, 500, 302]).await;
    let sandbox = start(config_with_events(url, &["payment_intent.succeeded", "checkout.session.*"])).await;
    let id = sandbox.session(&[]).await;
    let paid = sandbox
        .control(&format!("/sandbox/stripe/sessions/{id}/pay"), json!({"card": "4242 4242 4242 4242"}))
        .await
        .ok();
    assert_eq!(
        (&paid["status"], &paid["payment_status"], &paid["url"]),
        (&json!("complete"), &json!("paid"), &json!(null))
    );

    let got = receiver.wait_for(5).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (headers, body) in &got {
        assert!(now.abs_diff(verified(headers, body)) <= 5);
        assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    }
    let completed =
        got.iter().map(|(_, body)| event(body)).find(|event| event["type"] == "checkout.session.completed").unwrap();
    assert_eq!(completed["data"]["object"], paid);
    assert_eq!(completed["api_version"], "2025-06-30.basil");
    assert_eq!(completed["livemode"], false);
    assert_eq!(completed["pending_webhooks"], 1);
    assert_eq!(completed["request"], json!({"id": null, "idempotency_key": null}));
    assert!(completed["data"]["object"].get("line_items").is_none());
    assert_eq!(paid["collected_information"]["shipping_details"]["address"]["country"], "DE");
    assert_eq!(paid["customer_details"]["email"], "ada@example.com");
    assert_eq!(paid["customer_details"]["phone"], "+49305550123");

    // Two events; three attempts of them failed, then both went through and nothing more comes.
    tokio::time::sleep(TIMING.retry_cap * 3).await;
    let attempts = sandbox.deliveries().await;
    let mut statuses: Vec<i64> = attempts.iter().map(|attempt| attempt["status"].as_i64().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 302, 500, 500]);
    assert!(attempts.iter().all(|attempt| attempt["event_id"].as_str().unwrap().starts_with("evt_")
        && attempt["time"].is_string()
        && attempt["type"].is_string()));
}

impl Running {
    async fn pay(&self, id: &str) -> Value {
        self.control(&format!("/sandbox/stripe/sessions/{id}/pay"), json!({"card": "4242424242424242"})).await.ok()
    }

    async fn undelivered(&self) -> usize {
        self.get("/v1/events?delivery_success=false").await.ok()["data"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn a_dropped_event_never_comes_but_is_listed_as_undelivered() {
    let (receiver, url) = Receiver::start(&[]).await;
    let sandbox =
        start(config_with_events(url, &["payment_intent.succeeded", "checkout.session.*", "customer.created"])).await;
    sandbox.control("/sandbox/faults", json!({"delivery": {"drop_rate": 1}})).await.ok();
    let id = sandbox.session(&[]).await;
    sandbox.pay(&id).await;
    sandbox.control("/sandbox/faults", json!({"delivery": {}})).await.ok();
    sandbox.control("/sandbox/stripe/trigger", json!({"type": "customer.created"})).await.ok();
    receiver.wait_for(1).await;
    tokio::time::sleep(TIMING.retry_cap).await;
    assert_eq!(receiver.types(), ["customer.created"]);
    assert_eq!(sandbox.undelivered().await, 2);
    let delivered = sandbox.get("/v1/events?delivery_success=true").await.ok();
    assert_eq!(delivered["data"][0]["pending_webhooks"], 0);
    assert!(sandbox.deliveries().await.iter().filter(|attempt| attempt["status"].is_null()).count() == 2);
}

#[tokio::test]
async fn with_duplicates_and_shuffling_every_event_still_comes() {
    let (receiver, url) = Receiver::start(&[]).await;
    let sandbox = start(config(Some(url))).await;
    sandbox.control("/sandbox/faults", json!({"delivery": {"duplicate_rate": 1, "shuffle": true}})).await.ok();
    let mut sent = Vec::new();
    for number in 0..8 {
        let object = json!({"id": format!("obj_{number}")});
        let event = sandbox.control("/sandbox/stripe/trigger", json!({"type": "x.y", "object": object})).await.ok();
        sent.push(event["id"].as_str().unwrap().to_owned());
    }
    let got = receiver.wait_for(16).await;
    let ids: Vec<String> = got.iter().map(|(_, body)| event(body)["id"].as_str().unwrap().to_owned()).collect();
    for id in &sent {
        assert_eq!(ids.iter().filter(|other| *other == id).count(), 2);
    }
    let mut firsts = ids.clone();
    let mut seen = std::collections::HashSet::new();
    firsts.retain(|id| seen.insert(id.clone()));
    // One order in 40,320 is the one in which they were sent.
    assert_ne!(firsts, sent);
}

#[tokio::test]
async fn the_redirect_waits_for_the_shops_answer_but_not_for_a_delayed_delivery() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let slow = Router::new().route("/hook", post(|| async { tokio::time::sleep(Duration::from_millis(200)).await }));
    tokio::spawn(async move { axum::serve(listener, slow).await });
    let sandbox = start(config(Some(url))).await;
    let press = async |id: String| {
        let form = [
            ("name", "Ada"),
            ("phone", "+49305550123"),
            ("country", "DE"),
            ("line1", "1"),
            ("city", "B"),
            ("postal_code", "1"),
            ("pay", "card:4242424242424242"),
        ];
        let started = std::time::Instant::now();
        assert_eq!(sandbox.post(&format!("/c/pay/{id}"), &form).await.status, 303);
        started.elapsed()
    };
    let waited = press(sandbox.session(&[]).await).await;
    assert!(waited >= Duration::from_millis(190), "{waited:?}");
    sandbox.control("/sandbox/faults", json!({"delivery": {"delay_ms": 60_000}})).await.ok();
    let waited = press(sandbox.session(&[]).await).await;
    assert!(waited < Duration::from_millis(190), "{waited:?}");
}

#[tokio::test]
async fn any_event_can_be_triggered_about_what_is_there() {
    let (receiver, url) = Receiver::start(&[]).await;
    let sandbox = start(config(Some(url))).await;
    let id = sandbox.session(&[]).await;
    let intent = sandbox.pay(&id).await["payment_intent"].clone();
    let event = sandbox.control("/sandbox/stripe/trigger", json!({"type": "charge.dispute.created"})).await.ok();
    assert_eq!(event["data"]["object"]["payment_intent"], intent);
    let given = sandbox.control("/sandbox/stripe/trigger", json!({"type": "a.b", "object": {"id": "x"}})).await.ok();
    assert_eq!(given["data"]["object"], json!({"id": "x"}));
    assert_eq!(sandbox.control("/sandbox/stripe/trigger", json!({"object": {}})).await.status, 400);
    let got = receiver.wait_for(6).await;
    for (headers, body) in &got {
        verified(headers, body);
    }
    assert_eq!(
        sandbox
            .control(&format!("/sandbox/stripe/sessions/{id}/pay"), json!({"card": "4242424242424242"}))
            .await
            .status,
        409
    );
    assert_eq!(
        sandbox.control("/sandbox/stripe/sessions/cs_no/pay", json!({"card": "4242424242424242"})).await.status,
        404
    );
    for wrong in [json!({}), json!({"card": 1}), json!({"method": "delayed"}), json!({"card": "1", "tea": 1})] {
        assert_eq!(sandbox.control(&format!("/sandbox/stripe/sessions/{id}/pay"), wrong).await.status, 400);
    }
    let other = sandbox.session(&[]).await;
    let declined =
        sandbox.control(&format!("/sandbox/stripe/sessions/{other}/pay"), json!({"card": "4000000000009995"})).await;
    assert_eq!(declined.refused(402)["decline_code"], "insufficient_funds");
}

#[tokio::test]
async fn a_delayed_payment_settles_on_its_own_and_sends_a_webhook() {
    let (receiver, url) = Receiver::start(&[]).await;
    let timing = Timing { delayed_settle: Duration::from_millis(50), ..TIMING };
    let events = ["checkout.session.*", "payment_intent.payment_failed"];
    let sandbox = start(Config { timing, ..config_with_events(url, &events) }).await;
    let id = sandbox.session(&[]).await;
    let method = json!({"method": "delayed", "outcome": "fail"});
    sandbox.control(&format!("/sandbox/stripe/sessions/{id}/pay"), method).await.ok();
    receiver.wait_for(3).await;
    let mut types = receiver.types();
    types.sort();
    let failed =
        ["checkout.session.async_payment_failed", "checkout.session.completed", "payment_intent.payment_failed"];
    assert_eq!(types, failed);
}
