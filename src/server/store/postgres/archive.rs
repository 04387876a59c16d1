//! The archive: whole rows by their keys, out and in, and the cursors of a store copy.
//!
//! The statements are made of the list of columns, one for each direction, so the sqlx macros
//! cannot check them; a test of the store copy compares the list with the database's catalog. A row
//! travels as JSON: times in RFC 3339 with microseconds, bytes as PostgreSQL's hexadecimal text.

use async_trait::async_trait;
use bytes::Bytes;
use serde::ser::{Error as _, Serialize, SerializeMap as _, Serializer};
use serde_json::{Value as Json, value::RawValue};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use super::{
    super::{
        Archive, Entry, KEY_SEPARATOR, Page, Row, RowProblem, StoreError, Table, Value,
        columns::{Column, Kind, columns},
        validate,
    },
    PostgresStore,
    pool::step,
    webhook_logs::json_text,
};

/// The provider's name under which the cursors of a store copy are stored in `reconcile_marks`.
/// They are no part of the shop.
const COPY: &str = "store_copy";

/// The longest that a page may take: it has up to hundreds of rows, with bodies.
const LONG: std::time::Duration = std::time::Duration::from_secs(30);

#[async_trait]
impl Archive for PostgresStore {
    async fn export(&self, table: Table, after: Option<&str>, limit: u32) -> Result<Page, StoreError> {
        step!(self, LONG, |connection| export(connection, table, after, limit))
    }

    async fn rows(&self, table: Table, keys: &[String]) -> Result<Vec<Entry>, StoreError> {
        let sql = select(table, &format!("{} = any($1)", key(table)), "");
        let rows = sqlx::query_as::<_, (String, Json)>(AssertSqlSafe(sql)).bind(keys);
        let rows = step!(self, LONG, |connection| rows.fetch_all(connection))?;
        Ok(rows.into_iter().map(|(key, json)| entry(table, key, json)).collect())
    }

    async fn import(&self, table: Table, rows: &[Row]) -> Result<Vec<RowProblem>, StoreError> {
        debug_assert!(rows.iter().all(|row| row.table == table), "rows of one table");
        match step!(self, LONG, |connection| upsert(connection, table, rows, true)) {
            Ok(()) => Ok(Vec::new()),
            Err(error) if is_of_one_row(&error) => step!(self, LONG, |connection| import_apart(connection, rows)),
            Err(error) => Err(error),
        }
    }

    async fn count(&self, table: Table) -> Result<u64, StoreError> {
        let sql = format!("select count(*) from {} where {}", table.as_str(), of_the_shop(table));
        let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql));
        Ok(step!(self, LONG, |connection| count.fetch_one(connection))?.unsigned_abs())
    }

    async fn copy_cursor(&self, origin: &str, table: Table) -> Result<Option<String>, StoreError> {
        let scope = scope_of_copy(origin, table);
        let cursor =
            sqlx::query_scalar!("select cursor from reconcile_marks where provider = $1 and scope = $2", COPY, scope);
        Ok(step!(self, LONG, |connection| cursor.fetch_optional(connection))?.flatten())
    }

    async fn set_copy_cursor(&self, origin: &str, table: Table, cursor: Option<&str>) -> Result<(), StoreError> {
        let scope = scope_of_copy(origin, table);
        if let Some(cursor) = cursor {
            let stored = sqlx::query!(
                "insert into reconcile_marks (provider, scope, mark, cursor) values ($1, $2, now(), $3)
                 on conflict (provider, scope) do update set mark = excluded.mark, cursor = excluded.cursor",
                COPY,
                scope,
                cursor
            );
            step!(self, LONG, |connection| stored.execute(connection)).map(drop)
        } else {
            let removed = sqlx::query!("delete from reconcile_marks where provider = $1 and scope = $2", COPY, scope);
            step!(self, LONG, |connection| removed.execute(connection)).map(drop)
        }
    }
}

fn scope_of_copy(origin: &str, table: Table) -> String {
    format!("{origin}:{}", table.as_str())
}

/// The SQL expression of a row's key.
fn key(table: Table) -> String {
    table.key().join(&format!(" || '{KEY_SEPARATOR}' || "))
}

/// The SQL condition for rows that are part of the shop.
fn of_the_shop(table: Table) -> &'static str {
    if table == Table::ReconcileMarks { "provider <> 'store_copy'" } else { "true" }
}

/// The SQL condition for rows that their key names; only its last part may contain the separator.
fn is_named(table: Table) -> String {
    match table.key() {
        [first, _] => format!("strpos({first}, '{KEY_SEPARATOR}') = 0"),
        _ => "true".to_owned(),
    }
}

