//! Rows of `payments`, `refunds` and `disputes`: everything known of a payment, whether its
//! preorder is stored or not.

use sqlx::PgConnection;

use super::super::StoreError;
use crate::domain::{
    lifecycle::{Dispute, DisputeFunds, DisputeStatus, IntentStatus, OrderState, PaymentRecord, Refund, RefundStatus},
    money::Money,
    payment::{DisputeId, IntentId, ProviderId, RefundId},
};

/// Reads the payment of this intent, its refunds and its disputes into `state`.
pub(super) async fn read(
    connection: &mut PgConnection,
    intent: &IntentId,
    state: &mut OrderState,
) -> Result<(), StoreError> {
    // No refund or dispute is stored without a row for its payment.
    let Some((payment, has_refunds, has_disputes)) = payment(connection, intent).await? else { return Ok(()) };
    state.payment = Some(payment);
    if has_refunds {
        state.refunds = refunds(connection, intent).await?;
    }
    if has_disputes {
        state.disputes = disputes(connection, intent).await?;
    }
    Ok(())
}

/// Writes the payment, the refunds and the disputes that differ between the two states.
pub(super) async fn write(
    connection: &mut PgConnection,
    provider: ProviderId,
    before: &OrderState,
    after: &OrderState,
) -> Result<(), StoreError> {
    if let Some(payment) = after.payment.as_ref().filter(|_| after.payment != before.payment) {
        write_payment(connection, provider, payment).await?;
    }
    for refund in after.refunds.iter().filter(|refund| !before.refunds.contains(refund)) {
        write_refund(connection, provider, refund).await?;
    }
    for dispute in after.disputes.iter().filter(|dispute| !before.disputes.contains(dispute)) {
        write_dispute(connection, provider, dispute).await?;
    }
    Ok(())
}

fn unreadable(column: &str, id: &str) -> StoreError {
    StoreError::Unreadable(format!("{column} of {id}"))
}

fn money(minor: i64, currency: &str, column: &str, id: &str) -> Result<Money, StoreError> {
    currency.parse().and_then(|currency| Money::new(minor, currency)).map_err(|_| unreadable(column, id))
}

async fn payment(
    connection: &mut PgConnection,
    intent: &IntentId,
) -> Result<Option<(PaymentRecord, bool, bool)>, StoreError> {
    let row = sqlx::query!(
        r#"select status, amount_minor, currency, ours, extract(epoch from failed_at)::bigint as failed_at, failure_code,
                  refunded_minor, livemode,
                  exists(select from refunds where payment_intent_id = $1) as "has_refunds!",
                  exists(select from disputes where payment_intent_id = $1) as "has_disputes!"
           from payments where payment_intent_id = $1"#,
        intent.as_str()
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let record = PaymentRecord {
        intent: intent.clone(),
        status: IntentStatus::from_name(&row.status).ok_or_else(|| unreadable("payments.status", intent.as_str()))?,
        amount: match (row.amount_minor, row.currency) {
            (Some(minor), Some(currency)) => Some(money(minor, &currency, "payments.amount_minor", intent.as_str())?),
            _ => None,
        },
        ours: row.ours,
        failure: row.failed_at.map(|at| (at, row.failure_code.unwrap_or_default())),
        refunded_minor: row.refunded_minor,
        livemode: row.livemode,
    };
    Ok(Some((record, row.has_refunds, row.has_disputes)))
}

async fn refunds(connection: &mut PgConnection, intent: &IntentId) -> Result<Vec<Refund>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, amount_minor, currency, status, counted, succeeded, reason, failure, livemode
           from refunds where payment_intent_id = $1 order by id collate "C""#,
        intent.as_str()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Refund {
                id: RefundId::parse(&row.id).ok_or_else(|| unreadable("refunds.id", &row.id))?,
                intent: intent.clone(),
                amount: money(row.amount_minor, &row.currency, "refunds.amount_minor", &row.id)?,
                status: RefundStatus::from_name(&row.status).ok_or_else(|| unreadable("refunds.status", &row.id))?,
                counted: row.counted,
                succeeded: row.succeeded,
                reason: row.reason,
                failure: row.failure,
                livemode: row.livemode,
            })
        })
        .collect()
}

