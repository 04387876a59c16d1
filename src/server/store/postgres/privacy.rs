//! Erasure and retention: personal data of one order is removed in one transaction, that of events
//! and messages by their names or by their age.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Connection as _, PgConnection};

use super::{
    super::{Erased, Erasure, FinishedOrder, OrderKey, Privacy, StoreError},
    PostgresStore, STEP, apply,
    pool::step,
    preorders, seconds,
};
use crate::domain::{
    lifecycle::Change,
    payment::{CustomerId, IntentId, Mentions, SessionId},
    preorder::Preorder,
};

#[async_trait]
impl Privacy for PostgresStore {
    async fn erase(&self, erasure: Erasure<'_>) -> Result<Option<Erased>, StoreError> {
        step!(self, STEP, |connection| Box::pin(erase(connection, &erasure)))
    }

    async fn erase_events(&self, events: &[String], parked: bool) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "update webhook_logs set raw_body = null, raw_data = null, email = null
             where stripe_event_id = any($1) and (status in ('done', 'ignored') or $2 and status = 'parked')
               and (raw_body is not null or raw_data is not null or email is not null)",
            events,
            parked
        );
        step!(self, STEP, |connection| counted(done.execute(connection)))
    }

    async fn erase_customers(&self, customers: &[String]) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "update customers set email = null, name = null, erased_at = now(), updated_at = now()
             where id = any($1) and erased_at is null",
            customers
        );
        step!(self, STEP, |connection| counted(done.execute(connection)))
    }

    async fn erase_old_events(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "update webhook_logs set raw_body = null, raw_data = null, email = null
             where id in (select id from webhook_logs
                          where status in ('done', 'ignored') and processed_at < now() - make_interval(secs => $1)
                            and (raw_body is not null or raw_data is not null or email is not null)
                          order by processed_at limit $2 for update skip locked)",
            seconds(age),
            i64::from(limit)
        );
        step!(self, STEP, |connection| counted(done.execute(connection)))
    }

    async fn erase_old_messages(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "update outbox set body = ''
             where id in (select id from outbox
                          where status in ('sent', 'withdrawn') and body <> ''
                            and coalesce(sent_at, created_at) < now() - make_interval(secs => $1)
                          order by coalesce(sent_at, created_at) limit $2 for update skip locked)",
            seconds(age),
            i64::from(limit)
        );
        step!(self, STEP, |connection| counted(done.execute(connection)))
    }

    async fn finished_orders(
        &self,
        age: Duration,
        after: Option<&FinishedOrder>,
        limit: u32,
    ) -> Result<Vec<FinishedOrder>, StoreError> {
        let listed = sqlx::query!(
            r#"select preorder_number, session_id as "session_id!", updated_at from preorders
               where status in ('delivered', 'refunded', 'cancelled', 'payment_failed') and erased_at is null
                 and updated_at < now() - make_interval(secs => $1) and session_id is not null
                 and ($2::timestamptz is null or (updated_at, session_id) > ($2, $3))
               order by updated_at, session_id limit $4"#,
            seconds(age),
            after.map(|after| after.updated_at),
            after.map(|after| after.session.as_str()),
            i64::from(limit)
        );
        let rows = step!(self, STEP, |connection| listed.fetch_all(connection))?;
        let unreadable = |column: &str| StoreError::Unreadable(format!("preorders.{column}"));
        rows.into_iter()
            .map(|row| {
                Ok(FinishedOrder {
                    number: row.preorder_number.parse().map_err(|_| unreadable("preorder_number"))?,
                    session: SessionId::parse(&row.session_id).ok_or_else(|| unreadable("session_id"))?,
                    updated_at: row.updated_at,
                    erased: false,
                })
            })
            .collect()
    }
}

/// Returns the number of rows that a statement changed.
async fn counted(
    done: impl Future<Output = Result<sqlx::postgres::PgQueryResult, sqlx::Error>>,
) -> Result<u64, StoreError> {
    Ok(done.await?.rows_affected())
}

async fn erase(connection: &mut PgConnection, erasure: &Erasure<'_>) -> Result<Option<Erased>, StoreError> {
    let mut tx = connection.begin().await?;
    // Locked as each step locks it: a later step finds an erased order, and an earlier one is seen
    // here.
    let (Some(known), before) = apply::lock_and_read(&mut tx, OrderKey::Number(erasure.number)).await? else {
        tx.rollback().await?;
        return Ok(None);
    };
    let preorder = match (erasure.decide)(&before) {
        Change::Ignore(reason) => {
            tx.rollback().await?;
            return Ok(Some(Erased::Refused(reason.to_owned())));
        }
        Change::None => known,
        Change::Put(after) => match after.preorder {
            Some(details) => {
                let preorder = Preorder { details, ..known };
                preorders::update(&mut tx, &preorder).await?;
                preorder
            }
            None => known,
        },
    };
    let (events, messages) = (erase_logs(&mut tx, &preorder).await?, erase_outbox(&mut tx, &preorder).await?);
    let end = if erasure.dry_run { tx.rollback().await } else { tx.commit().await };
    end?;
    Ok(Some(Erased::Done { preorder: Box::new(preorder), events, messages }))
}

/// Whether the order or the customer that an ignored event mentions was erased.
pub(super) async fn is_erased(tx: &mut PgConnection, mentions: &Mentions) -> Result<bool, StoreError> {
    if *mentions == Mentions::default() {
        return Ok(false);
    }
    sqlx::query_scalar!(
        r#"select exists(select from preorders where payment_intent_id = $1 and erased_at is not null)
               or exists(select from customers where id = $2 and erased_at is not null) as "erased!""#,
        mentions.intent.as_ref().map(IntentId::as_str),
        mentions.customer.as_ref().map(CustomerId::as_str)
    )
    .fetch_one(tx)
    .await
    .map_err(StoreError::from)
}

async fn erase_logs(tx: &mut PgConnection, preorder: &Preorder) -> Result<u64, StoreError> {
    let erased = sqlx::query!(
        "update webhook_logs set raw_body = null, raw_data = null, email = null
         where preorder_id = $1 and status in ('done', 'ignored')
           and (raw_body is not null or raw_data is not null or email is not null)",
        preorder.id.as_str()
    );
    counted(erased.execute(tx)).await
}

/// Empties the order's messages and withdraws those that were not sent. A lease on one of them ends
/// with it: the report of its sending changes nothing.
async fn erase_outbox(tx: &mut PgConnection, preorder: &Preorder) -> Result<u64, StoreError> {
    let erased = sqlx::query!(
        "update outbox
         set body = '', lease_token = null, last_error = null,
             status = case when status in ('pending', 'parked') then 'withdrawn' else status end
         where preorder_id = $1 and (body <> '' or status in ('pending', 'parked'))",
        preorder.id.as_str()
    );
    counted(erased.execute(tx)).await
}
