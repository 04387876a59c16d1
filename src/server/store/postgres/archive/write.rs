//! Whole rows written as they are, in place of those of the same keys. What is derived is left to the database.

use sqlx::PgConnection;

use super::super::{
    super::{Row, StoreError, Table},
    refused_or_unavailable,
    webhook_logs::json_text,
};

/// Writes one row. `json` says whether `raw_data` is tried.
pub async fn row(connection: &mut PgConnection, row: &Row, json: bool) -> Result<(), StoreError> {
    let written = match row.table {
        Table::Preorders => preorder(connection, row).await?,
        Table::Payments => payment(connection, row).await?,
        Table::Refunds => refund(connection, row).await?,
        Table::Disputes => dispute(connection, row).await?,
        Table::WebhookLogs => webhook_log(connection, row, json).await?,
        Table::Outbox => message(connection, row).await?,
        Table::Customers => customer(connection, row).await?,
        Table::Subscriptions => subscription(connection, row).await?,
        Table::ReconcileMarks => mark(connection, row).await?,
        Table::ReconcileDifferences => difference(connection, row).await?,
    };
    if written == 1 {
        Ok(())
    } else {
        Err(StoreError::Refused("the session is there already, under another id or number".to_owned()))
    }
}

/// The id and the number are never exchanged: others have them by now (customers, messages, the log).
async fn preorder(connection: &mut PgConnection, row: &Row) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"insert into preorders (id, user_id, email, color, status, session_id, payment_intent_id, amount_minor, currency,
                                  preorder_number, shipping_address, locale, tracking_number, livemode, refunded_minor,
                                  needs_review, review_reason, created_at, updated_at, provider, attempt, completed_at,
                                  access_hash, second_payment, review_settled, erased_at)
           values ($1, $2, $3, $4::text::product_color, $5::text::preorder_status, $6, $7, $8, $9, $10, $11, $12, $13, $14,
                   $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
           on conflict (session_id) do update
           set user_id = excluded.user_id, email = excluded.email, color = excluded.color, status = excluded.status,
               payment_intent_id = excluded.payment_intent_id, amount_minor = excluded.amount_minor,
               currency = excluded.currency, shipping_address = excluded.shipping_address, locale = excluded.locale,
               tracking_number = excluded.tracking_number, livemode = excluded.livemode,
               refunded_minor = excluded.refunded_minor, needs_review = excluded.needs_review,
               review_reason = excluded.review_reason, created_at = excluded.created_at, updated_at = excluded.updated_at,
               provider = excluded.provider, attempt = excluded.attempt, completed_at = excluded.completed_at,
               access_hash = excluded.access_hash, second_payment = excluded.second_payment,
               review_settled = excluded.review_settled, erased_at = excluded.erased_at
           where preorders.id = excluded.id and preorders.preorder_number = excluded.preorder_number"#,
        row.text("id")?,
        row.text_opt("user_id")?,
        row.text("email")?,
        row.text_opt("color")?,
        row.text("status")?,
        row.text("session_id")?,
        row.text_opt("payment_intent_id")?,
        row.int_opt("amount_minor")?,
        row.text_opt("currency")?,
        row.text("preorder_number")?,
        row.json_opt("shipping_address"),
        row.text_opt("locale")?,
        row.text_opt("tracking_number")?,
        row.bool("livemode")?,
        row.int("refunded_minor")?,
        row.bool("needs_review")?,
        row.text_opt("review_reason")?,
        row.time("created_at")?,
        row.time("updated_at")?,
        row.text("provider")?,
        row.text_opt("attempt")?,
        row.time_opt("completed_at")?,
        row.text_opt("access_hash")?,
        row.bool("second_payment")?,
        row.text_opt("review_settled")?,
        row.time_opt("erased_at")?
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected())
}

async fn payment(connection: &mut PgConnection, row: &Row) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"insert into payments (payment_intent_id, provider, status, amount_minor, currency, ours, failed_at, failure_code,
                                 refunded_minor, livemode, created_at, updated_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
           on conflict (payment_intent_id) do update
           set provider = excluded.provider, status = excluded.status, amount_minor = excluded.amount_minor,
               currency = excluded.currency, ours = excluded.ours, failed_at = excluded.failed_at,
               failure_code = excluded.failure_code, refunded_minor = excluded.refunded_minor,
               livemode = excluded.livemode, created_at = excluded.created_at, updated_at = excluded.updated_at"#,
        row.text("payment_intent_id")?,
        row.text("provider")?,
        row.text("status")?,
        row.int_opt("amount_minor")?,
        row.text_opt("currency")?,
        row.bool("ours")?,
        row.time_opt("failed_at")?,
        row.text_opt("failure_code")?,
        row.int("refunded_minor")?,
        row.bool("livemode")?,
        row.time("created_at")?,
        row.time("updated_at")?
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected())
}

