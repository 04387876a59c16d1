//! A customer asks to be forgotten, or was a customer long ago: what goes, what stays, and that
//! nothing comes back.

use std::time::Duration;

use rolitt::server::{
    config::Retention,
    privacy::retention,
    reconcile,
    store::LeaseToken,
    store_copy::{CopyOptions, copy},
};
use serde_json::{Value, json};

use super::{
    copying::Target,
    life::{charge, dispute, refund},
    reconcile::buy,
    test_app::{Home, Setup, TestApp, completed, event, paid_session},
};

const JO: &str = "jo@example.com";

async fn number(app: &TestApp, session: &str) -> String {
    let row = app.row(&format!("select preorder_number from preorders where session_id = '{session}'")).await;
    row["preorder_number"].as_str().unwrap().to_owned()
}

/// In how many rows of the whole shop a text stands, whatever the column.
async fn rows_with(app: &TestApp, text: &str) -> i64 {
    let mut found = 0;
    for table in ["preorders", "webhook_logs", "outbox", "customers", "payments", "refunds", "reconcile_differences"] {
        let bytes = match table {
            "webhook_logs" => "coalesce(encode(raw_body, 'escape'), '')",
            "outbox" => "encode(body, 'escape')",
            _ => "''",
        };
        found +=
            app.count(&format!("{table} t where position(lower('{text}') in lower(t::text || {bytes})) > 0")).await;
    }
    found
}

/// Creates Jo's order, paid, notified and refunded, with events around it that name no order.
async fn story(app: &TestApp, session: &str) {
    app.deliver(&completed(&format!("evt_{session}"), session)).await;
    app.deliver_all().await;
    let mut payment = charge(session, 29_900);
    payment["billing_details"] = json!({ "email": "JO@example.com", "name": "Jo Buyer" });
    app.deliver(&event(
        &format!("evt_{session}_refund"),
        "refund.created",
        refund(&format!("re_{session}"), session, 29_900, "succeeded"),
    ))
    .await;
    app.deliver(&event(&format!("evt_{session}_charge"), "charge.refunded", payment.clone())).await;
    app.deliver(&event(&format!("evt_{session}_other"), "charge.succeeded", payment)).await;
}

