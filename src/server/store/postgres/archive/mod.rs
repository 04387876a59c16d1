//! The archive's part of the store: whole rows by their keys, out and in, and the places of a copy.

mod keys;
mod read;
mod write;

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{Connection as _, PgConnection};

use super::{
    super::{Archive, Entry, KEY_SEPARATOR, Page, Row, StoreError, Table, Unread},
    PostgresStore,
    pool::step,
    refused_or_unavailable,
};
use crate::server::store::validate;

/// Whose rows of `reconcile_marks` are the places of a copy. They are no part of the shop.
const PLACES: &str = "store_copy";

/// A page is more than a step: up to hundreds of rows, with bodies.
const LONG: std::time::Duration = std::time::Duration::from_secs(30);

#[async_trait]
impl Archive for PostgresStore {
    async fn export(&self, table: Table, after: Option<&str>, limit: u32) -> Result<Page, StoreError> {
        step!(self, LONG, |connection| export(connection, table, after, limit))
    }

    async fn rows(&self, table: Table, keys: &[String]) -> Result<Vec<Entry>, StoreError> {
        step!(self, LONG, |connection| entries(connection, table, keys))
    }

    async fn import(&self, table: Table, rows: &[Row]) -> Result<Vec<Unread>, StoreError> {
        debug_assert!(rows.iter().all(|row| row.table == table), "rows of one table");
        match step!(self, LONG, |connection| import_together(connection, rows)) {
            Ok(()) => Ok(Vec::new()),
            Err(error) if is_of_one_row(&error) => step!(self, LONG, |connection| import_apart(connection, rows)),
            Err(error) => Err(error),
        }
    }

    async fn count(&self, table: Table) -> Result<u64, StoreError> {
        step!(self, LONG, |connection| keys::count(connection, table))
    }

    async fn place(&self, origin: &str, table: Table) -> Result<Option<String>, StoreError> {
        step!(self, LONG, |connection| place(connection, &scope(origin, table)))
    }

    async fn set_place(&self, origin: &str, table: Table, place: Option<&str>) -> Result<(), StoreError> {
        step!(self, LONG, |connection| set_place(connection, &scope(origin, table), place))
    }
}

async fn export(
    connection: &mut PgConnection,
    table: Table,
    after: Option<&str>,
    limit: u32,
) -> Result<Page, StoreError> {
    let keys = keys::page(connection, table, after, i64::from(limit)).await?;
    let found = entries(connection, table, &keys).await?;
    let mut found: HashMap<String, Entry> = found.into_iter().map(|entry| (entry.key(), entry)).collect();
    let mut page = Page::default();
    if after.is_none() {
        let unread = |key| Entry::Unreadable(Unread { key, why: "no key names this row".to_owned() });
        page.entries.extend(keys::nameless(connection, table).await?.into_iter().map(unread));
    }
    // One that is gone since its key was read is not there.
    page.entries.extend(keys.iter().filter_map(|key| found.remove(key)));
    page.more = u32::try_from(keys.len()).is_ok_and(|len| len >= limit);
    page.last = keys.into_iter().next_back();
    Ok(page)
}

async fn entries(connection: &mut PgConnection, table: Table, keys: &[String]) -> Result<Vec<Entry>, StoreError> {
    match read::rows(connection, table, keys).await {
        Ok(rows) => Ok(rows.into_iter().map(checked).collect()),
        // One column that its type cannot hold spoils the whole answer: which row it is, shows when each is asked for alone.
        Err(StoreError::Unreadable(_)) => {
            let mut entries = Vec::with_capacity(keys.len());
            for key in keys {
                match read::rows(connection, table, std::slice::from_ref(key)).await {
                    Ok(rows) => entries.extend(rows.into_iter().map(checked)),
                    Err(StoreError::Unreadable(why)) => {
                        entries.push(Entry::Unreadable(Unread { key: key.clone(), why }));
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(entries)
        }
        Err(error) => Err(error),
    }
}

fn checked(row: Row) -> Entry {
    match validate::check(&row) {
        Ok(()) => Entry::Row(row),
        Err(error) => Entry::Unreadable(Unread { key: row.key(), why: error.to_string() }),
    }
}

/// All of them, or none.
async fn import_together(connection: &mut PgConnection, rows: &[Row]) -> Result<(), StoreError> {
    let mut tx = connection.begin().await.map_err(refused_or_unavailable)?;
    for row in rows {
        write::row(&mut tx, row, true).await?;
    }
    tx.commit().await.map_err(refused_or_unavailable)
}

/// Each by itself; answers those that are refused.
async fn import_apart(connection: &mut PgConnection, rows: &[Row]) -> Result<Vec<Unread>, StoreError> {
    let mut refused = Vec::new();
    for row in rows {
        let written = match write::row(&mut *connection, row, true).await {
            // As when the event came: what `jsonb` refuses is kept as bytes only.
            Err(StoreError::InvalidData(_)) if row.table == Table::WebhookLogs => {
                write::row(&mut *connection, row, false).await
            }
            other => other,
        };
        match written {
            Ok(()) => {}
            Err(error) if is_of_one_row(&error) => {
                refused.push(Unread { key: row.key(), why: error.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

const fn is_of_one_row(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused(_) | StoreError::InvalidData(_) | StoreError::Unreadable(_))
}

fn scope(origin: &str, table: Table) -> String {
    format!("{origin}:{}", table.as_str())
}

async fn place(connection: &mut PgConnection, scope: &str) -> Result<Option<String>, StoreError> {
    let place =
        sqlx::query_scalar!("select cursor from reconcile_marks where provider = $1 and scope = $2", PLACES, scope)
            .fetch_optional(&mut *connection)
            .await
            .map_err(refused_or_unavailable)?;
    Ok(place.flatten())
}

async fn set_place(connection: &mut PgConnection, scope: &str, place: Option<&str>) -> Result<(), StoreError> {
    let done = match place {
        Some(place) => {
            sqlx::query!(
                "insert into reconcile_marks (provider, scope, mark, cursor) values ($1, $2, now(), $3)
                 on conflict (provider, scope) do update set mark = excluded.mark, cursor = excluded.cursor",
                PLACES,
                scope,
                place
            )
            .execute(&mut *connection)
            .await
        }
        None => {
            sqlx::query!("delete from reconcile_marks where provider = $1 and scope = $2", PLACES, scope)
                .execute(&mut *connection)
                .await
        }
    };
    done.map(drop).map_err(refused_or_unavailable)
}

/// The two parts of a key of two columns.
fn split(key: &str) -> Option<(&str, &str)> {
    key.split_once(KEY_SEPARATOR)
}

fn join(first: &str, last: &str) -> String {
    format!("{first}{KEY_SEPARATOR}{last}")
}

/// As `split`, of many; what is no such key names no row.
fn halves(keys: &[String]) -> (Vec<&str>, Vec<&str>) {
    keys.iter().filter_map(|key| split(key)).unzip()
}
