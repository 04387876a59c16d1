//! Whole rows, table by table, as both stores know them.

use bytes::Bytes;
use sqlx::PgConnection;

use super::{
    super::{
        super::{Row, StoreError, Table, Value},
        refused_or_unavailable,
    },
    PLACES, halves,
};

/// The rows of these keys, those that are there.
pub async fn rows(connection: &mut PgConnection, table: Table, keys: &[String]) -> Result<Vec<Row>, StoreError> {
    match table {
        Table::Preorders => preorders(connection, keys).await,
        Table::Payments => payments(connection, keys).await,
        Table::Refunds => refunds(connection, keys).await,
        Table::Disputes => disputes(connection, keys).await,
        Table::WebhookLogs => webhook_logs(connection, keys).await,
        Table::Outbox => outbox(connection, keys).await,
        Table::Customers => customers(connection, keys).await,
        Table::Subscriptions => subscriptions(connection, keys).await,
        Table::ReconcileMarks => marks(connection, keys).await,
        Table::ReconcileDifferences => differences(connection, keys).await,
    }
}

/// A row made of a record's fields, each under its own name.
macro_rules! row {
    ($table:expr, $record:ident: $($column:ident)+) => {
        Row::new($table)$(.with(stringify!($column), $record.$column))+
    };
}

