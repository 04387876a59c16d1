//! The schema goes up, down, and up again, and works while another version of the program is about.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use reqwest::StatusCode;
use serde_json::Value;
use sqlx::{AssertSqlSafe, migrate::Migrator};

use super::{
    database::TOMORROW,
    test_app::{Home, Setup, TestApp, completed},
};

pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The migration before one that locks the table of orders.
pub const BEFORE_AN_INDEX: i64 = 20_261_125_000_001;

#[tokio::test]
async fn every_migration_has_a_way_back() {
    let app = TestApp::start().await;
    let tables = "pg_tables where schemaname = 'public' and tablename in ('preorders', 'webhook_logs', 'outbox', 'payments', 'refunds', 'disputes',\
        'customers', 'subscriptions', 'reconcile_marks', 'reconcile_differences', 'leases')";
    assert_eq!(app.count(tables).await, 11);
    MIGRATIONS.undo(app.pool(), 0).await.unwrap();
    assert_eq!(app.count(tables).await, 0);
    assert_eq!(app.count("pg_type where typname in ('product_color', 'preorder_status', 'webhook_status')").await, 0);
    MIGRATIONS.run(app.pool()).await.unwrap();
    assert_eq!(app.count(tables).await, 11);
    app.finish().await;
}

/// The migration before the one that rewrites review reasons as codes.
const BEFORE_REVIEW_CODES: i64 = 20_261_126_000_001;

#[tokio::test]
async fn the_review_codes_migration_rewrites_stored_sentences_and_back() {
    const OPEN: &str = "dispute du_1 was lost; paid 290.00 usd, asked 299.00 usd; refund re_1 did not reach the customer; \
        refund re_2 is not in the currency that was charged; the session was paid by pi_2 too; written by hand";
    const RESOLVED: &str = "a second payment for one attempt: it was ordered once and paid twice; the provider has no email address; \
        the provider told no amount; the session names no color of ours; what was asked does not read";
    let app = TestApp::start().await;
    assert_eq!(app.deliver(&completed("evt_1", "cs_1")).await, StatusCode::OK);
    app.deliver_all().await;
    MIGRATIONS.undo(app.pool(), BEFORE_REVIEW_CODES).await.unwrap();
    app.edit(&format!(
        "update preorders set needs_review = true, review_reason = '{OPEN}', review_settled = '{RESOLVED}'"
    ))
    .await;
    MIGRATIONS.run(app.pool()).await.unwrap();
    let row = app.row("select review_reason, review_settled from preorders").await;
    assert_eq!(
        row["review_reason"],
        "dispute lost:du_1; amount differs:29000 usd:29900 usd; refund failed:re_1; refund currency differs:re_2; \
         other intent:pi_2; written by hand"
    );
    assert_eq!(
        row["review_settled"],
        "a second payment; email missing; amount missing; unknown color; expected amount unreadable"
    );
    MIGRATIONS.undo(app.pool(), BEFORE_REVIEW_CODES).await.unwrap();
    let row = app.row("select review_reason, review_settled from preorders").await;
    assert_eq!(row["review_settled"], RESOLVED);
    assert_eq!(
        row["review_reason"],
        OPEN.replace("paid 290.00 usd, asked 299.00 usd", "amount differs:29000 usd:29900 usd").as_str()
    );
    MIGRATIONS.run(app.pool()).await.unwrap();
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_keeps_working_and_restarts_on_a_newer_schema() {
    let app = TestApp::start_with(Setup { home: Home::Postgres, ..Setup::default() }).await;
    // Every statement is prepared against the schema of before.
    assert_eq!(app.deliver(&completed("evt_1", "cs_1")).await, StatusCode::OK);
    app.deliver_all().await;

    sqlx::raw_sql(AssertSqlSafe(TOMORROW)).execute(app.pool()).await.unwrap();
    assert_eq!(app.deliver(&completed("evt_2", "cs_2")).await, StatusCode::OK);
    app.deliver_all().await;
    assert_eq!(app.count("webhook_logs where klaviyo_event_sent").await, 2);

    // An instance that is started again, as after a crash, or because the new release was taken
    // back.
    app.store.migrate().await.unwrap();
    app.store.ready().await.unwrap();
    // And one that needs a migration itself, as a mended former release may.
    app.edit("drop index preorders_access_idx").await;
    app.edit("delete from _sqlx_migrations where description = 'index access'").await;
    assert!(app.store.ready().await.is_err());
    app.store.migrate().await.unwrap();
    app.store.ready().await.unwrap();
    let (code, printed, output) = app.rolitt(&["preorders", "list", "--json"]).await;
    let listed: Vec<Value> = serde_json::from_str(&printed).unwrap();
    assert_eq!((code, listed.len()), (0, 2), "{output}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_waiting_for_a_lock_delays_no_request_for_long() {
    let app = TestApp::start_with(Setup { home: Home::Postgres, ..Setup::default() }).await;
    MIGRATIONS.undo(app.pool(), BEFORE_AN_INDEX).await.unwrap();
    assert!(app.store.ready().await.is_err());

    // Another transaction holds the table for longer than a step of the shop may wait.
    let mut other = app.pool().begin().await.unwrap();
    sqlx::query("lock table preorders in row exclusive mode").execute(&mut *other).await.unwrap();
    let migrated = AtomicBool::new(false);
    let selling = async {
        for number in 0..8 {
            let event = completed(&format!("evt_{number}"), &format!("cs_{number}"));
            assert_eq!(app.deliver(&event).await, StatusCode::OK, "{number}");
            tokio::time::sleep(Duration::from_millis(800)).await;
        }
        assert!(!migrated.load(Ordering::Relaxed), "it had to wait");
        other.rollback().await.unwrap();
    };
    let migrating = async {
        app.store.migrate().await.unwrap();
        migrated.store(true, Ordering::Relaxed);
    };
    tokio::join!(selling, migrating);
    app.store.ready().await.unwrap();
    app.deliver_all().await;
    app.finish().await;
}
