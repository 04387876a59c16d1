//! Rows of `outbox`. A lease is an update that commits at once: no transaction stays open while a message is on its way.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use super::{
    super::{LeaseToken, LeasedMessage, Message, MessageEnd, MessageId, MessageKind, StoreError},
    refused_or_unavailable, seconds,
};
use crate::domain::preorder::PreorderId;

/// Writes a message beside its cause; one with the same key is there already and stays as it is.
pub async fn insert(tx: &mut PgConnection, preorder: &PreorderId, message: &Message) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into outbox (kind, dedupe_key, body, preorder_id, consequence) values ($1, $2, $3, $4, $5)
         on conflict (dedupe_key) do nothing",
        message.kind.as_str(),
        message.dedupe_key,
        message.body,
        preorder.as_str(),
        message.consequence.to_string()
    )
    .execute(tx)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(())
}

pub async fn lease(
    connection: &mut PgConnection,
    kind: MessageKind,
    lease: Duration,
) -> Result<Option<LeasedMessage>, StoreError> {
    let token = LeaseToken::random();
    let row = sqlx::query!(
        r#"update outbox
           set lease_token = $1, available_at = now() + make_interval(secs => $2), attempts = attempts + 1
           where id = (select id from outbox where kind = $3 and status = 'pending' and available_at <= now()
                       order by available_at for update skip locked limit 1)
           returning id, body, attempts, preorder_id, consequence, extract(epoch from now() - created_at)::float8 as "age!""#,
        token.as_str(),
        seconds(lease),
        kind.as_str()
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    let Some(row) = row else { return Ok(None) };
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

/// Only the holder of the token changes anything: a worker that slept past its lease comes too late.
pub async fn finish(
    connection: &mut PgConnection,
    message: &LeasedMessage,
    end: MessageEnd<'_>,
) -> Result<bool, StoreError> {
    let id = row_id(message)?;
    let done = match end {
        MessageEnd::Sent => return sent(connection, message, id).await,
        MessageEnd::Again { error, next, counts } => sqlx::query!(
            r#"update outbox
                   set available_at = now() + make_interval(secs => $3), last_error = $4, lease_token = null,
                       attempts = attempts - $5
                   where id = $1 and lease_token = $2 and status = 'pending'"#,
            id,
            message.lease_token.as_str(),
            seconds(next),
            error,
            i32::from(!counts)
        )
        .execute(&mut *connection)
        .await
        .map(|done| usize::try_from(done.rows_affected()).unwrap_or(usize::MAX)),
        MessageEnd::Parked { error } => sqlx::query!(
            "update outbox set status = 'parked', last_error = $3, lease_token = null
                 where id = $1 and lease_token = $2 and status = 'pending'",
            id,
            message.lease_token.as_str(),
            error
        )
        .execute(&mut *connection)
        .await
        .map(|done| usize::try_from(done.rows_affected()).unwrap_or(usize::MAX)),
        MessageEnd::Withdrawn => sqlx::query!(
            "update outbox set status = 'withdrawn', body = '', last_error = null, lease_token = null
                 where id = $1 and lease_token = $2 and status = 'pending'",
            id,
            message.lease_token.as_str()
        )
        .execute(&mut *connection)
        .await
        .map(|done| usize::try_from(done.rows_affected()).unwrap_or(usize::MAX)),
    };
    done.map(|rows| rows == 1).map_err(refused_or_unavailable)
}

fn row_id(message: &LeasedMessage) -> Result<i64, StoreError> {
    message.id.0.parse().map_err(|_| StoreError::Unreadable("outbox.id".to_owned()))
}

/// The preorder is locked first, as whoever writes its log rows does: each of the two sees what the other wrote.
async fn sent(connection: &mut PgConnection, message: &LeasedMessage, id: i64) -> Result<bool, StoreError> {
    let mut tx = connection.begin().await.map_err(refused_or_unavailable)?;
    sqlx::query!("select id from preorders where id = (select preorder_id from outbox where id = $1) for update", id)
        .fetch_optional(&mut *tx)
        .await
        .map_err(refused_or_unavailable)?;
    let row = sqlx::query!(
        "update outbox set status = 'sent', sent_at = now(), lease_token = null, last_error = null
         where id = $1 and lease_token = $2 and status = 'pending' returning preorder_id, kind",
        id,
        message.lease_token.as_str()
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(refused_or_unavailable)?;
    let Some(row) = row else {
        tx.rollback().await.map_err(refused_or_unavailable)?;
        return Ok(false);
    };
    if row.kind == MessageKind::KlaviyoEvent.as_str() {
        sqlx::query!(
            "update webhook_logs set klaviyo_event_sent = true where preorder_id = $1 and status = 'done'",
            row.preorder_id
        )
        .execute(&mut *tx)
        .await
        .map_err(refused_or_unavailable)?;
    }
    tx.commit().await.map_err(refused_or_unavailable)?;
    Ok(true)
}
