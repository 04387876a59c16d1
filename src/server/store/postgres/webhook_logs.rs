//! Rows of `webhook_logs`, which are the inbox and the log in one.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::PgConnection;

use super::{
    super::{EventStatus, Inbox, LeasedEvent, StoreError, WebhookEvent},
    PostgresStore, STEP,
    pool::step,
    seconds,
};
use crate::domain::{
    payment::{EventId, ProviderId},
    preorder::Preorder,
};

/// What the log says of an event that was applied or ignored.
#[derive(Default)]
pub(super) struct Outcome {
    ignored: Option<String>,
    preorder_id: Option<String>,
    email: Option<String>,
    /// Whether it is about an erased customer: the log then stores no body.
    erased: bool,
}

impl Outcome {
    /// An event that did nothing.
    pub(super) fn ignored(reason: &str) -> Self {
        Self { ignored: Some(reason.to_owned()), ..Self::default() }
    }

    /// Says whether it is about an erased customer.
    #[must_use]
    pub(super) fn erased(self, erased: bool) -> Self {
        Self { erased, ..self }
    }

    /// Says that it is about this preorder, which it did not change.
    #[must_use]
    pub(super) fn about(self, preorder: Option<&Preorder>) -> Self {
        self.erased(preorder.is_some_and(|preorder| preorder.details.erased_at.is_some()))
    }

    /// An event that was applied, with its preorder where that is known.
    pub(super) fn done(preorder: Option<&Preorder>) -> Self {
        Self {
            preorder_id: preorder.map(|preorder| preorder.id.as_str().to_owned()),
            email: preorder.map(|preorder| preorder.details.email.clone()).filter(|email| !email.is_empty()),
            ..Self::default().about(preorder)
        }
    }
}

/// Inserts the event's row, or finds it, and locks it for this transaction. Returns `None` when the
/// event was applied before. A second caller with the same event waits here for the first.
pub(super) async fn open(
    tx: &mut PgConnection,
    event: &WebhookEvent,
    json: Option<&str>,
) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar!(
        r#"insert into webhook_logs (event, provider, status, stripe_event_id, raw_data, raw_body)
           values ($1, $2, 'processing', $3, $4::text::jsonb, $5)
           on conflict (stripe_event_id) do update set status = 'processing'
           where webhook_logs.status not in ('done', 'ignored')
           returning id"#,
        event.event_type,
        event.provider.as_str(),
        event.event_id.as_str(),
        json,
        &event.body[..]
    )
    .fetch_optional(tx)
    .await
    .map_err(StoreError::from)
}

/// Writes the outcome into the event's row.
pub(super) async fn close(tx: &mut PgConnection, id: i64, outcome: &Outcome) -> Result<(), StoreError> {
    let status = if outcome.ignored.is_some() { EventStatus::Ignored } else { EventStatus::Done };
    sqlx::query!(
        r#"update webhook_logs
           set status = $2::text::webhook_status, preorder_id = $3, email = $4, error = $5, processed_at = now(),
               raw_body = case when not $6 then raw_body end, raw_data = case when not $6 then raw_data end,
               klaviyo_event_sent = exists
                   (select 1 from outbox where outbox.preorder_id = $3 and kind = 'klaviyo_event' and status = 'sent')
           where id = $1"#,
        id,
        status.as_str(),
        outcome.preorder_id,
        outcome.email,
        outcome.ignored,
        outcome.erased
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[async_trait]
impl Inbox for PostgresStore {
    async fn record_failure(
        &self,
        event: &WebhookEvent,
        error: &str,
        retry: Option<Duration>,
    ) -> Result<(), StoreError> {
        let json = json_text(&event.body);
        match step!(self, STEP, |connection| insert_failed(connection, event, json, error, retry)) {
            Err(StoreError::InvalidData(_)) if json.is_some() => {
                step!(self, STEP, |connection| insert_failed(connection, event, None, error, retry))
            }
            other => other,
        }
    }

    async fn lease_event(&self, lease: Duration) -> Result<Option<LeasedEvent>, StoreError> {
        let leased = sqlx::query!(
            r#"update webhook_logs
               set status = 'processing', attempts = attempts + 1, available_at = now() + make_interval(secs => $1)
               where id = (select id from webhook_logs
                           where status in ('received', 'processing', 'failed') and available_at <= now()
                             and raw_body is not null
                           order by available_at for update skip locked limit 1)
               returning event, provider, stripe_event_id as "stripe_event_id!", raw_body as "raw_body!", attempts"#,
            seconds(lease)
        );
        let Some(row) = step!(self, STEP, |connection| leased.fetch_optional(connection))? else { return Ok(None) };
        let unreadable =
            |column: &str| StoreError::Unreadable(format!("webhook_logs.{column} of {}", row.stripe_event_id));
        Ok(Some(LeasedEvent {
            event: WebhookEvent {
                provider: ProviderId::from_name(&row.provider).ok_or_else(|| unreadable("provider"))?,
                event_id: EventId::parse(&row.stripe_event_id).ok_or_else(|| unreadable("stripe_event_id"))?,
                event_type: row.event,
                body: Bytes::from(row.raw_body),
            },
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        }))
    }
}

/// Stores an event that could not be applied. Changes nothing when it was applied meanwhile.
async fn insert_failed(
    connection: &mut PgConnection,
    event: &WebhookEvent,
    json: Option<&str>,
    error: &str,
    retry: Option<Duration>,
) -> Result<(), StoreError> {
    let status = EventStatus::after_failure(retry.is_some());
    sqlx::query!(
        r#"insert into webhook_logs (event, provider, status, stripe_event_id, raw_data, raw_body, error, available_at)
           values ($1, $2, $3::text::webhook_status, $4, $5::text::jsonb, $6, $7, now() + make_interval(secs => $8))
           on conflict (stripe_event_id) do update
           set status = excluded.status, error = excluded.error, available_at = excluded.available_at
           where webhook_logs.status not in ('done', 'ignored')"#,
        event.event_type,
        event.provider.as_str(),
        status.as_str(),
        event.event_id.as_str(),
        json,
        &event.body[..],
        error,
        seconds(retry.unwrap_or_default())
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Returns the body as text that `jsonb` takes, as far as Rust can see; `None` for anything else.
pub(super) fn json_text(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    (!holds_nul(&value)).then_some(text)
}

fn holds_nul(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(items) => items.iter().any(holds_nul),
        serde_json::Value::Object(map) => map.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}
