//! A row as both stores know it: columns by name, with values of the kinds that both can store. It
//! is what a document is made of, and what a store copy moves.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::StoreError;

/// A value of a column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    /// In whole microseconds: neither store is more precise.
    Time(OffsetDateTime),
    Bytes(Bytes),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

/// The tables, in the order in which they can be filled: a row comes after those that it names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Table {
    Preorders,
    Payments,
    Refunds,
    Disputes,
    WebhookLogs,
    Outbox,
    Customers,
    Subscriptions,
    ReconcileMarks,
    ReconcileDifferences,
}

impl Table {
    /// Every table, in that order.
    pub const ALL: [Self; 10] = [
        Self::Preorders,
        Self::Payments,
        Self::Refunds,
        Self::Disputes,
        Self::WebhookLogs,
        Self::Outbox,
        Self::Customers,
        Self::Subscriptions,
        Self::ReconcileMarks,
        Self::ReconcileDifferences,
    ];

    /// Returns the name of the table in PostgreSQL and of the collection in Firestore.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preorders => "preorders",
            Self::Payments => "payments",
            Self::Refunds => "refunds",
            Self::Disputes => "disputes",
            Self::WebhookLogs => "webhook_logs",
            Self::Outbox => "outbox",
            Self::Customers => "customers",
            Self::Subscriptions => "subscriptions",
            Self::ReconcileMarks => "reconcile_marks",
            Self::ReconcileDifferences => "reconcile_differences",
        }
    }

    /// Returns the columns that name a row, the same ones in both stores.
    pub const fn key(self) -> &'static [&'static str] {
        match self {
            Self::Preorders => &["session_id"],
            Self::Payments => &["payment_intent_id"],
            Self::WebhookLogs => &["stripe_event_id"],
            Self::Outbox => &["dedupe_key"],
            Self::Refunds | Self::Disputes | Self::Customers | Self::Subscriptions => &["id"],
            Self::ReconcileMarks => &["provider", "scope"],
            Self::ReconcileDifferences => &["provider", "id"],
        }
    }
}

/// The separator between the parts of a key of several columns. Only the last part may contain it.
pub const KEY_SEPARATOR: char = '/';

/// One row of one table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub table: Table,
    pub columns: BTreeMap<String, Value>,
}

impl Row {
    /// Makes a row without columns.
    pub const fn new(table: Table) -> Self {
        Self { table, columns: BTreeMap::new() }
    }

    /// Sets a column.
    pub fn set(&mut self, column: &str, value: impl Into<Value>) {
        self.columns.insert(column.to_owned(), value.into());
    }

    /// Returns the row with this column set.
    #[must_use]
    pub fn with(mut self, column: &str, value: impl Into<Value>) -> Self {
        self.set(column, value);
        self
    }

    /// Returns the row's key; a part is empty where its column is missing.
    pub fn key(&self) -> String {
        let parts: Vec<&str> = self.table.key().iter().map(|column| self.text_or_empty(column)).collect();
        parts.join(&KEY_SEPARATOR.to_string())
    }

    fn text_or_empty(&self, column: &str) -> &str {
        match self.columns.get(column) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// Makes an error that names a column that does not read, never its content.
    pub fn unreadable(&self, column: &str) -> StoreError {
        StoreError::Unreadable(format!("{}.{column} of {}", self.table.as_str(), self.key()))
    }

    fn get<'a, T>(&'a self, column: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, StoreError> {
        match self.columns.get(column) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.unreadable(column)),
        }
    }

    fn need<T>(&self, column: &str, found: Option<T>) -> Result<T, StoreError> {
        found.ok_or_else(|| self.unreadable(column))
    }

    /// Returns a text.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where the column is null, missing or of another kind; so do the
    /// methods for the other kinds. Those that end in `_opt` return `None` where it is null or
    /// missing.
    pub fn text(&self, column: &str) -> Result<&str, StoreError> {
        self.need(column, self.text_opt(column)?)
    }

    pub fn text_opt(&self, column: &str) -> Result<Option<&str>, StoreError> {
        self.get(column, |value| if let Value::Text(text) = value { Some(text.as_str()) } else { None })
    }

    /// Returns a text parsed by a function, which returns `None` for a text that it does not know.
    pub fn parsed<T>(&self, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
        self.need(column, self.parsed_opt(column, parse)?)
    }

    pub fn parsed_opt<T>(&self, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, StoreError> {
        match self.text_opt(column)? {
            Some(text) => Ok(Some(self.need(column, parse(text))?)),
            None => Ok(None),
        }
    }

    pub fn int(&self, column: &str) -> Result<i64, StoreError> {
        self.need(column, self.int_opt(column)?)
    }

    pub fn int_opt(&self, column: &str) -> Result<Option<i64>, StoreError> {
        self.get(column, |value| if let Value::Int(number) = value { Some(*number) } else { None })
    }

    pub fn bool(&self, column: &str) -> Result<bool, StoreError> {
        self.need(column, self.bool_opt(column)?)
    }

    fn bool_opt(&self, column: &str) -> Result<Option<bool>, StoreError> {
        self.get(column, |value| if let Value::Bool(truth) = value { Some(*truth) } else { None })
    }

    pub fn time(&self, column: &str) -> Result<OffsetDateTime, StoreError> {
        self.need(column, self.time_opt(column)?)
    }

    pub fn time_opt(&self, column: &str) -> Result<Option<OffsetDateTime>, StoreError> {
        self.get(column, |value| if let Value::Time(time) = value { Some(*time) } else { None })
    }

    pub fn bytes(&self, column: &str) -> Result<Bytes, StoreError> {
        self.need(column, self.bytes_opt(column)?)
    }

    pub fn bytes_opt(&self, column: &str) -> Result<Option<Bytes>, StoreError> {
        self.get(column, |value| if let Value::Bytes(bytes) = value { Some(bytes.clone()) } else { None })
    }

    /// Returns a list of texts; a missing one is empty.
    pub fn texts(&self, column: &str) -> Result<Vec<String>, StoreError> {
        let text = |value: &Value| if let Value::Text(text) = value { Some(text.clone()) } else { None };
        let found = self.get(column, |value| match value {
            Value::List(items) => items.iter().map(text).collect::<Option<Vec<_>>>(),
            _ => None,
        })?;
        Ok(found.unwrap_or_default())
    }

    /// Returns a value of a column that holds JSON.
    pub fn json_opt(&self, column: &str) -> Option<serde_json::Value> {
        self.columns.get(column).filter(|value| **value != Value::Null).map(Value::to_json)
    }

    /// Returns the SHA-256 of everything in the row: equal in both stores exactly when the row is.
    /// A column that is null counts as one that is missing.
    pub fn content_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for (column, value) in &self.columns {
            if *value != Value::Null {
                hash_text(&mut hash, column);
                value.hash(&mut hash);
            }
        }
        hash.finalize().into()
    }
}