async fn refund(connection: &mut PgConnection, row: &Row) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"insert into refunds (id, provider, payment_intent_id, amount_minor, currency, status, counted, succeeded, reason,
                                failure, livemode, created_at, updated_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
           on conflict (id) do update
           set provider = excluded.provider, payment_intent_id = excluded.payment_intent_id,
               amount_minor = excluded.amount_minor, currency = excluded.currency, status = excluded.status,
               counted = excluded.counted, succeeded = excluded.succeeded, reason = excluded.reason,
               failure = excluded.failure, livemode = excluded.livemode, created_at = excluded.created_at,
               updated_at = excluded.updated_at"#,
        row.text("id")?,
        row.text("provider")?,
        row.text("payment_intent_id")?,
        row.int("amount_minor")?,
        row.text("currency")?,
        row.text("status")?,
        row.bool("counted")?,
        row.bool("succeeded")?,
        row.text_opt("reason")?,
        row.text_opt("failure")?,
        row.bool("livemode")?,
        row.time("created_at")?,
        row.time("updated_at")?
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected())
}

async fn dispute(connection: &mut PgConnection, row: &Row) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"insert into disputes (id, provider, payment_intent_id, amount_minor, currency, status, funds, reason, due_by,
                                 livemode, created_at, updated_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
           on conflict (id) do update
           set provider = excluded.provider, payment_intent_id = excluded.payment_intent_id,
               amount_minor = excluded.amount_minor, currency = excluded.currency, status = excluded.status,
               funds = excluded.funds, reason = excluded.reason, due_by = excluded.due_by, livemode = excluded.livemode,
               created_at = excluded.created_at, updated_at = excluded.updated_at"#,
        row.text("id")?,
        row.text("provider")?,
        row.text("payment_intent_id")?,
        row.int("amount_minor")?,
        row.text("currency")?,
        row.text("status")?,
        row.text("funds")?,
        row.text("reason")?,
        row.time_opt("due_by")?,
        row.bool("livemode")?,
        row.time("created_at")?,
        row.time("updated_at")?
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected())
}

async fn webhook_log(connection: &mut PgConnection, row: &Row, json: bool) -> Result<u64, StoreError> {
    let body = row.bytes_opt("raw_body")?;
    let json = body.as_deref().filter(|_| json).and_then(json_text);
    let done = sqlx::query!(
        r#"insert into webhook_logs (event, provider, status, stripe_event_id, preorder_id, email, klaviyo_event_sent, error,
                                     raw_data, raw_body, attempts, available_at, received_at, processed_at)
           values ($1, $2, $3::text::webhook_status, $4, $5, $6, $7, $8, $9::text::jsonb, $10, $11::bigint::integer, $12,
                   $13, $14)
           on conflict (stripe_event_id) do update
           set event = excluded.event, provider = excluded.provider, status = excluded.status,
               preorder_id = excluded.preorder_id, email = excluded.email,
               klaviyo_event_sent = excluded.klaviyo_event_sent, error = excluded.error, raw_data = excluded.raw_data,
               raw_body = excluded.raw_body, attempts = excluded.attempts, available_at = excluded.available_at,
               received_at = excluded.received_at, processed_at = excluded.processed_at"#,
        row.text("event")?,
        row.text("provider")?,
        row.text("status")?,
        row.text("stripe_event_id")?,
        row.text_opt("preorder_id")?,
        row.text_opt("email")?,
        row.bool("klaviyo_event_sent")?,
        row.text_opt("error")?,
        json,
        body.as_deref(),
        row.int("attempts")?,
        row.time("available_at")?,
        row.time("received_at")?,
        row.time_opt("processed_at")?
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected())
}

