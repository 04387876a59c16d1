//! The lifecycle after "paid": refunds, disputes, intents and copies, from events in any order.

use reqwest::StatusCode;
use rolitt::{domain::lifecycle::MerchantAction, server::orders::fulfilment::apply_action};
use serde_json::{Value, json};

use super::test_app::{TestApp, completed, event, paid_session};

pub fn refund(id: &str, session: &str, minor: i64, status: &str) -> Value {
    json!({
        "id": id, "object": "refund", "amount": minor, "currency": "usd", "status": status, "charge": "ch_1",
        "payment_intent": format!("pi_{session}"), "reason": "requested_by_customer", "created": 1_763_800_100, "metadata": {},
    })
}

pub fn charge(session: &str, refunded: i64) -> Value {
    json!({
        "id": "ch_1", "object": "charge", "amount": 29_900, "amount_refunded": refunded, "currency": "usd",
        "refunded": refunded == 29_900, "payment_intent": format!("pi_{session}"), "livemode": false, "metadata": {},
    })
}

pub fn dispute(id: &str, session: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "dispute", "amount": 29_900, "currency": "usd", "status": status, "charge": "ch_1",
        "payment_intent": format!("pi_{session}"), "reason": "product_not_received", "livemode": false,
        "evidence_details": { "due_by": 1_764_600_000, "has_evidence": false, "past_due": false, "submission_count": 0 },
    })
}

#[tokio::test]
async fn a_whole_order_lifecycle_ends_the_same_in_any_event_order() {
    let app = TestApp::start().await;
    let story = |session: &str| {
        let of = |number: u32, kind: &str, object: Value| event(&format!("evt_{session}_{number}"), kind, object);
        let mut won = dispute(&format!("du_{session}"), session, "won");
        won["evidence_details"]["due_by"] = json!(1_764_600_000);
        vec![
            of(1, "checkout.session.completed", paid_session(session)),
            of(2, "refund.created", refund(&format!("re_{session}"), session, 9_900, "pending")),
            of(3, "charge.refunded", charge(session, 9_900)),
            of(4, "refund.updated", refund(&format!("re_{session}"), session, 9_900, "succeeded")),
            of(5, "charge.dispute.created", dispute(&format!("du_{session}"), session, "needs_response")),
            of(6, "charge.dispute.funds_withdrawn", dispute(&format!("du_{session}"), session, "under_review")),
            of(7, "charge.dispute.closed", won),
            of(8, "charge.dispute.funds_reinstated", dispute(&format!("du_{session}"), session, "won")),
        ]
    };
    for rotation in 0..8 {
        let session = format!("cs_test_{rotation}");
        let mut events = story(&session);
        events.rotate_left(rotation);
        if rotation % 2 == 1 {
            events.reverse();
        }
        for event in events.iter().chain(&events[..2]) {
            assert_eq!(app.deliver(event).await, StatusCode::OK);
        }
    }
    let same = "preorders where status = 'paid' and refunded_minor = 9900 and not needs_review";
    assert_eq!(app.count(same).await, 8);
    assert_eq!(app.count("refunds where status = 'succeeded' and counted and succeeded").await, 8);
    assert_eq!(app.count("disputes where status = 'won' and funds = 'reinstated' and due_by is not null").await, 8);
    assert_eq!(app.count("outbox where consequence = 'paid'").await, 8);
    assert_eq!(app.count("outbox where consequence like 'refunded:re_%'").await, 8);
    app.deliver_all().await;
    let events = app.sandbox_get("/sandbox/klaviyo/events").await["events"].as_array().unwrap().clone();
    let refunds: Vec<&Value> = events.iter().filter(|event| event["metric"] == "Refunded Order").collect();
    assert_eq!((refunds.len(), &refunds[0]["value"]), (8, &json!(99.0)));
    app.finish().await;
}

#[tokio::test]
async fn payment_updates_before_their_order_are_stored_for_it() {
    let app = TestApp::start().await;
    app.deliver(&event("evt_1", "charge.refunded", charge("cs_test_1", 29_900))).await;
    assert_eq!((app.count("preorders").await, app.count("payments").await), (0, 1));
    assert_eq!(app.row("select status, preorder_id from webhook_logs").await["status"], "done");
    app.deliver(&completed("evt_2", "cs_test_1")).await;
    let row = app.row("select status::text, refunded_minor from preorders").await;
    assert_eq!((&row["status"], &row["refunded_minor"]), (&json!("refunded"), &json!(29_900)));
    app.deliver_all().await;
    assert_eq!(
        app.count("outbox where status = 'withdrawn' and consequence = 'paid'").await,
        1,
        "it causes no notification"
    );
    app.finish().await;
}