async fn preorders(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Row>, StoreError> {
    let records = sqlx::query!(
        r#"select id, user_id, email, color::text as color, status::text as "status!", session_id, payment_intent_id,
                  amount_minor, currency, preorder_number, shipping_address, locale, tracking_number, livemode,
                  refunded_minor, needs_review, review_reason, created_at, updated_at, provider, attempt, completed_at,
                  access_hash, second_payment, review_settled, erased_at,
                  exists(select from outbox where outbox.preorder_id = preorders.id and kind = 'klaviyo_event'
                                                  and outbox.status = 'sent') as "klaviyo_event_sent!"
           from preorders where session_id = any($1)"#,
        keys
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(records
        .into_iter()
        .map(|record| {
        row!(Table::Preorders, record: id user_id email color status session_id payment_intent_id amount_minor currency
             preorder_number locale tracking_number livemode refunded_minor needs_review review_reason created_at updated_at
             provider attempt completed_at access_hash second_payment review_settled erased_at klaviyo_event_sent)
        .with("shipping_address", record.shipping_address.map_or(Value::Null, Value::from_json))
    })
        .collect())
}

async fn payments(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Row>, StoreError> {
    let records = sqlx::query!(
        r#"select payment_intent_id, provider, status, amount_minor, currency, ours, failed_at, failure_code,
                  refunded_minor, livemode, created_at, updated_at,
                  (select o.session_id from preorders o where o.payment_intent_id = p.payment_intent_id
                   order by o.created_at, o.id limit 1) as session_id,
                  array(select r.id from refunds r where r.payment_intent_id = p.payment_intent_id
                        order by r.id collate "C") as "refund_ids!",
                  array(select d.id from disputes d where d.payment_intent_id = p.payment_intent_id
                        order by d.id collate "C") as "dispute_ids!"
           from payments p where payment_intent_id = any($1)"#,
        keys
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(records
        .into_iter()
        .map(|record| {
        row!(Table::Payments, record: payment_intent_id provider status amount_minor currency ours failed_at failure_code
             refunded_minor livemode created_at updated_at session_id refund_ids dispute_ids)
    })
        .collect())
}

async fn refunds(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Row>, StoreError> {
    let records = sqlx::query!(
        "select id, provider, payment_intent_id, amount_minor, currency, status, counted, succeeded, reason, failure,
                livemode, created_at, updated_at
         from refunds where id = any($1)",
        keys
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(records
        .into_iter()
        .map(|record| {
        row!(Table::Refunds, record: id provider payment_intent_id amount_minor currency status counted succeeded reason failure
             livemode created_at updated_at)
    })
        .collect())
}

async fn disputes(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Row>, StoreError> {
    let records = sqlx::query!(
        "select id, provider, payment_intent_id, amount_minor, currency, status, funds, reason, due_by, livemode,
                created_at, updated_at
         from disputes where id = any($1)",
        keys
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(records
        .into_iter()
        .map(|record| {
        row!(Table::Disputes, record: id provider payment_intent_id amount_minor currency status funds reason due_by livemode
             created_at updated_at)
    })
        .collect())
}

async fn webhook_logs(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Row>, StoreError> {
    let records = sqlx::query!(
        r#"select event, provider, status::text as "status!", stripe_event_id, preorder_id, email, klaviyo_event_sent, error,
                  raw_body, attempts::bigint as "attempts!", available_at, received_at, processed_at
           from webhook_logs where stripe_event_id = any($1)"#,
        keys
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(records
        .into_iter()
        .map(|record| {
        row!(Table::WebhookLogs, record: event provider status stripe_event_id preorder_id email klaviyo_event_sent error
             attempts available_at received_at processed_at)
        .with("raw_body", record.raw_body.map(Bytes::from))
    })
        .collect())
}

async fn outbox(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Row>, StoreError> {
    let records = sqlx::query!(
        r#"select kind, dedupe_key, body, status, attempts::bigint as "attempts!", available_at, lease_token, last_error,
                  preorder_id, created_at, sent_at, consequence
           from outbox where dedupe_key = any($1)"#,
        keys
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(records
        .into_iter()
        .map(|record| {
        row!(Table::Outbox, record: kind dedupe_key status attempts available_at lease_token last_error preorder_id created_at
             sent_at consequence)
        .with("body", Bytes::from(record.body))
    })
        .collect())
}

async fn customers(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Row>, StoreError> {
    let records = sqlx::query!(
        r#"select id, provider, email, name, deleted, livemode, told_at, finality::bigint as "finality!", updated_at,
                  erased_at
           from customers where id = any($1)"#,
        keys
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(records
        .into_iter()
        .map(|record| {
        row!(Table::Customers, record: id provider email name deleted livemode told_at finality updated_at erased_at)
    })
        .collect())
}

async fn subscriptions(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Row>, StoreError> {
    let records = sqlx::query!(
        r#"select id, provider, customer_id, status, price_id, quantity, paused, cancel_at_period_end, current_period_end,
                  livemode, told_at, finality::bigint as "finality!", latest_invoice_id, latest_invoice_paid,
                  latest_invoice_told_at, updated_at
           from subscriptions where id = any($1)"#,
        keys
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(records
        .into_iter()
        .map(|record| {
        row!(Table::Subscriptions, record: id provider customer_id status price_id quantity paused cancel_at_period_end
             current_period_end livemode told_at finality latest_invoice_id latest_invoice_paid latest_invoice_told_at
             updated_at)
    })
        .collect())
}

async fn marks(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Row>, StoreError> {
    let (providers, scopes) = halves(keys);
    let records = sqlx::query!(
        "select provider, scope, mark, passing, cursor from reconcile_marks
         where (provider, scope) in (select * from unnest($1::text[], $2::text[])) and provider <> $3",
        &providers as &[&str],
        &scopes as &[&str],
        PLACES
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(records
        .into_iter()
        .map(|record| row!(Table::ReconcileMarks, record: provider scope mark passing cursor))
        .collect())
}

async fn differences(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Row>, StoreError> {
    let (providers, ids) = halves(keys);
    let records = sqlx::query!(
        "select provider, scope, id, number, what, found_at from reconcile_differences
         where (provider, id) in (select * from unnest($1::text[], $2::text[]))",
        &providers as &[&str],
        &ids as &[&str]
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(records
        .into_iter()
        .map(|record| row!(Table::ReconcileDifferences, record: provider scope id number what found_at))
        .collect())
}
