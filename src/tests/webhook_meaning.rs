//! What an event means: whose it is, which mode it is of, what was asked, and when the money comes.

use reqwest::StatusCode;
use serde_json::json;

use super::test_app::{TestApp, completed, event, paid_session};

#[tokio::test]
async fn an_expectation_that_does_not_read_is_not_the_same_as_none() {
    let app = TestApp::start().await;
    for (number, metadata) in [
        json!({ "color": "Red", "expected_amount_minor": "1 ", "expected_currency": "usd" }),
        json!({ "color": "Red", "expected_amount_minor": "29900" }),
        json!({ "color": "Red", "expected_amount_minor": "29900", "expected_currency": "dollars" }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut object = paid_session(&format!("cs_test_{number}"));
        object["metadata"] = metadata;
        app.deliver(&event(&format!("evt_{number}"), "checkout.session.completed", object)).await;
    }
    assert_eq!(app.count("preorders where status = 'paid' and needs_review").await, 3);
    app.finish().await;
}

#[tokio::test]
async fn an_event_without_a_mode_is_of_the_mode_whose_secret_signed_it() {
    let app = TestApp::start().await;
    let mut unsaid = completed("evt_1", "cs_test_1");
    unsaid.as_object_mut().unwrap().remove("livemode");
    assert_eq!(app.deliver(&unsaid).await, StatusCode::OK);
    assert_eq!(app.count("preorders").await, 1);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn irrelevant_types_and_foreign_sessions_are_ignored() {
    let app = TestApp::start().await;
    let mut foreign = paid_session("cs_test_foreign");
    foreign["metadata"] = json!({});
    for (number, (kind, object)) in [
        ("invoice.finalized", json!({ "id": "in_1" })),
        ("a.type.of.tomorrow", json!(null)),
        ("checkout.session.completed", foreign),
        ("checkout.session.expired", json!({ "id": "cs_test_2", "status": "expired", "payment_status": "unpaid", "metadata": { "color": "Red" } })),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(app.deliver(&event(&format!("evt_{number}"), kind, object)).await, StatusCode::OK, "{kind}");
    }
    assert_eq!(app.count("webhook_logs where status = 'ignored' and error is not null").await, 4);
    assert_eq!(app.count("preorders").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn an_event_of_live_mode_is_ignored_by_a_shop_in_test_mode() {
    let app = TestApp::start().await;
    let mut live = completed("evt_1", "cs_live_1");
    live["livemode"] = json!(true);
    assert_eq!(app.deliver(&live).await, StatusCode::OK);
    assert_eq!(app.count("preorders").await, 0);
    assert_eq!(app.row("select status from webhook_logs").await["status"], "ignored");
    app.finish().await;
}

#[tokio::test]
async fn an_amount_mismatch_is_stored_and_held_for_review_without_a_notification() {
    let app = TestApp::start().await;
    for (number, (minor, currency)) in
        [(29_899, "usd"), (29_901, "usd"), (29_900, "eur"), (0, "usd"), (i64::MAX, "usd")].into_iter().enumerate()
    {
        let mut object = paid_session(&format!("cs_test_{number}"));
        object["amount_total"] = json!(minor);
        object["currency"] = json!(currency);
        assert_eq!(
            app.deliver(&event(&format!("evt_{number}"), "checkout.session.completed", object)).await,
            StatusCode::OK
        );
    }
    assert_eq!(
        app.count(
            "preorders where status = 'paid' and needs_review and review_reason like 'amount differs:%:29900 usd'"
        )
        .await,
        5
    );
    assert_eq!(app.count("outbox").await, 0);
    let mut unasked = paid_session("cs_test_unasked");
    unasked["metadata"] = json!({ "color": "Red" });
    unasked["amount_total"] = json!(1);
    app.deliver(&event("evt_unasked", "checkout.session.completed", unasked)).await;
    assert_eq!(app.count("preorders where not needs_review").await, 1);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_delayed_payment_waits_then_succeeds_or_fails_in_any_order() {
    let app = TestApp::start().await;
    let pending = |session: &str| {
        let mut object = paid_session(session);
        object["payment_status"] = json!("unpaid");
        object
    };
    let story = |session: &str, end: &str| {
        let last = if end == "succeeded" { paid_session(session) } else { pending(session) };
        [
            event(&format!("evt_{session}_1"), "checkout.session.completed", pending(session)),
            event(&format!("evt_{session}_2"), &format!("checkout.session.async_payment_{end}"), last),
        ]
    };
    let [first, second] = story("cs_test_ok", "succeeded");
    app.deliver(&first).await;
    assert_eq!(app.row("select status from preorders").await["status"], "awaiting_payment");
    assert_eq!(app.count("outbox").await, 0);
    app.deliver(&second).await;
    for event in story("cs_test_failed", "failed") {
        app.deliver(&event).await;
    }
    for event in story("cs_test_ok_reversed", "succeeded")
        .into_iter()
        .rev()
        .chain(story("cs_test_failed_reversed", "failed").into_iter().rev())
    {
        app.deliver(&event).await;
    }
    assert_eq!(app.count("preorders where status = 'paid' and session_id like 'cs_test_ok%'").await, 2);
    assert_eq!(app.count("preorders where status = 'payment_failed' and session_id like 'cs_test_failed%'").await, 2);
    assert_eq!(app.count("outbox where consequence = 'paid'").await, 2);
    assert_eq!(app.count("outbox where consequence = 'payment_failed'").await, 2);
    app.deliver_all().await;
    app.finish().await;
}
