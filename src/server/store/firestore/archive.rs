//! The store's rows as they are, for moving a shop: read page by page, and written with the documents that keep what is unique.

use std::collections::BTreeMap;

use super::{
    super::{Entry, Page, Row, StoreError, Table, Unread, Value},
    apply,
    client::{Client, Committed, Only, Snapshot, Tries, Write},
    logs,
    privacy::look_again,
    query,
    reconciliation::COPY,
    reservations,
    value::{Document, Fields, path},
};
use crate::server::store::validate;

/// What one commit may hold: Firestore takes 10 MiB, and 500 writes where a database has the old limit.
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;
const ROWS_AT_ONCE: usize = 120;

pub async fn export(client: &Client, table: Table, after: Option<&str>, limit: u32) -> Result<Page, StoreError> {
    let after = after.map(|id| format!("{}/{id}", table.as_str()));
    let (found, _) = client.query(&query::page(table, after, limit)).await?;
    let last = found.last().map(|last| id(last).to_owned());
    let more = u32::try_from(found.len()).is_ok_and(|found| found == limit);
    let mut entries = Vec::with_capacity(found.len());
    for document in found.iter().filter(|document| !is_place_of_copy(table, document)) {
        entries.push(entry(client, table, document).await?);
    }
    Ok(Page { entries, last, more })
}

pub async fn rows(client: &Client, table: Table, keys: &[String]) -> Result<Vec<Entry>, StoreError> {
    let paths: Vec<String> = keys.iter().map(|key| path(table, key)).collect();
    let found = client.read(&paths).await?;
    let mut entries = Vec::new();
    for (key, document) in keys.iter().zip(&paths).filter_map(|(key, path)| Some((key, found.get(path)?))) {
        entries.push(match entry(client, table, document).await? {
            // Under the name that it was asked for by.
            Entry::Unreadable(unread) => Entry::Unreadable(Unread { key: key.clone(), ..unread }),
            row @ Entry::Row(_) => row,
        });
    }
    Ok(entries)
}

pub async fn count(client: &Client, table: Table) -> Result<u64, StoreError> {
    let count = if table == Table::ReconcileMarks {
        // Few, and some of them are places.
        let (found, _) = client.query(&query::everything(table)).await?;
        return Ok(found.iter().filter(|mark| !is_place_of_copy(table, mark)).count().try_into().unwrap_or(u64::MAX));
    } else {
        client.count(&query::everything(table)).await?
    };
    Ok(count.try_into().unwrap_or_default())
}

fn id(document: &Document) -> &str {
    document.path.rsplit('/').next().unwrap_or_default()
}

fn is_place_of_copy(table: Table, document: &Document) -> bool {
    table == Table::ReconcileMarks && document.text("provider") == Some(COPY)
}

async fn entry(client: &Client, table: Table, document: &Document) -> Result<Entry, StoreError> {
    // By its key, as the other store and a person know it; by the document's id where that is all there is.
    let key = Some(document.row(table).key()).filter(|key| path(table, key) == document.path);
    let key = key.unwrap_or_else(|| id(document).to_owned());
    let unread = |why: String| Ok(Entry::Unreadable(Unread { key: key.clone(), why }));
    let row = if table == Table::WebhookLogs {
        match logs::whole(client, document).await {
            Ok(row) => row,
            Err(StoreError::Unreadable(why)) => return unread(why),
            Err(error) => return Err(error),
        }
    } else {
        document.row(table)
    };
    match validate::check(&row) {
        Ok(()) if path(table, &row.key()) == document.path => Ok(Entry::Row(row)),
        Ok(()) => unread(format!("{} is not under its own key", table.as_str())),
        Err(StoreError::Unreadable(why)) => unread(why),
        Err(error) => Err(error),
    }
}

pub async fn import(client: &Client, table: Table, rows: &[Row]) -> Result<Vec<Unread>, StoreError> {
    let mut refused = Vec::new();
    for some in batches(rows) {
        let (mut writes, no) = planned(client, table, some).await?;
        if matches!(table, Table::WebhookLogs | Table::Outbox) {
            writes.push(look_again());
        }
        if client.commit(&writes).await? == Committed::Done {
            refused.extend(no);
            continue;
        }
        // One of them changed meanwhile: each by itself, as often as it takes.
        for row in some {
            refused.extend(alone(client, table, row).await?);
        }
    }
    Ok(refused)
}

async fn alone(client: &Client, table: Table, row: &Row) -> Result<Vec<Unread>, StoreError> {
    let mut tries = Tries::new();
    loop {
        let (writes, refused) = planned(client, table, std::slice::from_ref(row)).await?;
        if writes.is_empty() || client.commit(&writes).await? == Committed::Done {
            return Ok(refused);
        }
        tries.again().await?;
    }
}

/// Rows that fit into one commit.
fn batches(rows: &[Row]) -> Vec<&[Row]> {
    let (mut batches, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (place, row) in rows.iter().enumerate() {
        let size: usize = row.columns.values().map(size).sum();
        if place > begin && (bytes + size > BYTES_AT_ONCE || place - begin == ROWS_AT_ONCE) {
            batches.push(&rows[begin..place]);
            (begin, bytes) = (place, 0);
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

/// What is to be written for these rows, and those that cannot be.
async fn planned(client: &Client, table: Table, rows: &[Row]) -> Result<(Vec<Write>, Vec<Unread>), StoreError> {
    let mut paths: Vec<String> = rows.iter().map(|row| path(table, &row.key())).collect();
    if table == Table::Preorders {
        paths.extend(rows.iter().flat_map(reservations::beside));
    }
    paths.sort();
    paths.dedup();
    let known = client.read(&paths).await?;
    let (mut writes, mut refused) = (Vec::new(), Vec::new());
    // Two rows of one page may want the same number or attempt: the first has it.
    let mut taken = Taken::new();
    for row in rows {
        match write(table, row, &known, &mut taken) {
            Ok(some) => writes.extend(some),
            Err(why) => refused.push(Unread { key: row.key(), why: why.to_owned() }),
        }
    }
    Ok((writes, refused))
}

/// What a commit that is being planned takes for itself: a path, and for which row.
pub type Taken = BTreeMap<String, String>;

fn write(table: Table, row: &Row, known: &Snapshot, taken: &mut Taken) -> Result<Vec<Write>, &'static str> {
    let place = path(table, &row.key());
    let document = known.get(&place);
    let mut fields: Fields = row.columns.clone();
    let mut more = Vec::new();
    match table {
        Table::Preorders => {
            more = reservations::keep_unique(row, document, known, taken)?;
            let email = row.text("email").unwrap_or_default().to_lowercase();
            fields.insert(apply::EMAIL.to_owned(), email.into());
        }
        Table::WebhookLogs => {
            if let Some(Value::Bytes(body)) = fields.remove("raw_body") {
                more = logs::put_body(&mut fields, &place, &body);
            }
        }
        _ => {}
    }
    more.push(Write::put(place, fields, Only::as_read(document)));
    Ok(more)
}
