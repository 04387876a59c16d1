//! What waits, in figures.

use sqlx::PgConnection;

use super::{
    super::{Backlog, StoreError},
    refused_or_unavailable,
};

pub async fn read(connection: &mut PgConnection) -> Result<Backlog, StoreError> {
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
             (select count(*) from preorders where needs_review) as "preorders_in_review!",
             (select count(*) from disputes where status not in ('warning_closed', 'prevented', 'won', 'lost'))
                as "disputes_open!",
             (select coalesce(greatest(extract(epoch from min(due_by) - now()), 0), 0)::bigint from disputes
                where status in ('warning_needs_response', 'needs_response')) as "dispute_due_seconds!",
             (select count(*) from payments p
                where p.ours and p.status = 'succeeded' and p.updated_at < now() - interval '10 minutes'
                  and not exists (select from preorders o where o.payment_intent_id = p.payment_intent_id))
                as "payments_without_preorder!",
             (select count(*) from reconcile_differences) as "differences_open!""#
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(refused_or_unavailable)
}
