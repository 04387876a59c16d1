//! Reconciliation: differences that no webhook reported are found, repaired, or counted as
//! unexplained.

use std::time::Duration;

use rolitt::{
    domain::preorder::PreorderNumber,
    server::{
        orders::refund::{RefundError, RefundRequest, refund},
        payments::capability::RefundReason,
        reconcile::{ReconcileError, ReconcileOptions, ReconcileReport, Resolution, reconcile},
        store::LeaseToken,
    },
};
use serde_json::{Value, json};

use super::test_app::TestApp;

const ALL: ReconcileOptions = ReconcileOptions { since: None, dry_run: false };

/// Buys as a customer does, without a browser: the session's id.
pub async fn buy(app: &TestApp, email: &str, payment: Value) -> String {
    let response = app.post_json(&[("color", "Red"), ("email", email), ("locale", "en")]).await;
    let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    let session =
        answer["url"].as_str().unwrap().rsplit('/').next().unwrap().split(['?', '#']).next().unwrap().to_owned();
    app.sandbox_post(&format!("/sandbox/stripe/sessions/{session}/pay"), payment).await;
    session
}

async fn deaf(app: &TestApp) {
    app.sandbox_post("/sandbox/faults", json!({ "delivery": { "drop_rate": 1 } })).await;
}

fn card() -> Value {
    json!({ "card": "4242424242424242" })
}

