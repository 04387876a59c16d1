//! What only PostgreSQL can be made to do: a table that is away, a migration that is missing.

use reqwest::StatusCode;
use serde_json::json;

use super::test_app::{TestApp, completed};

#[tokio::test]
async fn a_failed_event_is_stored_retried_and_finally_applied() {
    let app = TestApp::start().await;
    sqlx::query("alter table preorders rename to preorders_away").execute(app.pool()).await.unwrap();
    assert_eq!(app.deliver(&completed("evt_1", "cs_test_1")).await, StatusCode::OK);
    let log = app.row("select status, attempts, error, preorder_id from webhook_logs").await;
    assert_eq!((&log["status"], &log["attempts"]), (&json!("failed"), &json!(1)));
    assert!(log["error"].as_str().unwrap().contains("42P01"));
    app.retry_all().await;
    assert_eq!(app.row("select attempts from webhook_logs").await["attempts"], 1, "not before its time");
    app.let_time_pass().await;
    app.retry_all().await;
    assert_eq!(app.row("select attempts from webhook_logs").await["attempts"], 2);
    sqlx::query("alter table preorders_away rename to preorders").execute(app.pool()).await.unwrap();
    app.let_time_pass().await;
    app.retry_all().await;
    assert_eq!(app.row("select status from webhook_logs").await["status"], "done");
    assert_eq!(app.count("preorders where status = 'paid'").await, 1);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503_and_the_next_delivery_loses_nothing() {
    let app = TestApp::start().await;
    sqlx::query("alter table webhook_logs rename to webhook_logs_away").execute(app.pool()).await.unwrap();
    assert_eq!(app.deliver(&completed("evt_1", "cs_test_1")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(app.count("preorders").await, 0);
    sqlx::query("alter table webhook_logs_away rename to webhook_logs").execute(app.pool()).await.unwrap();
    assert_eq!(app.deliver(&completed("evt_1", "cs_test_1")).await, StatusCode::OK);
    assert_eq!(app.count("preorders").await, 1);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn readiness_is_about_the_schema() {
    let app = TestApp::start().await;
    let ready = format!("{}/readyz", app.operations);
    assert_eq!(app.http.get(&ready).send().await.unwrap().status(), 200);
    // One is missing, whatever a newer program has added.
    for change in [
        "delete from _sqlx_migrations where version = (select min(version) from _sqlx_migrations)",
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (29991231000002, 'of tomorrow', true, 'x', 0)",
    ] {
        sqlx::query(change).execute(app.pool()).await.unwrap();
    }
    assert_eq!(app.http.get(&ready).send().await.unwrap().status(), 503);
    assert_eq!(app.http.get(format!("{}/livez", app.operations)).send().await.unwrap().status(), 200);
    app.finish().await;
}
