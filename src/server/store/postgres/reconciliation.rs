//! What reconciliation and the merchant's commands ask of the database: lists, marks and leases.

use std::time::Duration;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    super::{LeaseToken, Mark, OpenDifference, PreorderFilter, Purchase, StoreError},
    apply, preorders, refused_or_unavailable, seconds,
};
use crate::domain::{
    customer::ShippingAddress,
    payment::{DisputeId, ProviderId, RefundId},
    preorder::{PreorderNumber, PreorderStatus},
};

pub async fn purchases(
    connection: &mut PgConnection,
    filter: &PreorderFilter,
    limit: u32,
) -> Result<Vec<Purchase>, StoreError> {
    let rows = preorders::select_preorders!(
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
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        found.push(apply::with_payment(&mut *connection, row.into_preorder()?).await?);
    }
    Ok(found)
}

pub async fn waiting_refunds(
    connection: &mut PgConnection,
    provider: ProviderId,
    limit: u32,
) -> Result<Vec<RefundId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select id from refunds where provider = $1 and status in ('pending', 'requires_action') order by updated_at limit $2",
        provider.as_str(),
        i64::from(limit)
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(ids.iter().filter_map(|id| RefundId::parse(id)).collect())
}

pub async fn open_disputes(
    connection: &mut PgConnection,
    provider: ProviderId,
    limit: u32,
) -> Result<Vec<DisputeId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select id from disputes
         where provider = $1 and status not in ('warning_closed', 'prevented', 'won', 'lost')
         order by due_by nulls last limit $2",
        provider.as_str(),
        i64::from(limit)
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(ids.iter().filter_map(|id| DisputeId::parse(id)).collect())
}

pub async fn mark(
    connection: &mut PgConnection,
    provider: ProviderId,
    scope: &str,
) -> Result<Option<Mark>, StoreError> {
    let row = sqlx::query!(
        r#"select mark, passing, cursor from reconcile_marks where provider = $1 and scope = $2"#,
        provider.as_str(),
        scope
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(row.map(|row| Mark { until: row.mark, passing: row.passing.map(|began| (began, row.cursor)) }))
}

pub async fn set_mark(
    connection: &mut PgConnection,
    provider: ProviderId,
    scope: &str,
    mark: &Mark,
) -> Result<(), StoreError> {
    let (passing, cursor): (Option<OffsetDateTime>, Option<&str>) = match &mark.passing {
        Some((began, cursor)) => (Some(*began), cursor.as_deref()),
        None => (None, None),
    };
    sqlx::query!(
        "insert into reconcile_marks (provider, scope, mark, passing, cursor) values ($1, $2, $3, $4, $5)
         on conflict (provider, scope) do update
         set mark = excluded.mark, passing = excluded.passing, cursor = excluded.cursor",
        provider.as_str(),
        scope,
        mark.until,
        passing,
        cursor
    )
    .execute(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(())
}

pub async fn open_differences(
    connection: &mut PgConnection,
    provider: ProviderId,
) -> Result<Vec<OpenDifference>, StoreError> {
    sqlx::query_as!(
        OpenDifference,
        "select scope, id, number, what from reconcile_differences where provider = $1 order by found_at limit 1000",
        provider.as_str()
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused_or_unavailable)
}

pub async fn note_difference(
    connection: &mut PgConnection,
    provider: ProviderId,
    open: &OpenDifference,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into reconcile_differences (provider, scope, id, number, what) values ($1, $2, $3, $4, $5)
         on conflict (provider, id) do update
         set what = excluded.what, number = coalesce(excluded.number, reconcile_differences.number)",
        provider.as_str(),
        open.scope,
        open.id,
        open.number,
        open.what
    )
    .execute(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(())
}

pub async fn drop_difference(connection: &mut PgConnection, provider: ProviderId, id: &str) -> Result<(), StoreError> {
    sqlx::query!("delete from reconcile_differences where provider = $1 and id = $2", provider.as_str(), id)
        .execute(&mut *connection)
        .await
        .map_err(refused_or_unavailable)?;
    Ok(())
}

pub async fn take_lease(
    connection: &mut PgConnection,
    name: &str,
    token: &LeaseToken,
    lease: Duration,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "insert into leases (name, token, until) values ($1, $2, now() + make_interval(secs => $3))
         on conflict (name) do update set token = excluded.token, until = excluded.until
         where leases.token = excluded.token or leases.until < now()",
        name,
        token.as_str(),
        seconds(lease)
    )
    .execute(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected() == 1)
}

pub async fn drop_lease(connection: &mut PgConnection, name: &str, token: &LeaseToken) -> Result<(), StoreError> {
    sqlx::query!("delete from leases where name = $1 and token = $2", name, token.as_str())
        .execute(&mut *connection)
        .await
        .map_err(refused_or_unavailable)?;
    Ok(())
}
