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
async fn a_payment_is_told_signed_and_told_again_until_it_is_accepted() {
    let (receiver, url) = Receiver::start(&[500, 500, 302]).await;
    let sandbox = start(config(Some(url))).await;
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
