//! A shop is moved from one store to another: every row arrives, a second run finds nothing to do,
//! a killed one goes on, and what cannot be moved is said.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use rolitt::{
    domain::{
        lifecycle::MerchantAction,
        payment::{EventId, ProviderId},
    },
    server::{
        orders::fulfilment,
        store::{
            Archive, Entry, Inbox, MessageKind, OpenDifference, Outbox, ReconcileCursor, Store, Table, WebhookEvent,
            postgres::PostgresStore,
        },
        store_copy::{CopyError, CopyOptions, CopyReport, CopyStep, RowDifference, TableReport, copy},
    },
};
use secrecy::SecretString;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};
use time::OffsetDateTime;

use super::{
    database::{drop_database, fresh_database, on_the_schema_of_tomorrow},
    life::{dispute, refund},
    test_app::{Home, Setup, TestApp, completed, event, paid_session},
};

/// Small pages, so that a small shop has several.
const PAGES: CopyOptions = CopyOptions { dry_run: false, batch: 2 };
const DRY: CopyOptions = CopyOptions { dry_run: true, batch: 2 };

/// Where a shop is copied to.
pub struct Target {
    pool: PgPool,
    pub store: PostgresStore,
    pub url: String,
    name: String,
}

impl Target {
    pub async fn new() -> Self {
        let (name, url) = fresh_database().await;
        let pool = PgPool::connect_lazy(&url).unwrap();
        Self { store: PostgresStore::new(&SecretString::from(url.clone())).unwrap(), pool, url, name }
    }

    pub async fn run(&self, sql: &str) {
        run(&self.pool, sql).await;
    }

    /// What `select` says here; one value as text.
    pub async fn says(&self, select: &str) -> Option<String> {
        sqlx::query_scalar(AssertSqlSafe(select.to_owned())).fetch_one(&self.pool).await.unwrap()
    }

    pub async fn leave(self, app: TestApp) {
        self.store.close().await;
        self.pool.close().await;
        drop_database(&self.name).await;
        app.leave().await;
    }
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap();
}

async fn at_source(app: &TestApp, sql: &str) {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(app.pool()).await.unwrap();
}

async fn copied(app: &TestApp, target: &Target, options: CopyOptions) -> CopyReport {
    copy(&*app.store, &target.store, "source", options, &mut |_| ()).await.unwrap()
}

fn table(report: &CopyReport, table: Table) -> &TableReport {
    report.tables.iter().find(|one| one.table == table.as_str()).unwrap()
}

fn reported<'a>(report: &'a CopyReport, key: &str) -> &'a str {
    let found: Vec<&RowDifference> = report.differences.iter().filter(|one| one.key == key).collect();
    assert_eq!(found.len(), 1, "{key}: {:?}", report.differences);
    &found[0].what
}

fn delivery(id: &str, body: impl Into<Bytes>) -> WebhookEvent {
    WebhookEvent {
        provider: ProviderId::Stripe,
        event_id: EventId::parse(id).unwrap(),
        event_type: "checkout.session.completed".to_owned(),
        body: body.into(),
    }
}

