//! Rows of `outbox`. A lease is an update that commits at once: no transaction stays open while a
//! message is being sent.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Connection as _, PgConnection};

use super::{
    super::{LeaseToken, LeasedMessage, Message, MessageEnd, MessageId, MessageKind, Outbox, StoreError},
    PostgresStore, STEP,
    pool::step,
    seconds,
};
use crate::domain::preorder::PreorderId;

#[async_trait]
impl Outbox for PostgresStore {
    async fn lease_message(&self, kind: MessageKind, lease: Duration) -> Result<Option<LeasedMessage>, StoreError> {
        let token = LeaseToken::random();
        let leased = sqlx::query!(
            r#"update outbox
               set lease_token = $1, available_at = now() + make_interval(secs => $2), attempts = attempts + 1
               where id = (select id from outbox where kind = $3 and status = 'pending' and available_at <= now()
                           order by available_at for update skip locked limit 1)
               returning id, body, attempts, preorder_id, consequence,
                         extract(epoch from now() - created_at)::float8 as "age!""#,
            token.as_str(),
            seconds(lease),
            kind.as_str()
        );
        let Some(row) = step!(self, STEP, |connection| leased.fetch_optional(connection))? else { return Ok(None) };
        let cause = match (row.preorder_id, row.consequence) {
            (Some(preorder), Some(text)) => {
                let unreadable = |_| StoreError::Unreadable(format!("outbox.consequence of {}", row.id));
                Some((PreorderId::new(preorder), text.parse().map_err(unreadable)?))
            }
            _ => None,
        };
        Ok(Some(LeasedMessage {
            id: MessageId(row.id.to_string()),
            lease_token: token,
            body: row.body,
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            age: Duration::try_from_secs_f64(row.age).unwrap_or_default(),
            cause,
        }))
    }

    async fn finish_message(&self, message: &LeasedMessage, end: MessageEnd<'_>) -> Result<bool, StoreError> {
        step!(self, STEP, |connection| finish(connection, message, end))
    }
}

/// Inserts a message in the transaction of its cause. One with the same key stays as it is.
pub(super) async fn insert(tx: &mut PgConnection, preorder: &PreorderId, message: &Message) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into outbox (kind, dedupe_key, body, preorder_id, consequence) values ($1, $2, $3, $4, $5)
         on conflict (dedupe_key) do nothing",
        message.kind.as_str(),
        message.dedupe_key,
        message.body,
        preorder.as_str(),
        message.notification.to_string()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores how an attempt ended. The fencing token is in each condition: a worker that slept past
/// its lease changes nothing.
async fn finish(
    connection: &mut PgConnection,
    message: &LeasedMessage,
    end: MessageEnd<'_>,
) -> Result<bool, StoreError> {
    let (id, token) = (row_id(message)?, message.lease_token.as_str());
    let done = match end {
        MessageEnd::Sent => return finish_sent(connection, id, token).await,
        MessageEnd::Retry { error, after, counts } => {
            sqlx::query!(
                "update outbox
                 set available_at = now() + make_interval(secs => $3), last_error = $4, lease_token = null,
                     attempts = attempts - $5
                 where id = $1 and lease_token = $2 and status = 'pending'",
                id,
                token,
                seconds(after),
                error,
                i32::from(!counts)
            )
            .execute(connection)
            .await?
        }
        MessageEnd::Parked { error } => {
            sqlx::query!(
                "update outbox set status = 'parked', last_error = $3, lease_token = null
                 where id = $1 and lease_token = $2 and status = 'pending'",
                id,
                token,
                error
            )
            .execute(connection)
            .await?
        }
        MessageEnd::Withdrawn => {
            sqlx::query!(
                "update outbox set status = 'withdrawn', body = '', last_error = null, lease_token = null
                 where id = $1 and lease_token = $2 and status = 'pending'",
                id,
                token
            )
            .execute(connection)
            .await?
        }
    };
    Ok(done.rows_affected() == 1)
}

fn row_id(message: &LeasedMessage) -> Result<i64, StoreError> {
    message.id.0.parse().map_err(|_| StoreError::Unreadable("outbox.id".to_owned()))
}

/// Marks a message as sent, and its preorder's log rows as reported. The preorder is locked first,
/// as it is by a step that writes its log rows: each of the two sees what the other one wrote.
async fn finish_sent(connection: &mut PgConnection, id: i64, token: &str) -> Result<bool, StoreError> {
    let mut tx = connection.begin().await?;
    sqlx::query!("select id from preorders where id = (select preorder_id from outbox where id = $1) for update", id)
        .fetch_optional(&mut *tx)
        .await?;
    let row = sqlx::query!(
        "update outbox set status = 'sent', sent_at = now(), lease_token = null, last_error = null
         where id = $1 and lease_token = $2 and status = 'pending' returning preorder_id, kind",
        id,
        token
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        tx.rollback().await?;
        return Ok(false);
    };
    if row.kind == MessageKind::KlaviyoEvent.as_str() {
        sqlx::query!(
            "update webhook_logs set klaviyo_event_sent = true where preorder_id = $1 and status = 'done'",
            row.preorder_id
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(true)
}