/// The columns that PostgreSQL computes from other tables, each with a comma before it.
const fn derived(table: Table) -> &'static str {
    match table {
        Table::Preorders => {
            ", exists(select from outbox o where o.preorder_id = t.id and o.kind = 'klaviyo_event'
                                             and o.status = 'sent') as klaviyo_event_sent"
        }
        Table::Payments => {
            ", (select o.session_id from preorders o where o.payment_intent_id = t.payment_intent_id
                order by o.created_at, o.id limit 1) as session_id,
               array(select r.id from refunds r where r.payment_intent_id = t.payment_intent_id
                     order by r.id collate \"C\") as refund_ids,
               array(select d.id from disputes d where d.payment_intent_id = t.payment_intent_id
                     order by d.id collate \"C\") as dispute_ids"
        }
        _ => "",
    }
}

fn stored(table: Table) -> impl Iterator<Item = &'static Column> {
    columns(table).iter().filter(|column| !column.derived)
}

/// The statement that reads rows, each with its key.
fn select(table: Table, condition: &str, end: &str) -> String {
    let columns: Vec<&str> = stored(table).map(|column| column.name).collect();
    format!(
        "select row_key, row_to_json(r) from (select {} as row_key, {}{} from {} t
                                              where {condition} and {} and {} {end}) r
         order by row_key",
        key(table),
        columns.join(", "),
        derived(table),
        table.as_str(),
        of_the_shop(table),
        is_named(table)
    )
}

async fn export(
    connection: &mut PgConnection,
    table: Table,
    after: Option<&str>,
    limit: u32,
) -> Result<Page, StoreError> {
    let mut page = Page::default();
    if after.is_none() {
        let problem = |key| Entry::Unreadable(RowProblem { key, reason: "no key names this row".to_owned() });
        page.entries.extend(unnamed(connection, table).await?.into_iter().map(problem));
    }
    // An empty key sorts before all, and names no row.
    let sql = select(table, &format!("{} > $1", key(table)), "order by row_key limit $2");
    let rows = sqlx::query_as::<_, (String, Json)>(AssertSqlSafe(sql))
        .bind(after.unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    page.more = u32::try_from(rows.len()).is_ok_and(|len| len >= limit);
    page.last = rows.last().map(|(key, _)| key.clone());
    page.entries.extend(rows.into_iter().map(|(key, json)| entry(table, key, json)));
    Ok(page)
}

/// Returns other names of the rows that no key names: nothing else would report them.
async fn unnamed(connection: &mut PgConnection, table: Table) -> Result<Vec<String>, StoreError> {
    let (name, condition) = match (table, table.key()) {
        (Table::Preorders | Table::WebhookLogs | Table::Outbox, [key]) => {
            ("id::text".to_owned(), format!("coalesce({key}, '') = ''"))
        }
        (_, [first, last]) => {
            (format!("concat({first}, '{KEY_SEPARATOR}', {last})"), format!("not {}", is_named(table)))
        }
        _ => return Ok(Vec::new()),
    };
    let sql = format!("select {name} from {} where {condition} limit 1000", table.as_str());
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await?)
}

/// Parses a row of [`select`].
fn entry(table: Table, key: String, json: Json) -> Entry {
    let row = parse(table, json).and_then(|row| validate::check(&row).map(|()| row));
    row.map_or_else(|error| Entry::Unreadable(RowProblem { key, reason: error.to_string() }), Entry::Row)
}

fn parse(table: Table, mut json: Json) -> Result<Row, StoreError> {
    let mut row = Row::new(table);
    let mut bad = None;
    for column in columns(table) {
        match value(column.kind, json[column.name].take()) {
            Some(value) => row.set(column.name, value),
            None => bad = bad.or(Some(column.name)),
        }
    }
    match bad {
        // Named only now, because the error names the row's key, too.
        Some(column) => Err(row.unreadable(column)),
        None => Ok(row),
    }
}

fn value(kind: Kind, json: Json) -> Option<Value> {
    Some(match (kind, json) {
        (_, Json::Null) => Value::Null,
        (Kind::Time, Json::String(text)) => {
            Value::Time(OffsetDateTime::parse(&text, &Rfc3339).ok()?.to_offset(UtcOffset::UTC))
        }
        (Kind::Bytes, Json::String(text)) => Value::Bytes(Bytes::from(hex::decode(text.strip_prefix("\\x")?).ok()?)),
        (Kind::Json | Kind::Text | Kind::Int | Kind::Bool | Kind::Texts, json) => Value::from_json(json),
        _ => return None,
    })
}

