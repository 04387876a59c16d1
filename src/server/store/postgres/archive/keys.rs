//! Keys of tables: a page of them in the index's own order, those that name no row, and how many rows there are.

use sqlx::PgConnection;

use super::{
    super::{
        super::{StoreError, Table},
        refused_or_unavailable,
    },
    PLACES, join, split,
};

/// Keys of one column.
macro_rules! single {
    ($connection:ident, $after:ident, $limit:ident, $key:tt, $table:tt) => {
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
        .fetch_all(&mut *$connection)
        .await
    };
}

/// The keys after this one, at most `limit`, in the database's order. An empty key sorts before all.
pub async fn page(
    connection: &mut PgConnection,
    table: Table,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    match table {
        Table::Preorders => single!(connection, after, limit, "session_id", "preorders"),
        Table::Payments => single!(connection, after, limit, "payment_intent_id", "payments"),
        Table::Refunds => single!(connection, after, limit, "id", "refunds"),
        Table::Disputes => single!(connection, after, limit, "id", "disputes"),
        Table::WebhookLogs => single!(connection, after, limit, "stripe_event_id", "webhook_logs"),
        Table::Outbox => single!(connection, after, limit, "dedupe_key", "outbox"),
        Table::Customers => single!(connection, after, limit, "id", "customers"),
        Table::Subscriptions => single!(connection, after, limit, "id", "subscriptions"),
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
            .fetch_all(&mut *connection)
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
            .fetch_all(&mut *connection)
            .await
            .map(|rows| rows.iter().map(|row| join(&row.provider, &row.id)).collect())
        }
    }
    .map_err(refused_or_unavailable)
}

/// Rows that their key does not name, by what else they are called: nothing else would ever tell of them.
pub async fn nameless(connection: &mut PgConnection, table: Table) -> Result<Vec<String>, StoreError> {
    match table {
        Table::Preorders => {
            sqlx::query_scalar!("select id from preorders where coalesce(session_id, '') = '' limit 1000")
                .fetch_all(&mut *connection)
                .await
        }
        Table::WebhookLogs => {
            sqlx::query_scalar!(
                r#"select id::text as "id!" from webhook_logs where coalesce(stripe_event_id, '') = '' limit 1000"#
            )
            .fetch_all(&mut *connection)
            .await
        }
        Table::Outbox => {
            sqlx::query_scalar!(r#"select id::text as "id!" from outbox where dedupe_key = '' limit 1000"#)
                .fetch_all(&mut *connection)
                .await
        }
        // The separator in a key's first part would lead a page back to its own beginning.
        Table::ReconcileMarks => {
            sqlx::query_scalar!(
                r#"select concat(provider, '/', scope) as "key!" from reconcile_marks where strpos(provider, '/') > 0"#
            )
            .fetch_all(&mut *connection)
            .await
        }
        Table::ReconcileDifferences => sqlx::query_scalar!(
            r#"select concat(provider, '/', id) as "key!" from reconcile_differences where strpos(provider, '/') > 0"#
        )
        .fetch_all(&mut *connection)
        .await,
        Table::Payments | Table::Refunds | Table::Disputes | Table::Customers | Table::Subscriptions => Ok(Vec::new()),
    }
    .map_err(refused_or_unavailable)
}

macro_rules! number {
    ($connection:ident, $table:tt) => {
        sqlx::query_scalar!(r#"select count(*) as "count!" from "# + $table).fetch_one(&mut *$connection).await
    };
}

pub async fn count(connection: &mut PgConnection, table: Table) -> Result<u64, StoreError> {
    let count = match table {
        Table::Preorders => number!(connection, "preorders"),
        Table::Payments => number!(connection, "payments"),
        Table::Refunds => number!(connection, "refunds"),
        Table::Disputes => number!(connection, "disputes"),
        Table::WebhookLogs => number!(connection, "webhook_logs"),
        Table::Outbox => number!(connection, "outbox"),
        Table::Customers => number!(connection, "customers"),
        Table::Subscriptions => number!(connection, "subscriptions"),
        Table::ReconcileMarks => number!(connection, "reconcile_marks where provider <> 'store_copy'"),
        Table::ReconcileDifferences => number!(connection, "reconcile_differences"),
    }
    .map_err(refused_or_unavailable)?;
    Ok(count.unsigned_abs())
}