/// Hashes the length first, so that two texts never have the hash of one.
fn hash_text(hash: &mut Sha256, text: &str) {
    hash.update(text.len().to_be_bytes());
    hash.update(text);
}

impl Value {
    fn hash(&self, hash: &mut Sha256) {
        match self {
            Self::Null => hash.update(b"n"),
            Self::Bool(truth) => hash.update([b'b', u8::from(*truth)]),
            Self::Int(number) => {
                hash.update(b"i");
                hash.update(number.to_be_bytes());
            }
            Self::Text(text) => {
                hash.update(b"t");
                hash_text(hash, text);
            }
            Self::Time(time) => {
                hash.update(b"d");
                hash.update((time.unix_timestamp_nanos() / 1_000).to_be_bytes());
            }
            Self::Bytes(bytes) => {
                hash.update(b"y");
                hash.update(bytes.len().to_be_bytes());
                hash.update(bytes);
            }
            Self::List(items) => {
                hash.update(b"l");
                hash.update(items.len().to_be_bytes());
                for item in items {
                    item.hash(hash);
                }
            }
            Self::Map(fields) => {
                hash.update(b"m");
                hash.update(fields.len().to_be_bytes());
                for (name, value) in fields {
                    hash_text(hash, name);
                    value.hash(hash);
                }
            }
        }
    }

    /// Returns the JSON of a column that holds JSON. No such column has times or bytes.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null | Self::Time(_) | Self::Bytes(_) => serde_json::Value::Null,
            Self::Bool(truth) => (*truth).into(),
            Self::Int(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(fields) => fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
        }
    }

    /// Makes a value of JSON; a number that is no 64-bit integer becomes text.
    pub fn from_json(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(truth) => Self::Bool(truth),
            serde_json::Value::Number(number) => {
                number.as_i64().map_or_else(|| Self::Text(number.to_string()), Self::Int)
            }
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(items) => Self::List(items.into_iter().map(Self::from_json).collect()),
            serde_json::Value::Object(fields) => {
                Self::Map(fields.into_iter().map(|(name, value)| (name, Self::from_json(value))).collect())
            }
        }
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<OffsetDateTime> for Value {
    fn from(time: OffsetDateTime) -> Self {
        Self::Time(time)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<String>> for Value {
    fn from(texts: Vec<String>) -> Self {
        Self::List(texts.into_iter().map(Self::Text).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values of every kind out of small sets, so that two of them are often equal, and often
    /// nearly.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (0..3_i64).prop_map(Value::Int),
            "[ab1]{0,2}".prop_map(Value::Text),
            "[ab1]{0,2}".prop_map(|text| Value::Bytes(Bytes::from(text))),
            (0..3_i64).prop_map(|seconds| Value::Time(OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds))),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                proptest::collection::btree_map("[ab]{0,2}", inner, 0..3).prop_map(Value::Map),
            ]
        })
    }

    fn row() -> impl Strategy<Value = Row> {
        proptest::collection::btree_map("[ab]{1,2}", value(), 0..3)
            .prop_map(|columns| Row { table: Table::Outbox, columns })
    }

    fn without_nulls(row: &Row) -> Row {
        let mut row = row.clone();
        row.columns.retain(|_, value| *value != Value::Null);
        row
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn two_rows_have_one_hash_exactly_when_they_are_equal(one in row(), other in row()) {
            let equal = without_nulls(&one) == without_nulls(&other);
            prop_assert_eq!(one.content_hash() == other.content_hash(), equal);
            prop_assert_eq!(one.content_hash(), without_nulls(&one).content_hash());
        }
    }
}