async fn message(connection: &mut PgConnection, row: &Row) -> Result<u64, StoreError> {
    let body = row.bytes("body")?;
    let done = sqlx::query!(
        r#"insert into outbox (kind, dedupe_key, body, status, attempts, available_at, lease_token, last_error, preorder_id,
                               created_at, sent_at, consequence)
           values ($1, $2, $3, $4, $5::bigint::integer, $6, $7, $8, $9, $10, $11, $12)
           on conflict (dedupe_key) do update
           set kind = excluded.kind, body = excluded.body, status = excluded.status, attempts = excluded.attempts,
               available_at = excluded.available_at, lease_token = excluded.lease_token,
               last_error = excluded.last_error, preorder_id = excluded.preorder_id, created_at = excluded.created_at,
               sent_at = excluded.sent_at, consequence = excluded.consequence"#,
        row.text("kind")?,
        row.text("dedupe_key")?,
        &body[..],
        row.text("status")?,
        row.int("attempts")?,
        row.time("available_at")?,
        row.text_opt("lease_token")?,
        row.text_opt("last_error")?,
        row.text_opt("preorder_id")?,
        row.time("created_at")?,
        row.time_opt("sent_at")?,
        row.text_opt("consequence")?
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected())
}

async fn customer(connection: &mut PgConnection, row: &Row) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"insert into customers (id, provider, email, name, deleted, livemode, told_at, finality, updated_at, erased_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8::bigint::smallint, $9, $10)
           on conflict (id) do update
           set provider = excluded.provider, email = excluded.email, name = excluded.name, deleted = excluded.deleted,
               livemode = excluded.livemode, told_at = excluded.told_at, finality = excluded.finality,
               updated_at = excluded.updated_at, erased_at = excluded.erased_at"#,
        row.text("id")?,
        row.text("provider")?,
        row.text_opt("email")?,
        row.text_opt("name")?,
        row.bool("deleted")?,
        row.bool("livemode")?,
        row.time("told_at")?,
        row.int("finality")?,
        row.time("updated_at")?,
        row.time_opt("erased_at")?
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected())
}

async fn subscription(connection: &mut PgConnection, row: &Row) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"insert into subscriptions (id, provider, customer_id, status, price_id, quantity, paused, cancel_at_period_end,
                                      current_period_end, livemode, told_at, finality, latest_invoice_id,
                                      latest_invoice_paid, latest_invoice_told_at, updated_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::bigint::smallint, $13, $14, $15, $16)
           on conflict (id) do update
           set provider = excluded.provider, customer_id = excluded.customer_id, status = excluded.status,
               price_id = excluded.price_id, quantity = excluded.quantity, paused = excluded.paused,
               cancel_at_period_end = excluded.cancel_at_period_end, current_period_end = excluded.current_period_end,
               livemode = excluded.livemode, told_at = excluded.told_at, finality = excluded.finality,
               latest_invoice_id = excluded.latest_invoice_id, latest_invoice_paid = excluded.latest_invoice_paid,
               latest_invoice_told_at = excluded.latest_invoice_told_at, updated_at = excluded.updated_at"#,
        row.text("id")?,
        row.text("provider")?,
        row.text_opt("customer_id")?,
        row.text("status")?,
        row.text_opt("price_id")?,
        row.int_opt("quantity")?,
        row.bool("paused")?,
        row.bool("cancel_at_period_end")?,
        row.time_opt("current_period_end")?,
        row.bool("livemode")?,
        row.time("told_at")?,
        row.int("finality")?,
        row.text_opt("latest_invoice_id")?,
        row.bool_opt("latest_invoice_paid")?,
        row.time_opt("latest_invoice_told_at")?,
        row.time("updated_at")?
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected())
}

async fn mark(connection: &mut PgConnection, row: &Row) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "insert into reconcile_marks (provider, scope, mark, passing, cursor) values ($1, $2, $3, $4, $5)
         on conflict (provider, scope) do update
         set mark = excluded.mark, passing = excluded.passing, cursor = excluded.cursor",
        row.text("provider")?,
        row.text("scope")?,
        row.time("mark")?,
        row.time_opt("passing")?,
        row.text_opt("cursor")?
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected())
}

async fn difference(connection: &mut PgConnection, row: &Row) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "insert into reconcile_differences (provider, scope, id, number, what, found_at) values ($1, $2, $3, $4, $5, $6)
         on conflict (provider, id) do update
         set scope = excluded.scope, number = excluded.number, what = excluded.what, found_at = excluded.found_at",
        row.text("provider")?,
        row.text("scope")?,
        row.text("id")?,
        row.text_opt("number")?,
        row.text("what")?,
        row.time("found_at")?
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected())
}
