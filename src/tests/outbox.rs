//! The outbox: each message once, with the same bytes every time, at the receiver's rate.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::test_app::{Setup, TestApp, completed};

async fn recorded(app: &TestApp) -> Vec<Value> {
    app.sandbox_get("/sandbox/klaviyo/events").await["events"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_paid_preorder_is_one_event_at_klaviyo_with_all_that_marketing_needs() {
    let app = TestApp::start().await;
    app.deliver(&completed("evt_1", "cs_test_1")).await;
    app.deliver(&completed("evt_2", "cs_test_1")).await;
    app.deliver_all().await;
    let events = recorded(&app).await;
    assert_eq!(events.len(), 1);
    let row = app.row("select id, preorder_number from preorders").await;
    let event = &events[0];
    assert_eq!((&event["metric"], &event["email"]), (&json!("Preorder Success"), &json!("jo@example.com")));
    assert_eq!((&event["value"], &event["value_currency"]), (&json!(299.0), &json!("USD")));
    for (name, value) in [
        ("color", json!("Sakura Pink")),
        ("preorder_id", row["id"].clone()),
        ("preorder_number", row["preorder_number"].clone()),
        ("locale", json!("en")),
        ("amount", json!(299.0)),
        ("currency", json!("USD")),
        ("session_id", json!("cs_test_1")),
    ] {
        assert_eq!(event["properties"][name], value, "{name}");
    }
    app.finish().await;
}

#[tokio::test]
async fn failures_are_tried_again_with_the_same_bytes_until_one_goes_through() {
    let app = TestApp::start().await;
    app.deliver(&completed("evt_1", "cs_test_1")).await;
    app.sandbox_post("/sandbox/faults", json!({ "klaviyo": { "record_then_error_rate": 1, "status": 500 } })).await;
    app.deliver_all().await;
    let row = app.row("select status, attempts, last_error, available_at > now() as later from outbox").await;
    assert_eq!((&row["status"], &row["attempts"], &row["later"]), (&json!("pending"), &json!(1), &json!(true)));
    assert!(row["last_error"].as_str().unwrap().contains("500"));
    app.let_time_pass().await;
    app.deliver_all().await;
    app.http.delete(format!("{}/sandbox/faults", app.sandbox)).send().await.unwrap();
    app.let_time_pass().await;
    app.deliver_all().await;
    let row = app.row("select status, attempts from outbox").await;
    assert_eq!((&row["status"], &row["attempts"]), (&json!("sent"), &json!(3)));
    let events = recorded(&app).await;
    assert_eq!((events.len(), &events[0]["posts"]), (1, &json!(3)));
    app.finish().await;
}

#[tokio::test]
async fn a_message_is_tried_for_three_days_and_needs_a_person_after_that() {
    let app = TestApp::start().await;
    app.deliver(&completed("evt_1", "cs_test_1")).await;
    app.sandbox_post("/sandbox/faults", json!({ "klaviyo": { "error_rate": 1, "status": 500 } })).await;
    for (hours, status) in [(71, "pending"), (73, "parked")] {
        app.edit(&format!("update outbox set created_at = now() - interval '{hours} hours'")).await;
        app.let_time_pass().await;
        app.deliver_all().await;
        assert_eq!(app.row("select status from outbox").await["status"], status, "after {hours} hours");
    }
    app.leave().await;
}

#[tokio::test]
async fn a_lane_obeys_retry_after() {
    let app = TestApp::start().await;
    for number in 0..3 {
        app.deliver(&completed(&format!("evt_{number}"), &format!("cs_test_{number}"))).await;
    }
    app.sandbox_post("/sandbox/faults", json!({ "klaviyo": { "error_rate": 1, "status": 429 } })).await;
    app.deliver_all().await;
    assert_eq!(app.count("outbox where last_error is not null").await, 1, "the others were not tried");
    let row = app.row("select attempts from outbox where last_error is not null").await;
    assert_eq!(row["attempts"], 0, "a lane's fault is not the message's");
    // The sandbox asks for one second; ten are the default where nothing is asked for.
    assert_eq!(
        app.count("outbox where last_error is not null and available_at <= now() + interval '1 second'").await,
        1
    );
    app.http.delete(format!("{}/sandbox/faults", app.sandbox)).send().await.unwrap();
    app.until("the lane opens again", async || {
        app.deliver_all().await;
        app.count("outbox where status = 'sent'").await == 3
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn a_refused_key_stops_the_lane_and_loses_nothing_but_a_refused_event_is_parked() {
    let app = TestApp::start().await;
    for number in 0..2 {
        app.deliver(&completed(&format!("evt_{number}"), &format!("cs_test_{number}"))).await;
    }
    app.sandbox_post("/sandbox/faults", json!({ "klaviyo": { "error_rate": 1, "status": 400 } })).await;
    app.deliver_all().await;
    assert_eq!(app.count("outbox where status = 'parked' and attempts = 1").await, 2);
    app.deliver(&completed("evt_3", "cs_test_3")).await;
    app.sandbox_post("/sandbox/faults", json!({ "klaviyo": { "error_rate": 1, "status": 401 } })).await;
    app.deliver_all().await;
    assert_eq!(app.count("outbox where status = 'pending' and attempts = 0 and last_error like '%401%'").await, 1);
    app.leave().await;
}

#[tokio::test]
async fn a_wait_beyond_reason_is_an_hour_and_kills_no_worker() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let refuse = || async { (axum::http::StatusCode::TOO_MANY_REQUESTS, [("retry-after", "18446744073709551615")]) };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(refuse)).await });
    let variables = HashMap::from([("KLAVIYO_API_KEY", "pk_test".to_owned()), ("KLAVIYO_API_BASE", base)]);
    let app = TestApp::start_with(Setup { variables, ..Setup::default() }).await;
    app.deliver(&completed("evt_1", "cs_test_1")).await;
    app.deliver_all().await;
    assert_eq!(app.count("outbox where status = 'pending' and available_at <= now() + interval '1 hour'").await, 1);
    app.leave().await;
}