#[tokio::test]
async fn one_customer_is_erased_and_nothing_brings_them_back() {
    let app = TestApp::start().await;
    story(&app, "cs_test_1").await;
    app.deliver(&completed("evt_2", "cs_test_2")).await;
    app.deliver_all().await;
    // Another customer's, whatever table it is in.
    let other = "'someone@example.com'";
    app.edit(&format!("update preorders set email = {other}, shipping_address = null where session_id = 'cs_test_2'"))
        .await;
    app.edit(&format!(
        "update webhook_logs set email = {other}, raw_body = '{{}}', raw_data = '{{}}' where stripe_event_id = 'evt_2'"
    ))
    .await;
    app.edit(&format!("update outbox set body = {other} where dedupe_key like '%:cs_test_2'")).await;
    let object = json!({ "id": "cus_1", "object": "customer", "email": "Jo@Example.com", "name": "Jo Buyer", "livemode": false });
    app.deliver(&event("evt_customer", "customer.created", object.clone())).await;
    assert!(rows_with(&app, JO).await >= 5 && rows_with(&app, "Jo Buyer").await >= 3);

    let (status, output, complaint) = app.rolitt(&["preorders", "erase", "--email", "JO@example.com"]).await;
    assert_eq!(status, 2, "{output}{complaint}");
    assert!(output.contains("would be erased") && complaint.contains("--yes"), "{output}{complaint}");
    assert!(rows_with(&app, JO).await >= 5, "nothing is erased without a word");
    let (status, promised, _) = app.rolitt(&["preorders", "erase", "--email", JO, "--dry-run", "--json"]).await;
    let (done, output, complaint) = app.rolitt(&["preorders", "erase", "--email", JO, "--yes", "--json"]).await;
    assert_eq!((status, done), (0, 0), "{output}{complaint}");
    let [mut promised, output] = [promised, output].map(|text| serde_json::from_str::<Value>(&text).unwrap());
    assert_eq!(promised["dry_run"], true);
    promised["dry_run"] = json!(false);
    assert_eq!(promised, output, "what was promised was done");
    assert_eq!(
        (&output["customers"], &output["complete"], output["orders"].as_array().unwrap().len()),
        (&json!(1), &json!(true), 1)
    );
    assert!(output["elsewhere"].to_string().contains("Stripe") && output["elsewhere"].to_string().contains("Klaviyo"));
    for text in [JO, "Jo Buyer", "Main Street", "+15035550100"] {
        assert_eq!(rows_with(&app, text).await, 0, "{text}");
    }
    assert_eq!(rows_with(&app, "someone@example.com").await, 3, "another customer is as before");

    // All of it again, and more, by every way there is.
    let messages = app.count("outbox").await;
    story(&app, "cs_test_1").await;
    let mut once_more = paid_session("cs_test_1");
    once_more["amount_total"] = json!(29_900);
    app.deliver(&event("evt_again", "checkout.session.async_payment_succeeded", once_more)).await;
    let object_of_payment =
        json!({ "id": "ch_1", "object": "charge", "payment_intent": "pi_cs_test_1", "receipt_email": JO });
    app.deliver(&event("evt_ignored", "charge.updated", object_of_payment)).await;
    app.deliver(&event("evt_customer_2", "customer.updated", object)).await;
    app.deliver(&event("evt_refund_2", "refund.updated", refund("re_cs_test_1", "cs_test_1", 29_900, "succeeded")))
        .await;
    app.deliver_all().await;
    for text in [JO, "Jo Buyer", "Main Street", "+15035550100"] {
        assert_eq!(rows_with(&app, text).await, 0, "{text}");
    }
    assert_eq!(app.count("outbox").await, messages);
    let row = app
        .row("select status::text, amount_minor, refunded_minor from preorders where session_id = 'cs_test_1'")
        .await;
    assert_eq!(row, json!({ "status": "refunded", "amount_minor": 29_900, "refunded_minor": 29_900 }));
    let number = number(&app, "cs_test_1").await;
    let (_, listed, _) = app.rolitt(&["preorders", "list"]).await;
    assert!(listed.lines().any(|line| line.starts_with(&number) && line.ends_with("erased")), "{listed}");
    let (_, shown, _) = app.rolitt(&["preorders", "show", &number]).await;
    assert!(shown.contains("erased on"), "{shown}");
    let (status, output, _) = app.rolitt(&["preorders", "erase", &number, "--yes"]).await;
    assert_eq!(status, 0);
    assert!(output.contains("0 event(s), 0 message(s), 0 customer(s)"), "{output}");
    app.finish().await;
}

