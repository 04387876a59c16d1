//! The store's rows as they are, for a store copy: read page by page, and written together with the
//! documents that reserve what must be unique.

use async_trait::async_trait;

use super::{
    super::{Archive, Entry, Page, Row, RowProblem, StoreError, Table, Value},
    FirestoreStore, PAGE, STEP, apply, bounded,
    client::{Client, Committed, Precondition, RetryBudget, Snapshot, Write},
    logs,
    privacy::restart_retention,
    query,
    reconciliation::{COPY, cursor_of_copy, set_cursor_of_copy},
    reservations::{self, Taken},
    value::{Document, Fields, row_path},
};
use crate::server::store::validate;

/// The bounds of one commit: Firestore takes 10 MiB, and 500 writes where a database has the old
/// limit.
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;
const ROWS_AT_ONCE: usize = 120;

#[async_trait]
impl Archive for FirestoreStore {
    async fn export(&self, table: Table, after: Option<&str>, limit: u32) -> Result<Page, StoreError> {
        bounded(PAGE, export(&self.client.with_long_calls(), table, after, limit)).await
    }

    async fn rows(&self, table: Table, keys: &[String]) -> Result<Vec<Entry>, StoreError> {
        bounded(PAGE, rows(&self.client.with_long_calls(), table, keys)).await
    }

    async fn import(&self, table: Table, rows: &[Row]) -> Result<Vec<RowProblem>, StoreError> {
        bounded(PAGE, import(&self.client.with_long_calls(), table, rows)).await
    }

    async fn count(&self, table: Table) -> Result<u64, StoreError> {
        bounded(PAGE, count(&self.client.with_long_calls(), table)).await
    }

    async fn copy_cursor(&self, origin: &str, table: Table) -> Result<Option<String>, StoreError> {
        bounded(STEP, cursor_of_copy(&self.client, origin, table)).await
    }

    async fn set_copy_cursor(&self, origin: &str, table: Table, cursor: Option<&str>) -> Result<(), StoreError> {
        bounded(STEP, set_cursor_of_copy(&self.client, origin, table, cursor)).await
    }
}

async fn export(client: &Client, table: Table, after: Option<&str>, limit: u32) -> Result<Page, StoreError> {
    let after = after.map(|id| format!("{}/{id}", table.as_str()));
    let (found, _) = client.query(&query::page(table, after, limit)).await?;
    let last = found.last().map(|last| id(last).to_owned());
    let more = u32::try_from(found.len()).is_ok_and(|found| found == limit);
    let mut entries = Vec::with_capacity(found.len());
    for document in found.iter().filter(|document| !is_cursor_of_copy(table, document)) {
        entries.push(entry(client, table, document).await?);
    }
    Ok(Page { entries, last, more })
}

async fn rows(client: &Client, table: Table, keys: &[String]) -> Result<Vec<Entry>, StoreError> {
    let paths: Vec<String> = keys.iter().map(|key| row_path(table, key)).collect();
    let found = client.read(&paths).await?;
    let mut entries = Vec::new();
    for (key, document) in keys.iter().zip(&paths).filter_map(|(key, path)| Some((key, found.get(path)?))) {
        entries.push(match entry(client, table, document).await? {
            // Under the key that the caller named.
            Entry::Unreadable(problem) => Entry::Unreadable(RowProblem { key: key.clone(), ..problem }),
            row @ Entry::Row(_) => row,
        });
    }
    Ok(entries)
}

async fn count(client: &Client, table: Table) -> Result<u64, StoreError> {
    let count = if table == Table::ReconcileMarks {
        // There are few, and some of them are cursors of a copy.
        let (found, _) = client.query(&query::everything(table)).await?;
        return Ok(found.iter().filter(|mark| !is_cursor_of_copy(table, mark)).count().try_into().unwrap_or(u64::MAX));
    } else {
        client.count(&query::everything(table)).await?
    };
    Ok(count.try_into().unwrap_or_default())
}

fn id(document: &Document) -> &str {
    document.path.rsplit('/').next().unwrap_or_default()
}

fn is_cursor_of_copy(table: Table, document: &Document) -> bool {
    table == Table::ReconcileMarks && document.text("provider") == Some(COPY)
}