/// A call to Stripe's own API, as the merchant's dashboard makes it.
pub async fn dashboard(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Value {
    let response = app
        .http
        .post(format!("{}{path}", app.sandbox))
        .bearer_auth("sk_test_x")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(super::test_app::form(fields))
        .send()
        .await
        .unwrap();
    let status = response.status();
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert!(status.is_success(), "{path}: {status} {body}");
    body
}

/// The number of the only order.
async fn number(app: &TestApp) -> PreorderNumber {
    app.row("select preorder_number from preorders").await["preorder_number"].as_str().unwrap().parse().unwrap()
}

pub async fn compared(app: &TestApp) -> ReconcileReport {
    reconcile(&app.shop, ALL).await.unwrap()
}

#[tokio::test]
async fn with_every_webhook_dropped_every_paid_order_appears_within_one_cycle() {
    let app = TestApp::start().await;
    deaf(&app).await;
    for number in 0..12 {
        buy(&app, &format!("jo{number}@example.com"), card()).await;
    }
    buy(&app, "slow@example.com", json!({ "method": "delayed", "outcome": "succeed" })).await;
    assert_eq!(app.count("preorders").await, 0);
    let report = compared(&app).await;
    assert_eq!(report.unexplained, 0);
    assert!(
        report.differences.iter().all(|difference| difference.end == Resolution::Repaired),
        "{:?}",
        report.differences
    );
    assert_eq!(
        app.count("preorders where status = 'paid'").await
            + app.count("preorders where email = 'slow@example.com'").await,
        13
    );
    let again = compared(&app).await;
    assert_eq!((again.differences, again.unexplained), (Vec::new(), 0));
    app.deliver_all().await;
    assert!(app.count("outbox where consequence = 'paid' and status = 'sent'").await >= 12);
    app.finish().await;
}

#[tokio::test]
async fn reconciliation_finds_objects_without_any_event() {
    let variables = [("STRIPE_CAPABILITIES", "refunds,disputes".to_owned())].into_iter().collect();
    let app = TestApp::start_with(super::test_app::Setup { variables, ..Default::default() }).await;
    deaf(&app).await;
    let session = buy(&app, "jo@example.com", card()).await;
    assert_eq!(compared(&app).await.differences.len(), 1);
    let intent =
        app.row("select payment_intent_id from preorders").await["payment_intent_id"].as_str().unwrap().to_owned();
    dashboard(&app, "/v1/refunds", &[("payment_intent", &intent), ("amount", "9900")]).await;
    app.sandbox_post(
        "/sandbox/stripe/trigger",
        json!({ "type": "charge.dispute.created", "object": { "payment_intent": intent } }),
    )
    .await;
    let report = compared(&app).await;
    assert_eq!(report.differences.len(), 2, "{:?}", report.differences);
    let row = app.row("select session_id, status::text, refunded_minor from preorders").await;
    assert_eq!((&row["session_id"], &row["status"]), (&json!(session), &json!("paid")));
    assert_eq!(row["refunded_minor"], 9_900);
    assert_eq!(app.count("disputes where status = 'needs_response' and due_by is not null").await, 1);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_reconciliation_dry_run_changes_nothing() {
    let app = TestApp::start().await;
    deaf(&app).await;
    buy(&app, "jo@example.com", card()).await;
    for _ in 0..2 {
        let report = reconcile(&app.shop, ReconcileOptions { dry_run: true, since: Some(Duration::from_hours(1)) })
            .await
            .unwrap();
        assert_eq!(report.differences.len(), 1, "{:?}", report.differences);
        assert_eq!(report.differences[0].end, Resolution::Found);
        assert_eq!(report.differences[0].number, None, "an order that is not made has no number");
        assert_eq!(
            (app.count("preorders").await, app.count("outbox").await, app.count("reconcile_marks").await),
            (0, 0, 0)
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn marks_go_on_where_a_pass_stopped_and_one_instance_compares_at_a_time() {
    let app = TestApp::start().await;
    deaf(&app).await;
    buy(&app, "jo@example.com", card()).await;
    assert!(
        app.store.acquire_lease("reconcile:stripe", &LeaseToken::new("another"), Duration::from_mins(1)).await.unwrap()
    );
    assert!(matches!(reconcile(&app.shop, ALL).await, Err(ReconcileError::Busy)));
    app.store.release_lease("reconcile:stripe", &LeaseToken::new("another")).await.unwrap();
    // Both run at the same time: one compares; the other reports that, or runs after it.
    let (one, other) = tokio::join!(reconcile(&app.shop, ALL), reconcile(&app.shop, ALL));
    assert!(one.is_ok() || other.is_ok());
    assert_eq!(app.count("preorders where status = 'paid'").await, 1);
    assert_eq!(app.count("reconcile_marks where scope = 'sessions' and passing is null").await, 1);
    app.sandbox_post("/sandbox/faults", json!({ "stripe": { "error_rate": 1, "status": 403 } })).await;
    let before = app.row("select mark::text from reconcile_marks where scope = 'sessions'").await;
    let report = compared(&app).await;
    assert!(report.scopes.iter().any(|scope| scope.failure.is_some()));
    assert_eq!(app.row("select mark::text from reconcile_marks where scope = 'sessions'").await, before);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn unexplained_differences_are_counted() {
    let app = TestApp::start().await;
    buy(&app, "jo@example.com", card()).await;
    app.until("the webhook arrives", async || app.count("preorders").await == 1).await;
    assert_eq!(compared(&app).await.unexplained, 0);
    // A preorder that the provider never heard of: written by hand, or restored from another shop's
    // backup.
    app.deliver(&super::test_app::completed("evt_foreign", "cs_test_elsewhere")).await;
    let report = compared(&app).await;
    assert_eq!(report.unexplained, 1, "{:?}", report.differences);
    assert_eq!(report.differences[0].id, "cs_test_elsewhere");
    assert_eq!(compared(&app).await.unexplained, 1, "it stays open until it agrees");
    app.edit("delete from reconcile_marks").await;
    assert_eq!(compared(&app).await.unexplained, 1, "and is counted once");
    assert_eq!(app.store.backlog().await.unwrap().differences_open, 1, "on every instance");
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn an_amount_that_was_changed_behind_the_shops_back_is_counted() {
    let app = TestApp::start().await;
    buy(&app, "jo@example.com", card()).await;
    app.until("the webhook arrives", async || app.count("preorders").await == 1).await;
    app.edit("update preorders set amount_minor = 1").await;
    let report = compared(&app).await;
    assert_eq!(report.unexplained, 1, "{:?}", report.differences);
    let dry = reconcile(&app.shop, ReconcileOptions { dry_run: true, since: None }).await.unwrap();
    assert_eq!(dry.unexplained, 1, "a dry_run does not hide it");
    app.edit("update preorders set amount_minor = 29900").await;
    assert_eq!(compared(&app).await.unexplained, 0, "mended, it is looked at again and closed");
    assert_eq!(app.count("reconcile_differences").await, 0);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_killed_reconciliation_resumes_at_its_cursor_and_then_reads_newer_objects() {
    let variables = [("STRIPE_CAPABILITIES", "none".to_owned())].into_iter().collect();
    let app = TestApp::start_with(super::test_app::Setup { variables, ..Default::default() }).await;
    deaf(&app).await;
    let mut sessions = Vec::new();
    for number in 0..4 {
        sessions.push(buy(&app, &format!("jo{number}@example.com"), card()).await);
    }
    // As a page leaves it: the two newest were on the page before, and whatever came of them is not
    // known here.
    app.edit(&format!(
        "insert into reconcile_marks (provider, scope, mark, passing, cursor)
         values ('stripe', 'sessions', now() - interval '1 hour', now() - interval '1 minute', '{}')",
        sessions[2]
    ))
    .await;
    let report = compared(&app).await;
    let found: Vec<&str> = report.differences.iter().map(|difference| difference.id.as_str()).collect();
    assert_eq!(found[..2], [sessions[1].as_str(), sessions[0].as_str()], "what was left of the pass comes first");
    assert_eq!(app.count("preorders where status = 'paid'").await, 4);
    assert_eq!(app.count("reconcile_marks where scope = 'sessions' and passing is null").await, 1);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_cursor_unknown_to_the_provider_is_dropped() {
    let app = TestApp::start().await;
    deaf(&app).await;
    buy(&app, "jo@example.com", card()).await;
    compared(&app).await;
    app.edit("update reconcile_marks set passing = now(), cursor = 'cs_test_gone' where scope = 'sessions'").await;
    let failed = |report: &ReconcileReport| report.scopes.iter().filter(|scope| scope.failure.is_some()).count();
    assert_eq!(failed(&compared(&app).await), 1);
    buy(&app, "al@example.com", card()).await;
    assert_eq!(failed(&compared(&app).await), 0);
    assert_eq!(app.count("preorders where status = 'paid'").await, 2);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_merchant_refunds_in_parts_and_never_more_than_was_paid() {
    let app = TestApp::start().await;
    deaf(&app).await;
    buy(&app, "jo@example.com", card()).await;
    compared(&app).await;
    let number = number(&app).await;
    let part =
        RefundRequest { minor: Some(9_900), reason: Some(RefundReason::RequestedByCustomer), allow_repeat: false };
    refund(&app.shop, &number, part).await.unwrap();
    assert!(
        matches!(refund(&app.shop, &number, part).await, Err(RefundError::SameAmount(_))),
        "a repeat is not a second refund"
    );
    assert_eq!(app.row("select refunded_minor from preorders").await["refunded_minor"], 9_900);
    for wrong in [0, -1, 20_001] {
        assert!(
            matches!(
                refund(&app.shop, &number, RefundRequest { minor: Some(wrong), ..RefundRequest::default() }).await,
                Err(RefundError::InvalidAmount { .. })
            ),
            "{wrong}"
        );
    }
    refund(&app.shop, &number, RefundRequest::default()).await.unwrap();
    assert_eq!(app.row("select status::text from preorders").await["status"], "refunded");
    assert!(matches!(refund(&app.shop, &number, RefundRequest::default()).await, Err(RefundError::NothingLeft)));
    assert_eq!(app.count("refunds where status = 'succeeded'").await, 2);
    assert_eq!(compared(&app).await.unexplained, 0);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_failed_refund_is_created_again_and_not_replayed() {
    let app = TestApp::start().await;
    buy(&app, "jo@example.com", card()).await;
    app.until("the webhook arrives", async || app.count("preorders where status = 'paid'").await == 1).await;
    let number = number(&app).await;
    let first = refund(&app.shop, &number, RefundRequest::default()).await.unwrap();
    let failed = json!({ "type": "refund.failed", "object": { "id": first.id } });
    app.sandbox_post("/sandbox/stripe/trigger", failed).await;
    app.until("the failure", async || app.count("preorders where refunded_minor = 0").await == 1).await;
    let second = refund(&app.shop, &number, RefundRequest::default()).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(app.row("select refunded_minor from preorders").await["refunded_minor"], 29_900);
    app.until("the remaining messages", async || {
        app.deliver_all().await;
        app.count("webhook_logs where status in ('received', 'processing', 'failed')").await == 0
    })
    .await;
    app.leave().await;
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_says_so_and_is_not_made_twice_when_repeated() {
    let app = TestApp::start().await;
    deaf(&app).await;
    buy(&app, "jo@example.com", card()).await;
    compared(&app).await;
    let number = number(&app).await;
    let lost = json!({ "stripe": { "record_then_error_rate": 1, "status": 500 } });
    app.sandbox_post("/sandbox/faults", lost).await;
    let unclear = refund(&app.shop, &number, RefundRequest::default()).await.unwrap_err();
    assert!(matches!(&unclear, RefundError::OutcomeUnknown(_)), "{unclear:?}");
    assert!(unclear.to_string().contains("may have gone through"));
    app.http.delete(format!("{}/sandbox/faults", app.sandbox)).send().await.unwrap();
    assert_eq!(compared(&app).await.unexplained, 0);
    assert_eq!(app.row("select refunded_minor from preorders").await["refunded_minor"], 29_900);
    assert!(matches!(refund(&app.shop, &number, RefundRequest::default()).await, Err(RefundError::NothingLeft)));
    assert_eq!(app.count("refunds").await, 1);
    app.deliver_all().await;
    app.leave().await;
}
