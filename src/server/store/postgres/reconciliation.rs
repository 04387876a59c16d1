//! Rows of `reconcile_marks` and `reconcile_differences`: how far the shop was compared with a
//! provider, and what differed.

use async_trait::async_trait;

use super::{
    super::{OpenDifference, ReconcileCursor, Reconciliation, StoreError},
    PostgresStore, STEP,
    pool::step,
};
use crate::domain::payment::ProviderId;

#[async_trait]
impl Reconciliation for PostgresStore {
    async fn reconcile_cursor(&self, provider: ProviderId, scope: &str) -> Result<Option<ReconcileCursor>, StoreError> {
        let stored = sqlx::query!(
            r#"select mark, passing, cursor from reconcile_marks where provider = $1 and scope = $2"#,
            provider.as_str(),
            scope
        );
        let row = step!(self, STEP, |connection| stored.fetch_optional(connection))?;
        Ok(row
            .map(|row| ReconcileCursor { until: row.mark, interrupted: row.passing.map(|began| (began, row.cursor)) }))
    }

    async fn set_reconcile_cursor(
        &self,
        provider: ProviderId,
        scope: &str,
        cursor: &ReconcileCursor,
    ) -> Result<(), StoreError> {
        let interrupted = cursor.interrupted.as_ref();
        let stored = sqlx::query!(
            "insert into reconcile_marks (provider, scope, mark, passing, cursor) values ($1, $2, $3, $4, $5)
         on conflict (provider, scope) do update
         set mark = excluded.mark, passing = excluded.passing, cursor = excluded.cursor",
            provider.as_str(),
            scope,
            cursor.until,
            interrupted.map(|(began, _)| *began),
            interrupted.and_then(|(_, cursor)| cursor.as_deref())
        );
        step!(self, STEP, |connection| stored.execute(connection)).map(drop)
    }

    async fn open_differences(&self, provider: ProviderId) -> Result<Vec<OpenDifference>, StoreError> {
        let open = sqlx::query_as!(
            OpenDifference,
            "select scope, id, number, what from reconcile_differences where provider = $1 order by found_at limit 1000",
            provider.as_str()
        );
        step!(self, STEP, |connection| open.fetch_all(connection))
    }

    async fn record_difference(&self, provider: ProviderId, open: &OpenDifference) -> Result<(), StoreError> {
        let stored = sqlx::query!(
            "insert into reconcile_differences (provider, scope, id, number, what) values ($1, $2, $3, $4, $5)
         on conflict (provider, id) do update
         set what = excluded.what, number = coalesce(excluded.number, reconcile_differences.number)",
            provider.as_str(),
            open.scope,
            open.id,
            open.number,
            open.what
        );
        step!(self, STEP, |connection| stored.execute(connection)).map(drop)
    }

    async fn remove_difference(&self, provider: ProviderId, id: &str) -> Result<(), StoreError> {
        let dropped =
            sqlx::query!("delete from reconcile_differences where provider = $1 and id = $2", provider.as_str(), id);
        step!(self, STEP, |connection| dropped.execute(connection)).map(drop)
    }
}
