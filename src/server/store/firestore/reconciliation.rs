//! Documents of `reconcile_marks` and `reconcile_differences`: how far the shop was compared with a
//! provider, what differed, and how far a store copy came.

use async_trait::async_trait;

use super::{
    super::{KEY_SEPARATOR, OpenDifference, ReconcileCursor, Reconciliation, StoreError, Table, Value},
    FirestoreStore, STEP, bounded,
    client::{Client, Committed, Precondition, RetryBudget, Write},
    query,
    value::{Fields, row_path},
};
use crate::domain::payment::ProviderId;
use crate::server::store::mapping::set;

#[async_trait]
impl Reconciliation for FirestoreStore {
    async fn reconcile_cursor(&self, provider: ProviderId, scope: &str) -> Result<Option<ReconcileCursor>, StoreError> {
        let path = of_provider(Table::ReconcileMarks, provider.as_str(), scope);
        let found = bounded(STEP, self.client.read(std::slice::from_ref(&path))).await?;
        let Some(found) = found.get(&path) else { return Ok(None) };
        let row = found.row(Table::ReconcileMarks);
        let cursor = row.text_opt("cursor")?.map(str::to_owned);
        Ok(Some(ReconcileCursor {
            until: row.time("mark")?,
            interrupted: row.time_opt("passing")?.map(|began| (began, cursor)),
        }))
    }

    async fn set_reconcile_cursor(
        &self,
        provider: ProviderId,
        scope: &str,
        cursor: &ReconcileCursor,
    ) -> Result<(), StoreError> {
        let mut fields = Fields::new();
        set!(fields, {
            "provider" => provider.as_str(),
            "scope" => scope,
            "mark" => cursor.until,
            "passing" => cursor.interrupted.as_ref().map(|(began, _)| *began),
            "cursor" => cursor.interrupted.as_ref().and_then(|(_, cursor)| cursor.clone()),
        });
        let path = of_provider(Table::ReconcileMarks, provider.as_str(), scope);
        let write = Write::set(path, fields, Precondition::None);
        bounded(STEP, self.client.commit_until_done(write)).await
    }

    async fn open_differences(&self, provider: ProviderId) -> Result<Vec<OpenDifference>, StoreError> {
        let query = query::open_differences(provider);
        let (found, _) = bounded(STEP, self.client.query(&query)).await?;
        found
            .iter()
            .map(|found| {
                let row = found.row(Table::ReconcileDifferences);
                Ok(OpenDifference {
                    scope: row.text("scope")?.to_owned(),
                    id: row.text("id")?.to_owned(),
                    number: row.text_opt("number")?.map(str::to_owned),
                    what: row.text("what")?.to_owned(),
                })
            })
            .collect()
    }

    async fn record_difference(&self, provider: ProviderId, open: &OpenDifference) -> Result<(), StoreError> {
        bounded(STEP, write_difference(&self.client, provider, open)).await
    }

    async fn remove_difference(&self, provider: ProviderId, id: &str) -> Result<(), StoreError> {
        let path = of_provider(Table::ReconcileDifferences, provider.as_str(), id);
        bounded(STEP, self.client.commit_until_done(Write::delete(path, Precondition::None))).await
    }
}

fn of_provider(table: Table, provider: &str, name: &str) -> String {
    row_path(table, &format!("{provider}{KEY_SEPARATOR}{name}"))
}

async fn write_difference(client: &Client, provider: ProviderId, open: &OpenDifference) -> Result<(), StoreError> {
    let path = of_provider(Table::ReconcileDifferences, provider.as_str(), &open.id);
    let mut budget = RetryBudget::new();
    loop {
        let snapshot = client.read(std::slice::from_ref(&path)).await?;
        let known = snapshot.get(&path);
        let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
        if known.is_none() {
            set!(fields, { "provider" => provider.as_str(), "id" => open.id.as_str(), "scope" => open.scope.as_str() });
        }
        let number = open.number.clone().or_else(|| known.and_then(|known| known.text("number")).map(str::to_owned));
        set!(fields, { "what" => open.what.as_str(), "number" => number });
        let write = Write::upsert(path.clone(), known, fields);
        let write = if known.is_none() { write.now(&["found_at"]) } else { write };
        if client.commit(&[write]).await? == Committed::Done {
            return Ok(());
        }
        budget.wait().await?;
    }
}

/// The provider's name under which the cursors of a store copy are stored, among those of
/// providers.
pub const COPY: &str = "store_copy";

fn path_of_copy(origin: &str, table: Table) -> String {
    of_provider(Table::ReconcileMarks, COPY, &format!("{origin}:{}", table.as_str()))
}

/// Returns how far this table was copied from `origin`; `None` when no copy of it is in progress.
pub async fn cursor_of_copy(client: &Client, origin: &str, table: Table) -> Result<Option<String>, StoreError> {
    let path = path_of_copy(origin, table);
    let found = client.read(std::slice::from_ref(&path)).await?;
    Ok(found.get(&path).and_then(|found| found.text("cursor")).map(str::to_owned))
}

/// Stores how far this table was copied from `origin`; `None` removes it.
pub async fn set_cursor_of_copy(
    client: &Client,
    origin: &str,
    table: Table,
    cursor: Option<&str>,
) -> Result<(), StoreError> {
    let path = path_of_copy(origin, table);
    let write = match cursor {
        Some(cursor) => {
            let mut fields = Fields::new();
            let scope = format!("{origin}:{}", table.as_str());
            set!(fields, { "provider" => COPY, "scope" => scope, "cursor" => cursor, "passing" => Value::Null });
            Write::set(path, fields, Precondition::None).now(&["mark"])
        }
        None => Write::delete(path, Precondition::None),
    };
    client.commit_until_done(write).await
}
