//! What paid customers and merchants of other shops suffer from, each played through here. Named
//! after the problem.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    life::{charge, dispute, refund},
    reconcile::{buy, dashboard},
    test_app::{Setup, TestApp, completed, event, paid_session},
};

async fn status(app: &TestApp, session: &str) -> Value {
    app.row(&format!("select status::text, needs_review from preorders where session_id = '{session}'")).await
}

#[tokio::test]
async fn a_second_payment_of_one_attempt_is_recorded_and_flagged_and_the_first_stays_good() {
    let app = TestApp::start().await;
    let of_one_attempt = |session: &str| {
        let mut object = paid_session(session);
        object["metadata"]["attempt"] = json!("1763800000-one");
        object
    };
    for (number, session) in ["cs_test_1", "cs_test_2", "cs_test_1", "cs_test_2"].into_iter().enumerate() {
        let reported = event(&format!("evt_{number}"), "checkout.session.completed", of_one_attempt(session));
        assert_eq!(app.deliver(&reported).await, StatusCode::OK);
    }
    assert_eq!(status(&app, "cs_test_1").await, json!({ "status": "paid", "needs_review": false }));
    assert_eq!(status(&app, "cs_test_2").await, json!({ "status": "paid", "needs_review": true }));
    assert_eq!(app.count("preorders where review_reason = 'a second payment'").await, 1);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn two_payments_of_one_attempt_at_the_same_moment_are_one_good_and_one_flagged() {
    let app = TestApp::start().await;
    let events: Vec<Value> = (0..8)
        .map(|number| {
            let mut object = paid_session(&format!("cs_test_{number}"));
            object["metadata"]["attempt"] = json!("1763800000-one");
            event(&format!("evt_{number}"), "checkout.session.completed", object)
        })
        .collect();
    let all = futures::future::join_all(events.iter().map(|event| app.deliver(event))).await;
    assert!(all.iter().all(|status| *status == StatusCode::OK));
    assert_eq!(app.count("preorders where status = 'paid'").await, 8);
    assert_eq!(app.count("preorders where needs_review").await, 7);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn the_refund_of_a_double_payment_leaves_the_good_order_alone() {
    let app = TestApp::start().await;
    app.deliver(&completed("evt_1", "cs_test_1")).await;
    app.deliver(&completed("evt_2", "cs_test_2")).await;
    app.deliver(&event("evt_3", "charge.refunded", charge("cs_test_2", 29_900))).await;
    app.deliver(&event("evt_4", "refund.created", refund("re_1", "cs_test_2", 29_900, "succeeded"))).await;
    assert_eq!(status(&app, "cs_test_1").await["status"], "paid");
    assert_eq!(status(&app, "cs_test_2").await["status"], "refunded");
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_refund_or_a_dispute_made_in_the_dashboard_comes_back_to_the_order_by_itself() {
    let app = TestApp::start().await;
    let session = buy(&app, "jo@example.com", json!({ "card": "4242424242424242" })).await;
    app.until("the order", async || app.count("preorders where status = 'paid'").await == 1).await;
    let intent =
        app.row("select payment_intent_id from preorders").await["payment_intent_id"].as_str().unwrap().to_owned();
    let made = dashboard(&app, "/v1/refunds", &[("payment_intent", &intent), ("amount", "9900")]).await;
    app.until("the part", async || app.count("preorders where refunded_minor = 9900 and status = 'paid'").await == 1)
        .await;
    let opened = json!({ "type": "charge.dispute.created", "object": { "payment_intent": intent } });
    app.sandbox_post("/sandbox/stripe/trigger", opened).await;
    app.until("the dispute", async || app.count("disputes where status = 'needs_response'").await == 1).await;
    let lost = json!({ "type": "charge.dispute.closed",
                       "object": { "id": app.row("select id from disputes").await["id"], "status": "lost" } });
    app.sandbox_post("/sandbox/stripe/trigger", lost).await;
    app.until("the end of it", async || app.count("preorders where needs_review").await == 1).await;
    let failed = json!({ "type": "refund.failed", "object": { "id": made["id"] } });
    app.sandbox_post("/sandbox/stripe/trigger", failed).await;
    app.until("the refund's failure", async || app.count("preorders where refunded_minor = 0").await == 1).await;
    assert_eq!(status(&app, &session).await["status"], "paid");
    app.until("the remaining messages", async || {
        app.deliver_all().await;
        app.count("webhook_logs where status in ('received', 'processing', 'failed')").await == 0
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn leaving_the_payment_page_is_no_failed_payment_and_a_delayed_one_is_no_failure_yet() {
    let app = TestApp::start().await;
    let left = json!({ "id": "cs_test_1", "object": "checkout.session", "status": "expired", "payment_status": "unpaid",
                       "payment_intent": "pi_cs_test_1", "metadata": { "color": "Red" } });
    app.deliver(&event("evt_1", "checkout.session.expired", left)).await;
    let mut pending = paid_session("cs_test_2");
    pending["payment_status"] = json!("unpaid");
    let declined = json!({ "id": "pi_cs_test_2", "object": "payment_intent", "status": "requires_payment_method",
                           "amount": 29_900, "currency": "usd", "livemode": false, "metadata": { "color": "Red" },
                           "last_payment_error": { "type": "card_error", "code": "card_declined" } });
    app.deliver(&event("evt_2", "payment_intent.payment_failed", declined)).await;
    app.deliver(&event("evt_3", "checkout.session.completed", pending)).await;
    assert_eq!(app.count("preorders").await, 1);
    assert_eq!(status(&app, "cs_test_2").await["status"], "awaiting_payment");
    assert_eq!(app.count("outbox").await, 0, "no failure, no notification");
    app.finish().await;
}

#[tokio::test]
async fn a_message_about_a_reverted_state_is_not_sent() {
    let app = TestApp::start().await;
    app.deliver(&completed("evt_1", "cs_test_1")).await;
    app.deliver(&event("evt_2", "refund.created", refund("re_1", "cs_test_1", 29_900, "succeeded"))).await;
    let mut pending = paid_session("cs_test_2");
    pending["payment_status"] = json!("unpaid");
    app.deliver(&event("evt_3", "checkout.session.async_payment_failed", pending)).await;
    app.deliver(&event("evt_4", "checkout.session.async_payment_succeeded", paid_session("cs_test_2"))).await;
    app.deliver_all().await;
    let events = app.sandbox_get("/sandbox/klaviyo/events").await;
    let mut metrics: Vec<&str> =
        events["events"].as_array().unwrap().iter().map(|event| event["metric"].as_str().unwrap()).collect();
    metrics.sort_unstable();
    assert_eq!(metrics, ["Preorder Success", "Refunded Order"]);
    assert_eq!(app.count("outbox where status = 'withdrawn'").await, 2);
    app.finish().await;
}

#[tokio::test]
async fn the_webhook_and_the_return_page_together_finish_an_order_once() {
    let app = TestApp::start().await;
    let session = buy(&app, "jo@example.com", json!({ "card": "4242424242424242" })).await;
    let path = format!("/checkout/success?session_id={session}");
    let pages = futures::future::join_all((0..8).map(|_| app.get(&path))).await;
    assert!(pages.iter().all(|page| page.status() == StatusCode::OK));
    app.until("the webhook", async || app.count("webhook_logs where status = 'done'").await > 0).await;
    app.deliver_all().await;
    assert_eq!((app.count("preorders").await, app.count("outbox").await), (1, 1));
    app.finish().await;
}

#[tokio::test]
async fn amounts_are_right_in_currencies_without_cents_and_with_thousandths() {
    for (currency, minor, decimal) in
        [("jpy", 45_000, "45000"), ("kwd", 92_340, "92.340"), ("isk", 500, "5.00"), ("ugx", 500, "5.00")]
    {
        let app = TestApp::start_with(Setup::default()).await;
        let mut object = paid_session("cs_test_1");
        object["amount_total"] = json!(minor);
        object["currency"] = json!(currency);
        object["metadata"]["expected_amount_minor"] = json!(minor.to_string());
        object["metadata"]["expected_currency"] = json!(currency);
        app.deliver(&event("evt_1", "checkout.session.completed", object)).await;
        let part = minor / 5 / 100 * 100;
        let mut back = refund("re_1", "cs_test_1", part, "succeeded");
        back["currency"] = json!(currency);
        app.deliver(&event("evt_2", "refund.created", back)).await;
        let row = app.row("select amount_minor, refunded_minor, needs_review from preorders").await;
        assert_eq!(row, json!({ "amount_minor": minor, "refunded_minor": part, "needs_review": false }), "{currency}");
        let bodies = app.row("select string_agg(convert_from(body, 'UTF8'), ' ') as all from outbox").await;
        let wanted = format!(r#""value":{decimal},"value_currency":"{}""#, currency.to_uppercase());
        assert!(bodies["all"].as_str().unwrap().contains(&wanted), "{currency}: {bodies}");
        app.deliver_all().await;
        app.finish().await;
    }
}

#[tokio::test]
async fn a_version_of_tomorrow_delays_one_event_and_loses_none() {
    let app = TestApp::start().await;
    let mut strange = dispute("du_1", "cs_test_1", "escalated_to_the_moon");
    strange["new_field"] = json!({ "deep": [1, 2, 3] });
    assert_eq!(app.deliver(&event("evt_1", "charge.dispute.created", strange)).await, StatusCode::OK);
    let mut reported = completed("evt_2", "cs_test_1");
    reported["api_version"] = json!("2031-01-01.zinnia");
    assert_eq!(app.deliver(&reported).await, StatusCode::OK);
    assert_eq!(app.count("preorders where status = 'paid'").await, 1);
    let row = app.row("select status, error from webhook_logs where stripe_event_id = 'evt_1'").await;
    assert_eq!(row["status"], "failed");
    assert!(row["error"].as_str().unwrap().contains("status"), "{row}");
    app.deliver_all().await;
    app.leave().await;
}
