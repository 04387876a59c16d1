//! What a provider's delivery does: to the log, to preorders, to the outbox, and in the answer.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::test_app::{ListedIds, PREVIOUS_SECRET, SECRET, Setup, TestApp, completed, event, paid_session, sign};

#[tokio::test]
async fn a_paid_session_becomes_a_preorder_a_log_row_and_one_message() {
    let app = TestApp::start().await;
    assert_eq!(app.deliver(&completed("evt_1", "cs_test_1")).await, StatusCode::OK);
    let row = app.row("select * from preorders").await;
    for (column, value) in [
        ("email", json!("jo@example.com")),
        ("color", json!("Sakura Pink")),
        ("status", json!("paid")),
        ("session_id", json!("cs_test_1")),
        ("payment_intent_id", json!("pi_cs_test_1")),
        ("amount_minor", json!(29_900)),
        ("currency", json!("usd")),
        ("locale", json!("en")),
        ("livemode", json!(false)),
        ("needs_review", json!(false)),
        ("refunded_minor", json!(0)),
    ] {
        assert_eq!(row[column], value, "{column}");
    }
    assert!(row["preorder_number"].as_str().unwrap().starts_with("ROL-"));
    assert_eq!(row["shipping_address"]["city"], "Portland");
    let decimal = app.row("select amount::text as amount from preorders_decimal").await;
    assert_eq!(decimal["amount"], "299.000");
    let log = app.row("select *, convert_from(raw_body, 'utf8') as body from webhook_logs").await;
    assert_eq!(
        (&log["status"], &log["event"], &log["provider"]),
        (&json!("done"), &json!("checkout.session.completed"), &json!("stripe"))
    );
    assert_eq!(log["preorder_id"], row["id"]);
    assert_eq!(log["body"], completed("evt_1", "cs_test_1").to_string());
    assert_eq!(log["raw_data"], completed("evt_1", "cs_test_1"));
    assert!(log["processed_at"].is_string() && log["error"].is_null());
    assert_eq!(app.count("outbox where status = 'pending'").await, 1);
    app.deliver_all().await;
    let log = app.row("select klaviyo_event_sent from webhook_logs").await;
    assert_eq!(log["klaviyo_event_sent"], true);
    app.finish().await;
}