/// Writes all of these rows in one statement, or none. `json` says whether `raw_data` is written.
async fn upsert(connection: &mut PgConnection, table: Table, rows: &[Row], json: bool) -> Result<(), StoreError> {
    let logs = table == Table::WebhookLogs;
    let columns: Vec<&str> = stored(table).map(|column| column.name).chain(logs.then_some("raw_data")).collect();
    let set: Vec<String> = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    let sql = format!(
        "insert into {table} ({columns}) select {columns} from json_populate_recordset(null::{table}, $1::text::json)
         on conflict ({key}) do update set {set} {condition}",
        table = table.as_str(),
        columns = columns.join(", "),
        key = table.key().join(", "),
        set = set.join(", "),
        // Never exchanged: other rows name them by now (customers, messages, the log).
        condition = match table {
            Table::Preorders => {
                "where preorders.id = excluded.id and preorders.preorder_number = excluded.preorder_number"
            }
            _ => "",
        }
    );
    let rows: Vec<JsonRow<'_>> = rows.iter().map(|row| JsonRow { row, json }).collect();
    let text = serde_json::to_string(&rows).map_err(|error| StoreError::Unreadable(error.to_string()))?;
    let mut tx = connection.begin().await?;
    let written = sqlx::query(AssertSqlSafe(sql)).bind(text).execute(&mut *tx).await?.rows_affected();
    if written == rows.len() as u64 {
        Ok(tx.commit().await?)
    } else {
        tx.rollback().await?;
        Err(StoreError::Refused("the session is there already, under another id or number".to_owned()))
    }
}

/// Writes each row by itself, and returns those that are refused.
async fn import_apart(connection: &mut PgConnection, rows: &[Row]) -> Result<Vec<RowProblem>, StoreError> {
    let mut refused = Vec::new();
    for row in rows {
        let one = std::slice::from_ref(row);
        let written = match upsert(&mut *connection, row.table, one, true).await {
            // As when the event came: what `jsonb` refuses is stored as bytes only.
            Err(StoreError::InvalidData(_)) if row.table == Table::WebhookLogs => {
                upsert(&mut *connection, row.table, one, false).await
            }
            other => other,
        };
        match written {
            Ok(()) => {}
            Err(error) if is_of_one_row(&error) => {
                refused.push(RowProblem { key: row.key(), reason: error.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

const fn is_of_one_row(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused(_) | StoreError::InvalidData(_) | StoreError::Unreadable(_))
}

/// A row as `json_populate_recordset` takes it.
struct JsonRow<'a> {
    row: &'a Row,
    json: bool,
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for column in stored(self.row.table) {
            map.serialize_entry(column.name, &JsonValue(self.row.columns.get(column.name).unwrap_or(&Value::Null)))?;
        }
        if let (Some(Value::Bytes(body)), true) = (self.row.columns.get("raw_body"), self.json) {
            let raw: Option<&RawValue> = json_text(body).and_then(|text| serde_json::from_str(text).ok());
            map.serialize_entry("raw_data", &raw)?;
        }
        map.end()
    }
}

struct JsonValue<'a>(&'a Value);

impl Serialize for JsonValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Time(time) => {
                serializer.serialize_str(&time.to_offset(UtcOffset::UTC).format(&Rfc3339).map_err(S::Error::custom)?)
            }
            Value::Bytes(bytes) => serializer.serialize_str(&format!("\\x{}", hex::encode(bytes))),
            other => other.to_json().serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_bytes_survive_the_round_trip_through_json() {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_763_800_000_123_457_000).unwrap();
        let row = Row::new(Table::Outbox).with("created_at", time).with("body", Bytes::from_static(b"\0\xff\\x"));
        let json = serde_json::to_value(JsonRow { row: &row, json: true }).unwrap();
        assert_eq!(json["created_at"], "2025-11-22T08:26:40.123457Z");
        assert_eq!(json["body"], "\\x00ff5c78");
        let parsed = parse(Table::Outbox, json).unwrap();
        assert_eq!(
            (&parsed.columns["created_at"], &parsed.columns["body"]),
            (&row.columns["created_at"], &row.columns["body"])
        );
        let local = value(Kind::Time, Json::from("2025-11-22T09:26:40.123457+01:00"));
        assert_eq!(local, Some(Value::Time(time)));
        for strange in ["infinity", "20000-01-01T00:00:00+00:00", "2025-11-22"] {
            assert_eq!(value(Kind::Time, Json::from(strange)), None, "{strange}");
        }
    }
}
