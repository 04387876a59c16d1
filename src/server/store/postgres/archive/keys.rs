//! Keys of tables: a page of them in the index's own order, those that name no row, and how many rows there are.

use sqlx::PgPool;

use super::{
    super::{
        super::{StoreError, Table},
        refused_or_unavailable,
    },
    PLACES, join, split,
};

/// Keys of one column.
macro_rules! single {
    ($pool:ident, $after:ident, $limit:ident, $key:tt, $table:tt) => {
        sqlx::query_scalar!(
            "select "
                + $key
                + r#" as "key!" from "#
                + $table
                + " where "
                + $key
                + " > $1 order by "
                + $key
                + " limit $2",
            $after.unwrap_or_default(),
            $limit
        )
        .fetch_all($pool)
        .await
    };
}

/// The keys after this one, at most `limit`, in the database's order. An empty key sorts before all.
pub async fn page(pool: &PgPool, table: Table, after: Option<&str>, limit: i64) -> Result<Vec<String>, StoreError> {
    match table {
        Table::Preorders => single!(pool, after, limit, "session_id", "preorders"),
        Table::Payments => single!(pool, after, limit, "payment_intent_id", "payments"),
        Table::Refunds => single!(pool, after, limit, "id", "refunds"),
        Table::Disputes => single!(pool, after, limit, "id", "disputes"),
        Table::WebhookLogs => single!(pool, after, limit, "stripe_event_id", "webhook_logs"),
        Table::Outbox => single!(pool, after, limit, "dedupe_key", "outbox"),
        Table::Customers => single!(pool, after, limit, "id", "customers"),
        Table::Subscriptions => single!(pool, after, limit, "id", "subscriptions"),
        Table::ReconcileMarks => {
            let (provider, scope) = after.and_then(split).unwrap_or_default();
            sqlx::query!(
                "select provider, scope from reconcile_marks
                 where (provider, scope) > ($1, $2) and provider <> $4 and strpos(provider, '/') = 0
                 order by provider, scope limit $3",
                provider,
                scope,
                limit,
                PLACES
            )
            .fetch_all(pool)
            .await
            .map(|rows| rows.iter().map(|row| join(&row.provider, &row.scope)).collect())
        }
        Table::ReconcileDifferences => {
            let (provider, id) = after.and_then(split).unwrap_or_default();
            sqlx::query!(
                "select provider, id from reconcile_differences
                 where (provider, id) > ($1, $2) and strpos(provider, '/') = 0 order by provider, id limit $3",
                provider,
                id,
                limit
            )
            .fetch_all(pool)
            .await
            .map(|rows| rows.iter().map(|row| join(&row.provider, &row.id)).collect())
        }
    }
    .map_err(refused_or_unavailable)
}

/// Rows that their key does not name, by what else they are called: nothing else would ever tell of them.
pub async fn nameless(pool: &PgPool, table: Table) -> Result<Vec<String>, StoreError> {
    match table {
        Table::Preorders => {
            sqlx::query_scalar!("select id from preorders where coalesce(session_id, '') = '' limit 1000")
                .fetch_all(pool)
                .await
        }
        Table::WebhookLogs => {
            sqlx::query_scalar!(
                r#"select id::text as "id!" from webhook_logs where coalesce(stripe_event_id, '') = '' limit 1000"#
            )
            .fetch_all(pool)
            .await
        }
        Table::Outbox => {
            sqlx::query_scalar!(r#"select id::text as "id!" from outbox where dedupe_key = '' limit 1000"#)
                .fetch_all(pool)
                .await
        }
        // The separator in a key's first part would lead a page back to its own beginning.
        Table::ReconcileMarks => {
            sqlx::query_scalar!(
                r#"select concat(provider, '/', scope) as "key!" from reconcile_marks where strpos(provider, '/') > 0"#
            )
            .fetch_all(pool)
            .await
        }
        Table::ReconcileDifferences => sqlx::query_scalar!(
            r#"select concat(provider, '/', id) as "key!" from reconcile_differences where strpos(provider, '/') > 0"#
        )
        .fetch_all(pool)
        .await,
        Table::Payments | Table::Refunds | Table::Disputes | Table::Customers | Table::Subscriptions => Ok(Vec::new()),
    }
    .map_err(refused_or_unavailable)
}

macro_rules! number {
    ($pool:ident, $table:tt) => {
        sqlx::query_scalar!(r#"select count(*) as "count!" from "# + $table).fetch_one($pool).await
    };
}

pub async fn count(pool: &PgPool, table: Table) -> Result<u64, StoreError> {
    let count = match table {
        Table::Preorders => number!(pool, "preorders"),
        Table::Payments => number!(pool, "payments"),
        Table::Refunds => number!(pool, "refunds"),
        Table::Disputes => number!(pool, "disputes"),
        Table::WebhookLogs => number!(pool, "webhook_logs"),
        Table::Outbox => number!(pool, "outbox"),
        Table::Customers => number!(pool, "customers"),
        Table::Subscriptions => number!(pool, "subscriptions"),
        Table::ReconcileMarks => number!(pool, "reconcile_marks where provider <> 'store_copy'"),
        Table::ReconcileDifferences => number!(pool, "reconcile_differences"),
    }
    .map_err(refused_or_unavailable)?;
    Ok(count.unsigned_abs())
}