async fn disputes(connection: &mut PgConnection, intent: &IntentId) -> Result<Vec<Dispute>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, amount_minor, currency, status, funds, reason, extract(epoch from due_by)::bigint as due_by, livemode
           from disputes where payment_intent_id = $1 order by id collate "C""#,
        intent.as_str()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Dispute {
                id: DisputeId::parse(&row.id).ok_or_else(|| unreadable("disputes.id", &row.id))?,
                intent: intent.clone(),
                amount: money(row.amount_minor, &row.currency, "disputes.amount_minor", &row.id)?,
                status: DisputeStatus::from_name(&row.status).ok_or_else(|| unreadable("disputes.status", &row.id))?,
                funds: DisputeFunds::from_name(&row.funds).ok_or_else(|| unreadable("disputes.funds", &row.id))?,
                reason: row.reason,
                due_by: row.due_by,
                livemode: row.livemode,
            })
        })
        .collect()
}

async fn write_payment(
    connection: &mut PgConnection,
    provider: ProviderId,
    payment: &PaymentRecord,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"insert into payments (payment_intent_id, provider, status, amount_minor, currency, ours, failed_at, failure_code,
                                 refunded_minor, livemode)
           values ($1, $2, $3, $4, $5, $6, to_timestamp($7::bigint::double precision), $8, $9, $10)
           on conflict (payment_intent_id) do update
           set status = excluded.status, amount_minor = excluded.amount_minor, currency = excluded.currency,
               ours = excluded.ours, failed_at = excluded.failed_at, failure_code = excluded.failure_code,
               refunded_minor = excluded.refunded_minor, updated_at = now()"#,
        payment.intent.as_str(),
        provider.as_str(),
        payment.status.as_str(),
        payment.amount.map(Money::minor),
        payment.amount.map(|amount| amount.currency().to_string()),
        payment.ours,
        payment.failure.as_ref().map(|(at, _)| *at),
        payment.failure.as_ref().map(|(_, code)| code.as_str()),
        payment.refunded_minor,
        payment.livemode
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_refund(connection: &mut PgConnection, provider: ProviderId, refund: &Refund) -> Result<(), StoreError> {
    sqlx::query!(
        r#"insert into refunds (id, provider, payment_intent_id, amount_minor, currency, status, counted, succeeded, reason,
                                failure, livemode)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
           on conflict (id) do update
           set status = excluded.status, counted = excluded.counted, succeeded = excluded.succeeded,
               reason = excluded.reason, failure = excluded.failure, updated_at = now()"#,
        refund.id.as_str(),
        provider.as_str(),
        refund.intent.as_str(),
        refund.amount.minor(),
        refund.amount.currency().to_string(),
        refund.status.as_str(),
        refund.counted,
        refund.succeeded,
        refund.reason,
        refund.failure,
        refund.livemode
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_dispute(
    connection: &mut PgConnection,
    provider: ProviderId,
    dispute: &Dispute,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"insert into disputes (id, provider, payment_intent_id, amount_minor, currency, status, funds, reason, due_by,
                                 livemode)
           values ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9::bigint::double precision), $10)
           on conflict (id) do update
           set status = excluded.status, funds = excluded.funds, reason = excluded.reason, due_by = excluded.due_by,
               updated_at = now()"#,
        dispute.id.as_str(),
        provider.as_str(),
        dispute.intent.as_str(),
        dispute.amount.minor(),
        dispute.amount.currency().to_string(),
        dispute.status.as_str(),
        dispute.funds.as_str(),
        dispute.reason,
        dispute.due_by,
        dispute.livemode
    )
    .execute(connection)
    .await?;
    Ok(())
}
