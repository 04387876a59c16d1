//! The schema goes up, down, and up again.

use sqlx::migrate::Migrator;

use super::test_app::TestApp;

static MIGRATIONS: Migrator = sqlx::migrate!();

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