#[tokio::test]
async fn one_event_delivered_concurrently_has_one_effect_idempotency() {
    let app = TestApp::start().await;
    let mut all = tokio::task::JoinSet::new();
    for number in 0..10 {
        let body = completed(&format!("evt_{number}"), &format!("cs_test_{number}")).to_string().into_bytes();
        for _ in 0..8 {
            let signature = sign(SECRET, app.shop.clock.now().unix_timestamp(), &body);
            let request = app
                .http
                .post(format!("{}/api/webhooks/stripe", app.public))
                .header("stripe-signature", signature)
                .body(body.clone());
            all.spawn(async move { request.send().await.unwrap().status() });
        }
    }
    while let Some(status) = all.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    assert_eq!(app.count("webhook_logs").await, 10);
    assert_eq!(app.count("preorders").await, 10);
    assert_eq!(app.count("outbox").await, 10);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn two_events_about_one_session_at_once_make_one_preorder_and_one_message() {
    let app = TestApp::start().await;
    for session in 0..8 {
        let session = format!("cs_test_{session}");
        let events: Vec<Value> = (0..6).map(|number| completed(&format!("evt_{session}_{number}"), &session)).collect();
        let all = futures::future::join_all(events.iter().map(|event| app.deliver(event))).await;
        assert!(all.iter().all(|status| *status == StatusCode::OK));
    }
    assert_eq!((app.count("preorders").await, app.count("outbox").await, app.count("webhook_logs").await), (8, 8, 48));
    assert_eq!(app.count("webhook_logs where status = 'done' and preorder_id is not null").await, 48);
    app.deliver_all().await;
    assert_eq!(app.count("webhook_logs where klaviyo_event_sent").await, 48);
    app.finish().await;
}

#[tokio::test]
async fn forged_and_stale_deliveries_are_refused_and_leave_nothing() {
    let app = TestApp::start().await;
    let body = completed("evt_1", "cs_test_1").to_string().into_bytes();
    let now = app.shop.clock.now().unix_timestamp();
    let good = sign(SECRET, now, &body);
    let mut changed = body.clone();
    changed[10] ^= 1;
    for (body, signature) in [
        (body.clone(), None),
        (body.clone(), Some("nonsense".to_owned())),
        (body.clone(), Some(sign("whsec_other", now, &body))),
        (body.clone(), Some(sign(SECRET, now - 301, &body))),
        (body.clone(), Some(sign(SECRET, now + 310, &body))),
        (changed, Some(good.clone())),
        (Vec::new(), Some(good)),
    ] {
        assert_eq!(app.post_webhook(body, signature.as_deref()).await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(app.count("webhook_logs").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn the_previous_webhook_secret_is_accepted_during_rotation() {
    let app = TestApp::start().await;
    let body = completed("evt_1", "cs_test_1").to_string().into_bytes();
    let signature = sign(PREVIOUS_SECRET, app.shop.clock.now().unix_timestamp(), &body);
    assert_eq!(app.post_webhook(body, Some(&signature)).await, StatusCode::OK);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn requests_that_are_no_deliveries_get_their_own_statuses() {
    let app = TestApp::start().await;
    let url = format!("{}/api/webhooks/stripe", app.public);
    let status = |request: reqwest::RequestBuilder| async move { request.send().await.unwrap().status() };
    assert_eq!(status(app.http.get(&url)).await, StatusCode::METHOD_NOT_ALLOWED);
    let text = app.http.post(&url).header("content-type", "text/plain").body("x");
    assert_eq!(status(text).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = app.http.post(&url).header("content-type", "application/json").body(vec![b' '; 1024 * 1024 + 1]);
    assert_eq!(status(large).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        status(app.http.post(format!("{}/api/webhooks/other", app.public)).body("x")).await,
        StatusCode::NOT_FOUND
    );
    app.finish().await;
}

#[tokio::test]
async fn an_event_of_a_mebibyte_is_taken() {
    let app = TestApp::start().await;
    let mut object = paid_session("cs_test_1");
    object["padding"] = json!("x".repeat(1_000_000));
    assert_eq!(app.deliver(&event("evt_1", "checkout.session.completed", object)).await, StatusCode::OK);
    assert_eq!(app.count("preorders").await, 1);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_signed_unreadable_body_is_acknowledged_stored_and_parked() {
    let app = TestApp::start().await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes();
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\xff\xfe{}".to_vec(),
        br#"{"id":"evt_1"}"#.to_vec(),
        br#"{"id":"evt_\u0000","type":"x"}"#.to_vec(),
        br#"{"id":7,"type":"x","data":{"object":{}}}"#.to_vec(),
        br#"{"id":"evt_2","id":"evt_3","type":"x","data":{"object":{}}}"#.to_vec(),
        br#"{"id":"","type":"x","data":{"object":{}}}"#.to_vec(),
        b"{\"id\":\"evt_4\",\"type\":\"x\",\"created\":1e400,\"data\":{\"object\":{}}}".to_vec(),
        deep,
    ];
    for body in &bodies {
        assert_eq!(
            app.deliver_bytes(body.clone()).await,
            StatusCode::OK,
            "{:?}",
            String::from_utf8_lossy(&body[..body.len().min(40)])
        );
        assert_eq!(app.deliver_bytes(body.clone()).await, StatusCode::OK);
    }
    assert_eq!(
        app.count("webhook_logs where status = 'parked' and error is not null").await,
        i64::try_from(bodies.len()).unwrap()
    );
    assert_eq!(app.count("webhook_logs where raw_body is null").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn nul_surrogates_and_long_names_are_stored_whole_and_shown_clean() {
    let app = TestApp::start().await;
    let mut object = paid_session("cs_test_1");
    object["collected_information"]["shipping_details"]["name"] =
        json!(format!("Jo\u{0}\u{202e}<script> {}", "😀".repeat(9000)));
    assert_eq!(app.deliver(&event("evt_1", "checkout.session.completed", object)).await, StatusCode::OK);
    let row = app.row("select shipping_address->>'name' as name, (select raw_data is null from webhook_logs) as no_json from preorders").await;
    assert!(row["name"].as_str().unwrap().starts_with("Jo<script> 😀"));
    assert!(row["name"].as_str().unwrap().chars().count() <= 500);
    assert_eq!(row["no_json"], true);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn json_that_postgresql_does_not_take_is_applied_all_the_same() {
    let app = TestApp::start().await;
    for (number, oddity) in [r#""x":1e-20000"#, r#""x":"\u0000","x":1"#].into_iter().enumerate() {
        let text = completed(&format!("evt_{number}"), &format!("cs_test_{number}")).to_string();
        let body = text.replacen('{', &format!("{{{oddity},"), 1).into_bytes();
        assert_eq!(app.deliver_bytes(body.clone()).await, StatusCode::OK, "{oddity}");
        let log = app.row(&format!("select status, raw_data, encode(raw_body, 'hex') as body from webhook_logs where stripe_event_id = 'evt_{number}'")).await;
        assert_eq!((&log["status"], &log["raw_data"]), (&json!("done"), &json!(null)), "{oddity}");
        assert_eq!(log["body"], hex::encode(body));
    }
    assert_eq!(app.count("preorders where status = 'paid'").await, 2);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn an_event_whose_worker_died_is_taken_up_again_when_its_lease_ends() {
    let app = TestApp::start().await;
    let event = completed("evt_1", "cs_test_1");
    app.deliver(&event).await;
    app.edit("delete from outbox").await;
    app.edit("update webhook_logs set status = 'failed', preorder_id = null, available_at = now()").await;
    app.edit("delete from preorders").await;
    let lease = std::time::Duration::from_mins(1);
    assert!(app.store.lease_event(lease).await.unwrap().is_some(), "and here its worker dies");
    app.retry_all().await;
    assert_eq!(app.count("preorders").await, 0, "leased");
    app.let_time_pass().await;
    app.retry_all().await;
    assert_eq!(app.count("preorders where status = 'paid'").await, 1);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn an_event_that_never_applies_is_parked_in_the_end_and_a_redelivery_may_still_mend_it() {
    let app = TestApp::start().await;
    let mut odd = completed("evt_1", "cs_test_1");
    odd["data"]["object"]["payment_status"] = json!("of tomorrow");
    assert_eq!(app.deliver(&odd).await, StatusCode::OK);
    for _ in 0..40 {
        app.let_time_pass().await;
        app.retry_all().await;
    }
    assert_eq!(app.row("select status from webhook_logs").await["status"], "parked");
    assert_eq!(app.deliver(&completed("evt_1", "cs_test_1")).await, StatusCode::OK);
    assert_eq!(app.row("select status from webhook_logs").await["status"], "done");
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_number_that_is_taken_is_drawn_again_and_running_out_loses_nothing() {
    let ids = ListedIds(vec!["ROL-00000001", "ROL-00000001", "ROL-00000002", "ROL-00000002"].into());
    let app = TestApp::start_with(Setup { ids: Some(std::sync::Arc::new(ids)), ..Setup::default() }).await;
    for number in 1..=2 {
        assert_eq!(
            app.deliver(&completed(&format!("evt_{number}"), &format!("cs_test_{number}"))).await,
            StatusCode::OK
        );
    }
    assert_eq!(app.count("preorders").await, 2);
    assert_eq!(app.deliver(&completed("evt_3", "cs_test_3")).await, StatusCode::OK);
    let log = app.row("select status, error from webhook_logs where stripe_event_id = 'evt_3'").await;
    assert_eq!(log["status"], "failed");
    assert!(log["error"].as_str().unwrap().contains("number"));
    app.deliver_all().await;
    app.leave().await;
}
