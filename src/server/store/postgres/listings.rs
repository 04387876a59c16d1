//! Lists of orders, refunds and disputes, and the counts of what waits.

use async_trait::async_trait;

use super::{
    super::{Backlog, Listings, PreorderFilter, StoreError, StoredOrder},
    PostgresStore, STEP, apply,
    pool::step,
    preorders,
};
use crate::domain::{
    customer::ShippingAddress,
    payment::{DisputeId, ProviderId, RefundId},
    preorder::{PreorderNumber, PreorderStatus},
};

#[async_trait]
impl Listings for PostgresStore {
    async fn orders(&self, filter: &PreorderFilter, limit: u32) -> Result<Vec<StoredOrder>, StoreError> {
        let listed = preorders::select_preorders!(
            "where ($1::text is null or status = $1::preorder_status) and (not $2 or needs_review)
           and ($3::text is null or provider = $3) and ($4::text is null or lower(email) = lower($4))
           and ($5::timestamptz is null or created_at >= $5)
           and ($6::text is null or (created_at, id) < (select created_at, id from preorders where preorder_number = $6))
         order by created_at desc, id desc limit $7",
            filter.status.map(PreorderStatus::as_str) as Option<&str>,
            filter.in_review,
            filter.provider.map(ProviderId::as_str),
            filter.email,
            filter.since,
            filter.after.as_ref().map(PreorderNumber::as_str),
            i64::from(limit)
        );
        step!(self, STEP, |connection| async {
            let rows = listed.fetch_all(&mut *connection).await?;
            let mut found = Vec::with_capacity(rows.len());
            for row in rows {
                found.push(apply::with_payment(&mut *connection, row.into_preorder()?).await?);
            }
            Ok::<_, StoreError>(found)
        })
    }

    async fn waiting_refunds(&self, provider: ProviderId, limit: u32) -> Result<Vec<RefundId>, StoreError> {
        let waiting = sqlx::query_scalar!(
            "select id from refunds where provider = $1 and status in ('pending', 'requires_action') order by updated_at limit $2",
            provider.as_str(),
            i64::from(limit)
        );
        let ids = step!(self, STEP, |connection| waiting.fetch_all(connection))?;
        Ok(ids.iter().filter_map(|id| RefundId::parse(id)).collect())
    }

    async fn open_disputes(&self, provider: ProviderId, limit: u32) -> Result<Vec<DisputeId>, StoreError> {
        let open = sqlx::query_scalar!(
            "select id from disputes
         where provider = $1 and status not in ('warning_closed', 'prevented', 'won', 'lost')
         order by due_by nulls last limit $2",
            provider.as_str(),
            i64::from(limit)
        );
        let ids = step!(self, STEP, |connection| open.fetch_all(connection))?;
        Ok(ids.iter().filter_map(|id| DisputeId::parse(id)).collect())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let backlog = sqlx::query_as!(
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
        );
        step!(self, STEP, |connection| backlog.fetch_one(connection))
    }
}