#[tokio::test]
async fn the_return_page_and_reconciliation_find_an_erased_order_without_personal_data() {
    let app = TestApp::start().await;
    let session = buy(&app, "jo@example.com", json!({ "card": "4242424242424242" })).await;
    app.until("the order is there", || async { app.count("preorders where status = 'paid'").await == 1 }).await;
    app.until("every event arrived", || async { app.count("webhook_logs").await >= 2 }).await;
    app.deliver_all().await;
    let number = number(&app, &session).await;
    let (status, _, complaint) = app.rolitt(&["preorders", "erase", &number, "--yes"]).await;
    assert_eq!(status, 1, "it is still to be sent");
    assert!(complaint.contains("still needed"), "{complaint}");
    assert!(rows_with(&app, JO).await > 0);
    assert_eq!(app.rolitt(&["preorders", "ship", &number, "--tracking", "JD014600"]).await.0, 0);
    app.deliver_all().await;
    assert_eq!(app.rolitt(&["preorders", "erase", &number, "--yes"]).await.0, 0);
    let output = app.sandbox_get("/sandbox/klaviyo/events").await["events"].as_array().unwrap().len();
    let page = app.get(&format!("/checkout/success?session_id={session}")).await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(page.contains(&number) && !page.contains("example.com") && !page.contains("<dt>We write to"), "{page}");
    for _ in 0..2 {
        let report = reconcile::reconcile(
            &app.shop,
            reconcile::ReconcileOptions { since: Some(Duration::from_hours(1)), dry_run: false },
        )
        .await
        .unwrap();
        assert_eq!(report.unexplained, 0, "{report:?}");
    }
    app.deliver_all().await;
    assert_eq!(app.count("preorders where email = '' and shipping_address is null and status = 'shipped'").await, 1);
    assert_eq!(app.sandbox_get("/sandbox/klaviyo/events").await["events"].as_array().unwrap().len(), output);
    assert_eq!(rows_with(&app, JO).await, 0);
    assert_eq!(rows_with(&app, "JD014600").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn by_number_one_order_goes_and_the_customers_other_one_stays() {
    let app = TestApp::start().await;
    story(&app, "cs_test_1").await;
    story(&app, "cs_test_2").await;
    app.deliver_all().await;
    let number = number(&app, "cs_test_1").await;
    let (status, output, complaint) = app.rolitt(&["preorders", "erase", &number, "--yes"]).await;
    assert_eq!(status, 0, "{output}{complaint}");
    assert_eq!(app.count("preorders where email = ''").await, 1);
    assert_eq!(app.count("preorders where email = 'jo@example.com'").await, 1);
    let left = "webhook_logs where raw_body is not null and position('cs_test_1' in encode(raw_body, 'escape')) > 0";
    assert_eq!(app.count(left).await, 0, "events without an order are found by its payment");
    assert_eq!(app.count("webhook_logs where raw_body is not null").await, 4);
    assert_eq!(app.rolitt(&["preorders", "erase", "ROL-00000000", "--yes"]).await.0, 1);
    for wrong in [
        &["preorders", "erase"][..],
        &["preorders", "erase", &number, "--email", JO],
        &["preorders", "erase", &number, "--yes", "--dry-run"],
    ] {
        assert_eq!(app.rolitt(wrong).await.0, 2, "{wrong:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_unapplied_event_survives_erasure_and_is_reported() {
    let app = TestApp::start().await;
    story(&app, "cs_test_1").await;
    app.deliver_all().await;
    let mut odd = paid_session("cs_test_1");
    odd["amount_total"] = json!("a lot");
    app.deliver(&event("evt_odd", "checkout.session.completed", odd)).await;
    assert_eq!(app.count("webhook_logs where status = 'failed'").await, 1);
    let (status, _, complaint) = app.rolitt(&["preorders", "erase", "--email", JO, "--yes"]).await;
    assert_eq!(status, 1);
    assert!(complaint.contains("1 event(s) are still to be applied"), "{complaint}");
    assert_eq!(rows_with(&app, JO).await, 1);
    app.edit("update webhook_logs set status = 'parked' where status = 'failed'").await;
    assert_eq!(app.rolitt(&["preorders", "erase", "--email", JO, "--yes"]).await.0, 1, "a person may still mend it");
    assert_eq!(app.rolitt(&["preorders", "erase", "--email", JO, "--yes", "--force"]).await.0, 0);
    assert_eq!(rows_with(&app, JO).await, 0);
    app.leave().await;
}

#[tokio::test]
async fn a_store_copy_restores_no_erased_data() {
    let app = TestApp::start_with(Setup { home: Home::Postgres, ..Setup::default() }).await;
    story(&app, "cs_test_1").await;
    app.deliver_all().await;
    let target = Target::new().await;
    let copied =
        || async { copy(&*app.store, &target.store, "source", CopyOptions::default(), &mut |_| ()).await.unwrap() };
    assert!(copied().await.agrees());
    target.run("update preorders set email = '', shipping_address = null, erased_at = now()").await;
    target.run("update webhook_logs set raw_body = null, raw_data = null, email = null").await;
    target.run("update outbox set body = ''").await;
    // The old shop hears of the order once more, later than it was erased in the new one.
    app.edit("update preorders set updated_at = now() + interval '1 hour'").await;
    let report = copied().await;
    assert!(report.agrees(), "{:?}", report.differences);
    let left = "select (select count(*) from preorders where email <> '' or shipping_address is not null)
                     + (select count(*) from webhook_logs where raw_body is not null or email is not null)
                     + (select count(*) from outbox where body <> '')";
    assert_eq!(target.says(&format!("{left} || ''")).await.as_deref(), Some("0"));
    target.leave(app).await;
}

const DAY: Duration = Duration::from_hours(24);
const KEPT: Retention =
    Retention { raw: Some(Duration::from_hours(24 * 90)), personal: Some(Duration::from_hours(24 * 730)) };

#[tokio::test]
async fn retention_removes_old_data_and_leaves_what_is_needed() {
    let app = TestApp::start().await;
    for number in 1..=4 {
        story(&app, &format!("cs_test_{number}")).await;
    }
    app.deliver(&completed("evt_paid", "cs_test_paid")).await;
    app.deliver_all().await;
    app.deliver(&event("evt_dispute", "charge.dispute.created", dispute("du_1", "cs_test_4", "needs_response"))).await;
    app.post_webhook(b"odd".to_vec(), None).await;
    app.deliver_bytes(b"no event at all".to_vec()).await;
    assert_eq!(retention::run_once(&app.shop, KEPT).await.unwrap(), retention::ErasedCounts::default());
    let aged = |days: i64| format!("interval '{days} days'");
    app.edit(&format!(
        "update webhook_logs set received_at = received_at - {0}, processed_at = processed_at - {0}",
        aged(100)
    ))
    .await;
    app.edit(&format!("update outbox set created_at = created_at - {0}, sent_at = sent_at - {0}", aged(100))).await;
    let old = "session_id in ('cs_test_1', 'cs_test_4', 'cs_test_paid')";
    app.edit(&format!("update preorders set updated_at = updated_at - {} where {old}", aged(800))).await;
    assert!(app.store.acquire_lease("retention", &LeaseToken::new("other-instance"), DAY).await.unwrap());
    assert_eq!(
        retention::run_once(&app.shop, KEPT).await.unwrap(),
        retention::ErasedCounts::default(),
        "another instance holds the lease"
    );
    app.store.release_lease("retention", &LeaseToken::new("other-instance")).await.unwrap();
    let off = Retention { raw: None, personal: None };
    assert_eq!(retention::run_once(&app.shop, off).await.unwrap(), retention::ErasedCounts::default());
    let (events, messages) = (app.count("webhook_logs where status <> 'parked'").await, app.count("outbox").await);
    let gone = retention::run_once(&app.shop, KEPT).await.unwrap();
    let counted = |number: i64| u64::try_from(number).unwrap();
    assert_eq!((gone.events, gone.messages, gone.orders), (counted(events), counted(messages), 1));
    assert_eq!(retention::run_once(&app.shop, KEPT).await.unwrap(), retention::ErasedCounts::default());
    assert_eq!(app.row("select session_id from preorders where email = ''").await["session_id"], "cs_test_1");
    assert_eq!(app.count("webhook_logs where raw_body is not null").await, 1, "a parked event needs its body");
    assert_eq!(app.count("outbox where body <> ''").await, 0);
    // Years later, every event is delivered again.
    for number in 1..=4 {
        story(&app, &format!("cs_test_{number}")).await;
    }
    app.deliver(&completed("evt_paid", "cs_test_paid")).await;
    app.deliver_all().await;
    assert_eq!(
        (app.count("webhook_logs where status <> 'parked'").await, app.count("outbox").await),
        (events, messages)
    );
    assert_eq!(app.count("webhook_logs where raw_body is not null").await, 1);
    app.leave().await;
}
