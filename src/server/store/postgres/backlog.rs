//! What waits, in figures.

use sqlx::PgPool;

use super::{
    super::{Backlog, StoreError},
    refused_or_unavailable,
};

pub async fn read(pool: &PgPool) -> Result<Backlog, StoreError> {
    sqlx::query_as!(
        Backlog,
        r#"select
             (select count(*) from webhook_logs where status in ('received', 'processing', 'failed')) as "events_waiting!",
             (select count(*) from webhook_logs where status = 'parked') as "events_parked!",
             (select coalesce(extract(epoch from now() - min(received_at)), 0)::bigint
                from webhook_logs where status in ('received', 'processing', 'failed')) as "events_oldest_seconds!",
             (select count(*) from outbox where status = 'pending') as "messages_pending!",
             (select count(*) from outbox where status = 'parked') as "messages_parked!",
             (select coalesce(extract(epoch from now() - min(created_at)), 0)::bigint
                from outbox where status = 'pending') as "messages_oldest_seconds!",
             (select count(*) from preorders where needs_review) as "preorders_in_review!""#
    )
    .fetch_one(pool)
    .await
    .map_err(refused_or_unavailable)
}
