//! Rows of `customers` and `subscriptions`: copies of the provider's objects. An older version
//! never replaces a newer one.

use sqlx::PgConnection;

use super::super::StoreError;
use crate::domain::{
    mirror::{CustomerCopy, InvoiceCopy, Mirror, SubscriptionCopy},
    payment::{CustomerId, PriceId, ProviderId},
};

/// Writes the copy. Returns `false`, and changes nothing, when the stored one is newer.
pub(super) async fn write(tx: &mut PgConnection, provider: ProviderId, mirror: &Mirror) -> Result<bool, StoreError> {
    match mirror {
        Mirror::Customer(customer) => write_customer(tx, provider, customer).await,
        Mirror::Subscription(subscription) => write_subscription(tx, provider, subscription).await,
        Mirror::Invoice(invoice) => write_invoice(tx, provider, invoice).await,
    }
}

/// Whether the copy is of an erased customer, or of a subscription of one.
pub(super) async fn is_erased(tx: &mut PgConnection, mirror: &Mirror) -> Result<bool, StoreError> {
    let (customer, subscription) = match mirror {
        Mirror::Customer(copy) => (Some(&copy.id), None),
        Mirror::Subscription(copy) => (copy.customer.as_ref(), None),
        Mirror::Invoice(copy) => (None, Some(copy.subscription.as_str())),
    };
    sqlx::query_scalar!(
        r#"select exists(select from customers where erased_at is not null
                         and id = coalesce($1, (select customer_id from subscriptions where id = $2))) as "exists!""#,
        customer.map(CustomerId::as_str),
        subscription
    )
    .fetch_one(tx)
    .await
    .map_err(StoreError::from)
}

async fn write_customer(
    tx: &mut PgConnection,
    provider: ProviderId,
    customer: &CustomerCopy,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"insert into customers (id, provider, email, name, deleted, livemode, told_at, finality)
           values ($1, $2, $3, $4, $5, $6, to_timestamp($7::bigint::double precision), $8)
           on conflict (id) do update
           set email = case when customers.erased_at is null then excluded.email end,
               name = case when customers.erased_at is null then excluded.name end,
               deleted = excluded.deleted, told_at = excluded.told_at, finality = excluded.finality, updated_at = now()
           where (customers.told_at, customers.finality) <= (excluded.told_at, excluded.finality)"#,
        customer.id.as_str(),
        provider.as_str(),
        customer.email,
        customer.name,
        customer.deleted,
        customer.livemode,
        customer.version.told_at,
        customer.version.finality
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn write_subscription(
    tx: &mut PgConnection,
    provider: ProviderId,
    copy: &SubscriptionCopy,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"insert into subscriptions (id, provider, customer_id, status, price_id, quantity, paused, cancel_at_period_end,
                                      current_period_end, livemode, told_at, finality)
           values ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9::bigint::double precision), $10,
                   to_timestamp($11::bigint::double precision), $12)
           on conflict (id) do update
           set customer_id = excluded.customer_id, status = excluded.status, price_id = excluded.price_id,
               quantity = excluded.quantity, paused = excluded.paused,
               cancel_at_period_end = excluded.cancel_at_period_end, current_period_end = excluded.current_period_end,
               told_at = excluded.told_at, finality = excluded.finality, updated_at = now()
           where (subscriptions.told_at, subscriptions.finality) <= (excluded.told_at, excluded.finality)"#,
        copy.id.as_str(),
        provider.as_str(),
        copy.customer.as_ref().map(CustomerId::as_str),
        copy.status.as_str(),
        copy.price.as_ref().map(PriceId::as_str),
        copy.quantity,
        copy.paused,
        copy.cancel_at_period_end,
        copy.current_period_end,
        copy.livemode,
        copy.version.told_at,
        copy.version.finality
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the latest invoice of a subscription. An invoice may be reported before its subscription:
/// the row is then inserted with a version that any other replaces.
async fn write_invoice(tx: &mut PgConnection, provider: ProviderId, copy: &InvoiceCopy) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"insert into subscriptions (id, provider, status, livemode, told_at, finality, latest_invoice_id,
                                      latest_invoice_paid, latest_invoice_told_at)
           values ($1, $2, 'incomplete', $3, to_timestamp(0), -1, $4, $5, to_timestamp($6::bigint::double precision))
           on conflict (id) do update
           set latest_invoice_id = excluded.latest_invoice_id, latest_invoice_paid = excluded.latest_invoice_paid,
               latest_invoice_told_at = excluded.latest_invoice_told_at, updated_at = now()
           where subscriptions.latest_invoice_told_at is null
              or (subscriptions.latest_invoice_told_at, subscriptions.latest_invoice_paid)
               < (excluded.latest_invoice_told_at, excluded.latest_invoice_paid)"#,
        copy.subscription.as_str(),
        provider.as_str(),
        copy.livemode,
        copy.invoice,
        copy.paid,
        copy.version.told_at
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