#[tokio::test]
async fn money_of_ours_without_an_order_is_a_figure() {
    let app = TestApp::start().await;
    let paid = json!({ "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 29_900,
                       "amount_received": 29_900, "currency": "usd", "livemode": false, "metadata": { "color": "Red" } });
    app.deliver(&event("evt_1", "payment_intent.succeeded", paid.clone())).await;
    let mut foreign = paid;
    foreign["id"] = json!("pi_2");
    foreign["metadata"] = json!({});
    app.deliver(&event("evt_2", "payment_intent.succeeded", foreign)).await;
    app.edit("update payments set updated_at = updated_at - interval '11 minutes'").await;
    assert_eq!(app.store.backlog().await.unwrap().payments_without_preorder, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_refund_that_fails_after_success_needs_review_and_withdraws_its_message() {
    let app = TestApp::start().await;
    app.deliver(&completed("evt_1", "cs_test_1")).await;
    app.deliver(&event("evt_2", "refund.created", refund("re_1", "cs_test_1", 29_900, "succeeded"))).await;
    app.deliver(&event("evt_3", "refund.failed", refund("re_1", "cs_test_1", 29_900, "failed"))).await;
    let row = app.row("select status::text, refunded_minor, needs_review, review_reason from preorders").await;
    assert_eq!((&row["status"], &row["refunded_minor"]), (&json!("refunded"), &json!(0)));
    assert_eq!(row["review_reason"], "refund failed:re_1");
    app.deliver_all().await;
    assert_eq!(app.count("outbox where consequence = 'refunded:re_1' and status = 'withdrawn'").await, 1);
    app.finish().await;
}

#[tokio::test]
async fn an_intent_alone_settles_a_delayed_payment_either_way() {
    let app = TestApp::start().await;
    for (session, kind, status, expected) in [
        ("cs_test_1", "payment_intent.succeeded", "succeeded", "paid"),
        ("cs_test_2", "payment_intent.payment_failed", "requires_payment_method", "payment_failed"),
        ("cs_test_3", "payment_intent.canceled", "canceled", "cancelled"),
    ] {
        let mut pending = paid_session(session);
        pending["payment_status"] = json!("unpaid");
        app.deliver(&event(&format!("evt_{session}_1"), "checkout.session.completed", pending)).await;
        let intent = json!({
            "id": format!("pi_{session}"), "object": "payment_intent", "status": status, "amount": 29_900, "amount_received": 0,
            "currency": "usd", "livemode": false, "metadata": { "color": "Red" },
            "last_payment_error": { "type": "card_error", "code": "payment_intent_payment_attempt_failed" },
        });
        let mut reported = event(&format!("evt_{session}_2"), kind, intent);
        reported["created"] = json!(1_763_800_500);
        app.deliver(&reported).await;
        let row = app.row(&format!("select status::text from preorders where session_id = '{session}'")).await;
        assert_eq!(row["status"], expected, "{kind}");
    }
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn copies_of_customers_and_subscriptions_only_grow_newer() {
    let app = TestApp::start().await;
    let customer = |deleted: bool| json!({ "id": "cus_1", "object": "customer", "email": "jo@example.com", "name": "Jo", "livemode": false, "deleted": deleted });
    let subscription = |status: &str| {
        json!({ "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status, "livemode": false,
                "cancel_at_period_end": false, "pause_collection": null,
                "items": { "object": "list", "data": [{ "id": "si_1", "quantity": 2, "current_period_end": 1_766_000_000,
                           "price": { "id": "price_1", "object": "price" } }] } })
    };
    let invoice = |id: &str| {
        json!({ "id": id, "object": "invoice", "status": "paid", "livemode": false,
                "parent": { "type": "subscription_details", "subscription_details": { "subscription": "sub_1" } } })
    };
    let at = |mut event: Value, created: i64| {
        event["created"] = json!(created);
        event
    };
    for event in [
        at(event("evt_1", "invoice.paid", invoice("in_2")), 300),
        at(event("evt_2", "customer.subscription.deleted", subscription("canceled")), 400),
        at(event("evt_3", "customer.subscription.updated", subscription("active")), 200),
        at(event("evt_4", "invoice.payment_failed", invoice("in_1")), 100),
        at(event("evt_5", "customer.deleted", customer(true)), 400),
        at(event("evt_6", "customer.created", customer(false)), 100),
    ] {
        assert_eq!(app.deliver(&event).await, StatusCode::OK);
    }
    assert_eq!(app.count("webhook_logs where status = 'done'").await, 6);
    let row = app.row("select status, quantity, latest_invoice_id, latest_invoice_paid from subscriptions").await;
    assert_eq!((&row["status"], &row["quantity"]), (&json!("canceled"), &json!(2)));
    assert_eq!((&row["latest_invoice_id"], &row["latest_invoice_paid"]), (&json!("in_2"), &json!(true)));
    let row = app.row("select deleted, email from customers").await;
    assert_eq!((&row["deleted"], &row["email"]), (&json!(true), &Value::Null));
    app.finish().await;
}

#[tokio::test]
async fn approve_ship_and_deliver_notify_the_customer() {
    let app = TestApp::start().await;
    let mut odd = paid_session("cs_test_1");
    odd["amount_total"] = json!(29_901);
    app.deliver(&event("evt_1", "checkout.session.completed", odd)).await;
    let number =
        app.row("select preorder_number from preorders").await["preorder_number"].as_str().unwrap().parse().unwrap();
    let provider = rolitt::domain::payment::ProviderId::Stripe;
    let ship = MerchantAction::Ship { tracking: Some("JD014600".to_owned()) };
    let refused = apply_action(&app.shop, provider, &number, &ship).await.unwrap();
    assert!(format!("{refused:?}").contains("review"), "{refused:?}");
    for step in [MerchantAction::Approve, ship, MerchantAction::Deliver] {
        apply_action(&app.shop, provider, &number, &step).await.unwrap();
    }
    let row = app.row("select status::text, tracking_number, needs_review, review_settled from preorders").await;
    assert_eq!((&row["status"], &row["tracking_number"]), (&json!("delivered"), &json!("JD014600")));
    assert_eq!(row["needs_review"], false);
    assert_eq!(row["review_settled"], "amount differs:29901 usd:29900 usd");
    app.deliver_all().await;
    let events = app.sandbox_get("/sandbox/klaviyo/events").await;
    let metrics: Vec<&str> =
        events["events"].as_array().unwrap().iter().map(|event| event["metric"].as_str().unwrap()).collect();
    assert_eq!(metrics, ["Preorder Success", "Fulfilled Order"]);
    app.finish().await;
}