/// A shop on PostgreSQL in which everything there is has happened.
pub async fn rich_shop() -> TestApp {
    let app = TestApp::start_with(Setup { home: Home::Postgres, ..Setup::default() }).await;
    for number in 1..=4 {
        app.deliver(&completed(&format!("evt_{number}"), &format!("cs_test_{number}"))).await;
    }
    app.deliver_all().await;
    app.deliver(&event("evt_refund", "refund.created", refund("re_1", "cs_test_1", 9_900, "succeeded"))).await;
    app.deliver(&event("evt_refund_2", "refund.created", refund("re_2", "cs_test_1", 20_000, "pending"))).await;
    app.deliver(&event("evt_dispute", "charge.dispute.created", dispute("du_1", "cs_test_2", "needs_response"))).await;
    let number = app.row("select preorder_number from preorders where session_id = 'cs_test_3'").await;
    let number = number["preorder_number"].as_str().unwrap().parse().unwrap();
    let ship = MerchantAction::Ship { tracking: Some("JD1".to_owned()) };
    fulfilment::apply_action(&app.shop, ProviderId::Stripe, &number, &ship).await.unwrap();
    let mut waiting = paid_session("cs_test_5");
    waiting["payment_status"] = json!("unpaid");
    app.deliver(&event("evt_5", "checkout.session.completed", waiting)).await;
    let mut odd = paid_session("cs_test_6");
    odd["amount_total"] = json!(1);
    app.deliver(&event("evt_6", "checkout.session.completed", odd)).await;
    app.deliver(&event("evt_7", "invoice.finalized", json!({ "id": "in_1" }))).await;
    let customer =
        json!({ "id": "cus_1", "object": "customer", "email": "jo@example.com", "name": "Jo", "livemode": false });
    app.deliver(&event("evt_8", "customer.created", customer)).await;
    let subscription = json!({ "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", "livemode": false,
        "cancel_at_period_end": false, "pause_collection": null, "items": { "object": "list", "data": [] } });
    app.deliver(&event("evt_9", "customer.subscription.created", subscription)).await;
    // A megabyte that is no JSON, one event that waits, and one that is parked.
    let soon = Some(Duration::from_mins(5));
    app.store.record_failure(&delivery("evt_big", vec![0xff; 1 << 20]), "too strange", None).await.unwrap();
    app.store.record_failure(&delivery("evt_failed", r#"{"a":1}"#), "not now", soon).await.unwrap();
    app.store.record_failure(&delivery("evt_refused", r#"{"a":1e-20000}"#), "not now", soon).await.unwrap();
    let began = OffsetDateTime::from_unix_timestamp(1_763_800_000).unwrap();
    for scope in ["events", "refunds", "with/slash"] {
        let cursor = ReconcileCursor { until: began, interrupted: Some((began, Some("evt_1".to_owned()))) };
        app.store.set_reconcile_cursor(ProviderId::Stripe, scope, &cursor).await.unwrap();
    }
    for id in ["pi_9", "pi_10", "pi_11"] {
        let open = OpenDifference { scope: "sessions".into(), id: id.into(), number: None, what: "no order".into() };
        app.store.record_difference(ProviderId::Stripe, &open).await.unwrap();
    }
    app
}

/// Every row that the store gives out, one by one.
pub async fn all_rows(store: &dyn Store) -> Vec<Entry> {
    let mut all = Vec::new();
    for table in Table::ALL {
        let mut after = None;
        loop {
            let page = store.export(table, after.as_deref(), 3).await.unwrap();
            after = page.next();
            all.extend(page.entries);
            if after.is_none() {
                break;
            }
        }
    }
    all
}

#[tokio::test]
async fn the_archive_has_every_column_of_the_schema() {
    if on_the_schema_of_tomorrow() {
        return; // It has columns that no program knows yet.
    }
    let app = rich_shop().await;
    for table in Table::ALL {
        let page = app.store.export(table, None, 1).await.unwrap();
        let Some(Entry::Row(row)) = page.entries.first() else { panic!("{table:?}: {page:?}") };
        let (derived, left_out): (&[&str], &[&str]) = match table {
            Table::Preorders => (&["klaviyo_event_sent"], &[]),
            Table::Payments => (&["session_id", "refund_ids", "dispute_ids"], &[]),
            Table::WebhookLogs => (&[], &["id", "raw_data"]),
            Table::Outbox => (&[], &["id"]),
            _ => (&[], &[]),
        };
        let select = "select column_name::text from information_schema.columns where table_name = $1";
        let stored: Vec<String> = sqlx::query_scalar(select).bind(table.as_str()).fetch_all(app.pool()).await.unwrap();
        let stored = stored.iter().map(String::as_str).filter(|column| !left_out.contains(column));
        let expected: BTreeSet<&str> = stored.chain(derived.iter().copied()).collect();
        assert_eq!(row.columns.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{table:?}");
    }
    app.leave().await;
}

#[tokio::test]
async fn a_store_copy_is_exact_and_a_second_run_writes_nothing() {
    let (app, target) = (rich_shop().await, Target::new().await);
    let report = copied(&app, &target, PAGES).await;
    assert!(report.agrees(), "{report:?}");
    for table in &report.tables {
        assert!(table.source > 0, "{}: the shop has everything", table.table);
        assert_eq!((table.source, table.read, table.written), (table.target, table.source, table.source), "{table:?}");
    }
    let (source, arrived) = (all_rows(&*app.store).await, all_rows(&target.store).await);
    assert_eq!(source, arrived);
    assert!(source.iter().all(|entry| matches!(entry, Entry::Row(_))));
    for figure in ["klaviyo_event_sent", "session_id is not null", "(raw_data is null)"] {
        let from = if figure.contains("session") { "preorders" } else { "webhook_logs" };
        let select = format!("select count(*) filter (where {figure})::text from {from}");
        let here: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(select.clone())).fetch_one(app.pool()).await.unwrap();
        assert_eq!(target.says(&select).await, here, "{figure}");
    }
    let again = copied(&app, &target, PAGES).await;
    assert_eq!((again.agrees(), again.sum(|table| table.written)), (true, 0), "{again:?}");
    assert_eq!(
        target.says("select count(*)::text from reconcile_marks where provider = 'store_copy'").await.unwrap(),
        "0"
    );
    target.leave(app).await;
}

#[tokio::test]
async fn a_moved_shop_keeps_selling_and_notifying() {
    let (app, target) = (rich_shop().await, Target::new().await);
    let lease = Duration::from_mins(5);
    let held = app.store.lease_message(MessageKind::KlaviyoEvent, lease).await.unwrap().unwrap();
    app.let_time_pass().await;
    app.store.lease_event(lease).await.unwrap().unwrap();
    let report = copied(&app, &target, PAGES).await;
    assert!(report.agrees(), "what is held is compared as it was copied: {report:?}");
    assert_eq!(target.says("select count(*)::text from outbox where lease_token is not null").await.unwrap(), "0");
    assert_eq!(target.says("select count(*)::text from webhook_logs where status = 'processing'").await.unwrap(), "0");
    target.run("update outbox set available_at = now() where status = 'pending'").await;
    target.run("update webhook_logs set available_at = now()").await;
    let mut bodies = Vec::new();
    while let Some(message) = target.store.lease_message(MessageKind::KlaviyoEvent, lease).await.unwrap() {
        bodies.push(message.body);
    }
    assert!(bodies.contains(&held.body), "it is sent again, by its same bytes");
    assert!(target.store.lease_event(lease).await.unwrap().is_some());
    target.leave(app).await;
}

#[tokio::test]
async fn a_killed_run_goes_on_at_its_place() {
    let (app, target) = (rich_shop().await, Target::new().await);
    let (stop, mut stopped) = tokio::sync::mpsc::channel::<()>(64);
    let mut pages = 0;
    let mut progress = |step: CopyStep<'_>| {
        if let CopyStep::Copying { table: Table::WebhookLogs, done: 1.., .. } = step {
            pages += 1;
            if pages == 3 {
                stop.try_send(()).unwrap();
            }
        }
    };
    tokio::select! {
        biased;
        _ = stopped.recv() => {}
        ended = copy(&*app.store, &target.store, "source", PAGES, &mut progress) => panic!("not killed: {ended:?}"),
    }
    assert!(target.store.copy_cursor("source", Table::WebhookLogs).await.unwrap().is_some());
    assert_eq!(target.store.copy_cursor("elsewhere", Table::WebhookLogs).await.unwrap(), None);
    let came = target.store.count(Table::WebhookLogs).await.unwrap();
    let marks = target.store.count(Table::ReconcileMarks).await.unwrap();
    assert_eq!(marks, 0, "places are no part of the shop");
    let report = copied(&app, &target, PAGES).await;
    let logs = table(&report, Table::WebhookLogs);
    assert!(logs.resumed && report.agrees(), "{report:?}");
    // Whether one more page came, and whether its place was kept, was a matter of moments; such
    // rows are compared again, and not written again.
    let before = logs.source - logs.read;
    assert!((2..=came).contains(&before) && (3..=4).contains(&came), "{before} of {came}");
    assert_eq!(logs.same, came - before);
    assert_eq!(table(&report, Table::Preorders).read, 0, "that table was through");
    for table in Table::ALL {
        assert_eq!(target.store.copy_cursor("source", table).await.unwrap(), None, "{table:?}");
    }
    target.leave(app).await;
}

#[tokio::test]
async fn newer_and_extra_rows_at_the_target_stay_and_are_reported() {
    let (app, target) = (rich_shop().await, Target::new().await);
    copied(&app, &target, PAGES).await;
    target.run("update preorders set tracking_number = 'NEW', updated_at = updated_at + interval '1 second' where session_id = 'cs_test_1'").await;
    target.run("update preorders set tracking_number = 'OLD', updated_at = updated_at - interval '1 second' where session_id = 'cs_test_2'").await;
    target.run("update webhook_logs set status = 'done' where stripe_event_id = 'evt_failed'").await;
    target.run("insert into customers (id, provider, deleted, livemode, told_at, finality) values ('cus_0', 'stripe', false, false, now(), 0)").await;
    let report = copied(&app, &target, PAGES).await;
    assert!(!report.agrees());
    assert_eq!(reported(&report, "cs_test_1"), "newer at the target, kept: tracking_number, updated_at");
    assert!(reported(&report, "evt_failed").starts_with("newer at the target"));
    assert_eq!(reported(&report, "cus_0"), "only at the target");
    let preorders = table(&report, Table::Preorders);
    assert_eq!((preorders.kept, preorders.written, preorders.differing), (1, 1, 1), "{preorders:?}");
    assert_eq!(table(&report, Table::Customers).only_at_target, 1);
    assert_eq!(
        (report.rows_to_check(), report.differences_total),
        (2, 3),
        "rows that only the target has are left alone"
    );
    let tracking = |session: &str| format!("select tracking_number from preorders where session_id = '{session}'");
    assert_eq!(target.says(&tracking("cs_test_1")).await.as_deref(), Some("NEW"));
    assert_eq!(target.says(&tracking("cs_test_2")).await, None);
    target.leave(app).await;
}

#[tokio::test]
async fn rows_that_do_not_read_or_are_refused_do_not_stop_the_others() {
    let (app, target) = (rich_shop().await, Target::new().await);
    at_source(&app, "update preorders set provider = 'paypal' where session_id = 'cs_test_4'").await;
    at_source(&app, "update disputes set currency = 'zzz', provider = 'paypal'").await;
    at_source(&app, "insert into webhook_logs (event, provider, status) values ('old', 'stripe', 'done')").await;
    target.store.migrate().await.unwrap();
    // The number of cs_test_1 is taken there, cs_test_2 has another id there, and cs_test_3 another
    // number.
    let there = |session: &str, id: &str, number: &str| {
        format!(
            "insert into preorders (id, email, status, session_id, preorder_number, updated_at)
                 values ('{id}', 'x', 'paid', '{session}', '{number}', now() - interval '1 day')"
        )
    };
    let row = |session: &str| format!("select id, preorder_number from preorders where session_id = '{session}'");
    let (first, third) = (app.row(&row("cs_test_1")).await, app.row(&row("cs_test_3")).await);
    target.run(&there("cs_test_other", "other", first["preorder_number"].as_str().unwrap())).await;
    target.run(&there("cs_test_2", "another", "ROL-00000002")).await;
    target.run(&there("cs_test_3", third["id"].as_str().unwrap(), "ROL-00000003")).await;
    let report = copied(&app, &target, CopyOptions::default()).await;
    assert!(!report.agrees());
    assert!(reported(&report, "cs_test_4").contains("preorders.provider of cs_test_4"), "{report:?}");
    assert!(reported(&report, "du_1").contains("disputes.provider of du_1"));
    assert!(
        reported(&report, "cs_test_1")
            .contains("missing at the target; the store refused: SQLSTATE 23505 preorders_preorder_number_key")
    );
    for session in ["cs_test_2", "cs_test_3"] {
        assert!(reported(&report, session).contains("under another id or number"), "{}", reported(&report, session));
    }
    assert!(reported(&report, "evt_4").contains("webhook_logs_preorder_id_fkey"));
    assert_eq!(reported(&report, "cs_test_other"), "only at the target");
    let preorders = table(&report, Table::Preorders);
    assert_eq!((preorders.written, preorders.refused, preorders.unreadable), (2, 3, 1), "{preorders:?}");
    assert_eq!(table(&report, Table::Disputes).unreadable, 1);
    assert_eq!(table(&report, Table::WebhookLogs).unreadable, 1, "a row without a key is reported once");
    let said = serde_json::to_string(&report).unwrap();
    assert!(!said.contains("example.com") && !said.contains("paypal"), "no value is shown");
    assert_eq!(target.says("select id from preorders where session_id = 'cs_test_2'").await.unwrap(), "another");
    target.leave(app).await;
}

#[tokio::test]
async fn a_store_copy_dry_run_reports_and_writes_nothing() {
    let (app, target) = (rich_shop().await, Target::new().await);
    let refused = copy(&*app.store, &target.store, "source", DRY, &mut |_| ()).await;
    assert!(matches!(refused, Err(CopyError::TargetNotReady(_))), "{refused:?}");
    assert_eq!(target.says("select count(*)::text from pg_tables where schemaname = 'public'").await.unwrap(), "0");
    target.store.migrate().await.unwrap();
    let report = copied(&app, &target, DRY).await;
    let rows = report.sum(|table| table.source);
    assert!(report.agrees() && rows > 0);
    assert_eq!((report.sum(|table| table.written), report.differences_total), (rows, rows));
    assert_eq!(reported(&report, "cs_test_1"), "would be written: is not there");
    for table in Table::ALL {
        assert_eq!(target.store.count(table).await.unwrap(), 0);
        assert_eq!(target.store.copy_cursor("source", table).await.unwrap(), None);
    }
    copied(&app, &target, PAGES).await;
    at_source(&app, "update preorders set tracking_number = 'X', updated_at = now() where session_id = 'cs_test_1'")
        .await;
    target.run("update customers set name = 'N', told_at = now()").await;
    let report = copied(&app, &target, DRY).await;
    assert_eq!(reported(&report, "cs_test_1"), "would be written: differs there: tracking_number, updated_at");
    assert_eq!((report.rows_to_check(), reported(&report, "cus_1")), (1, "newer at the target, would be kept"));
    target.leave(app).await;
}

#[tokio::test]
async fn store_copy_names_its_missing_arguments() {
    let app = TestApp::start_with(Setup { home: Home::Postgres, ..Setup::default() }).await;
    let (status, _, complaint) = app.rolitt(&["store", "copy", "--from", "postgres", "--to", "postgres"]).await;
    assert_eq!((status, complaint.contains("name the same store")), (2, true), "{complaint}");
    assert_eq!(app.rolitt(&["store", "copy", "--from", "postgres"]).await.0, 2);
    assert_eq!(app.rolitt(&["store", "copy", "--from", "postgres", "--to", "mysql"]).await.0, 2);
    let (status, _, complaint) = app.rolitt(&["store", "copy", "--from", "postgres", "--to", "firestore"]).await;
    assert_eq!((status, complaint.contains("set FIRESTORE_PROJECT_ID")), (1, true), "{complaint}");
    app.finish().await;
}