async fn entry(client: &Client, table: Table, document: &Document) -> Result<Entry, StoreError> {
    // By its key, as the other store and people know it; by the document's id where it has no key.
    let key = Some(document.row(table).key()).filter(|key| row_path(table, key) == document.path);
    let key = key.unwrap_or_else(|| id(document).to_owned());
    let problem = |reason: String| Ok(Entry::Unreadable(RowProblem { key: key.clone(), reason }));
    let row = if table == Table::WebhookLogs {
        match logs::read_whole(client, document).await {
            Ok(row) => row,
            Err(StoreError::Unreadable(why)) => return problem(why),
            Err(error) => return Err(error),
        }
    } else {
        document.row(table)
    };
    match validate::check(&row) {
        Ok(()) if row_path(table, &row.key()) == document.path => Ok(Entry::Row(row)),
        Ok(()) => problem(format!("{} is not under its own key", table.as_str())),
        Err(StoreError::Unreadable(why)) => problem(why),
        Err(error) => Err(error),
    }
}

async fn import(client: &Client, table: Table, rows: &[Row]) -> Result<Vec<RowProblem>, StoreError> {
    let mut refused = Vec::new();
    for some in batches(rows) {
        let (mut writes, no) = plan(client, table, some).await?;
        if matches!(table, Table::WebhookLogs | Table::Outbox) {
            writes.push(restart_retention());
        }
        if client.commit(&writes).await? == Committed::Done {
            refused.extend(no);
            continue;
        }
        // One of them changed meanwhile: each by itself, with retries.
        for row in some {
            refused.extend(import_one(client, table, row).await?);
        }
    }
    Ok(refused)
}

async fn import_one(client: &Client, table: Table, row: &Row) -> Result<Vec<RowProblem>, StoreError> {
    let mut budget = RetryBudget::new();
    loop {
        let (writes, refused) = plan(client, table, std::slice::from_ref(row)).await?;
        if writes.is_empty() || client.commit(&writes).await? == Committed::Done {
            return Ok(refused);
        }
        budget.wait().await?;
    }
}

/// Splits rows into batches that fit into one commit each.
fn batches(rows: &[Row]) -> Vec<&[Row]> {
    let (mut batches, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (index, row) in rows.iter().enumerate() {
        let size: usize = row.columns.values().map(size).sum();
        if index > begin && (bytes + size > BYTES_AT_ONCE || index - begin == ROWS_AT_ONCE) {
            batches.push(&rows[begin..index]);
            (begin, bytes) = (index, 0);
        }
        bytes += size;
    }
    batches.extend((begin < rows.len()).then(|| &rows[begin..]));
    batches
}

fn size(value: &Value) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(fields) => fields.values().map(size).sum(),
        _ => 16,
    }
}

/// Returns what is to be written for these rows, and the rows that cannot be written.
async fn plan(client: &Client, table: Table, rows: &[Row]) -> Result<(Vec<Write>, Vec<RowProblem>), StoreError> {
    let mut paths: Vec<String> = rows.iter().map(|row| row_path(table, &row.key())).collect();
    if table == Table::Preorders {
        paths.extend(rows.iter().flat_map(reservations::paths_of));
    }
    paths.sort();
    paths.dedup();
    let known = client.read(&paths).await?;
    let (mut writes, mut refused) = (Vec::new(), Vec::new());
    // Two rows of one page may need the same number or attempt: the first one gets it.
    let mut taken = Taken::new();
    for row in rows {
        match write(table, row, &known, &mut taken) {
            Ok(some) => writes.extend(some),
            Err(why) => refused.push(RowProblem { key: row.key(), reason: why.to_owned() }),
        }
    }
    Ok((writes, refused))
}

fn write(table: Table, row: &Row, known: &Snapshot, taken: &mut Taken) -> Result<Vec<Write>, &'static str> {
    let path = row_path(table, &row.key());
    let document = known.get(&path);
    let mut fields: Fields = row.columns.clone();
    let mut more = Vec::new();
    match table {
        Table::Preorders => {
            more = reservations::reserve(row, document, known, taken)?;
            let email = row.text("email").unwrap_or_default().to_lowercase();
            fields.insert(apply::EMAIL.to_owned(), email.into());
        }
        Table::WebhookLogs => {
            if let Some(Value::Bytes(body)) = fields.remove("raw_body") {
                more = logs::put_body(&mut fields, &path, &body);
            }
        }
        _ => {}
    }
    more.push(Write::set(path, fields, Precondition::as_read(document)));
    Ok(more)
}
