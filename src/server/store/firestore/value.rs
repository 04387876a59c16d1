//! Rows as Firestore stores them: values and their wire form, and the names of documents.

use std::fmt::Write as _;

use bytes::Bytes;
use gcloud_sdk::{
    google::firestore::v1::{self as wire, value::ValueType},
    prost_types::Timestamp,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::super::{Row, Table, Value};
pub use crate::server::store::mapping::Fields;

/// A document as it was read.
#[derive(Clone, Debug)]
pub struct Document {
    /// Below the database's documents: `preorders/cs_1`.
    pub path: String,
    pub fields: Fields,
    /// When it was last updated: the version that was read, for a precondition.
    pub updated: Timestamp,
}

/// The first character of fields that only this store has: they are in no row.
pub const OWN: char = '_';

impl Document {
    /// Returns the row in it, without the fields that only this store has.
    pub fn row(&self, table: Table) -> Row {
        let mut row = Row::new(table);
        row.columns = self.fields.iter().filter(|(name, _)| !name.starts_with(OWN)).map(owned).collect();
        row
    }

    pub fn text(&self, field: &str) -> Option<&str> {
        if let Some(Value::Text(text)) = self.fields.get(field) { Some(text) } else { None }
    }

    pub fn int(&self, field: &str) -> Option<i64> {
        if let Some(Value::Int(number)) = self.fields.get(field) { Some(*number) } else { None }
    }

    pub fn time(&self, field: &str) -> Option<OffsetDateTime> {
        if let Some(Value::Time(time)) = self.fields.get(field) { Some(*time) } else { None }
    }

    pub fn is(&self, field: &str) -> bool {
        matches!(self.fields.get(field), Some(Value::Bool(true)))
    }
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// Returns the path of the row of this key.
pub fn row_path(table: Table, key: &str) -> String {
    document_path(table.as_str(), key)
}

/// Returns the path of the document of this name in a collection.
pub fn document_path(collection: &str, name: &str) -> String {
    format!("{collection}/{}", document_id(name))
}

/// Makes a document's id of any text; no two texts have the same id. Ids have no slash, are neither
/// `.` nor `..` nor `__…__`, and have at most 1,500 bytes
/// (<https://firebase.google.com/docs/firestore/quotas>).
fn document_id(name: &str) -> String {
    let mut id = String::with_capacity(name.len());
    let reserved = name.starts_with("__") || matches!(name, "." | ".." | "");
    for (index, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
        if plain && !(index == 0 && reserved) {
            id.push(char::from(byte));
        } else {
            let _ = write!(id, "%{byte:02X}");
        }
    }
    match id.len() {
        0 => "~".to_owned(),
        1..=1_000 => id,
        _ => format!("~{}", hex::encode(Sha256::digest(name))),
    }
}

pub fn to_wire(value: &Value) -> wire::Value {
    let kind = match value {
        Value::Null => ValueType::NullValue(0),
        Value::Bool(truth) => ValueType::BooleanValue(*truth),
        Value::Int(number) => ValueType::IntegerValue(*number),
        Value::Text(text) => ValueType::StringValue(text.clone()),
        Value::Time(time) => ValueType::TimestampValue(timestamp(*time)),
        Value::Bytes(bytes) => ValueType::BytesValue(bytes.to_vec()),
        Value::List(items) => ValueType::ArrayValue(wire::ArrayValue { values: items.iter().map(to_wire).collect() }),
        Value::Map(fields) => ValueType::MapValue(wire::MapValue { fields: fields_to_wire(fields) }),
    };
    wire::Value { value_type: Some(kind) }
}

pub fn fields_to_wire(fields: &Fields) -> std::collections::HashMap<String, wire::Value> {
    fields.iter().map(|(name, value)| (name.clone(), to_wire(value))).collect()
}

/// Parses a value of the wire. Kinds that no column has (fractions, places, references) become an
/// empty list, which no column reads: the row is reported, and nothing is guessed.
pub fn from_wire(value: wire::Value) -> Value {
    match value.value_type {
        Some(ValueType::NullValue(_)) | None => Value::Null,
        Some(ValueType::BooleanValue(truth)) => Value::Bool(truth),
        Some(ValueType::IntegerValue(number)) => Value::Int(number),
        Some(ValueType::StringValue(text)) => Value::Text(text),
        Some(ValueType::TimestampValue(time)) => time_of(&time).map_or_else(no_column, Value::Time),
        Some(ValueType::BytesValue(bytes)) => Value::Bytes(Bytes::from(bytes)),
        Some(ValueType::ArrayValue(list)) => Value::List(list.values.into_iter().map(from_wire).collect()),
        Some(ValueType::MapValue(map)) => {
            Value::Map(map.fields.into_iter().map(|(name, value)| (name, from_wire(value))).collect())
        }
        Some(_) => no_column(),
    }
}

const fn no_column() -> Value {
    Value::List(Vec::new())
}

pub fn timestamp(time: OffsetDateTime) -> Timestamp {
    let micros = time.nanosecond() / 1_000 * 1_000;
    Timestamp { seconds: time.unix_timestamp(), nanos: i32::try_from(micros).unwrap_or_default() }
}

pub fn time_of(timestamp: &Timestamp) -> Option<OffsetDateTime> {
    let nanos = i128::from(timestamp.seconds) * 1_000_000_000 + i128::from(timestamp.nanos);
    OffsetDateTime::from_unix_timestamp_nanos(nanos / 1_000 * 1_000).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<String>().prop_map(Value::Text),
            (-62_135_596_800_i64..253_402_300_799, 0_i64..1_000_000).prop_map(|(seconds, micros)| {
                let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
                Value::Time(time + time::Duration::microseconds(micros))
            }),
            any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
        ];
        leaf.prop_recursive(2, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_survives_the_round_trip_over_the_wire(value in values()) {
            prop_assert_eq!(from_wire(to_wire(&value)), value);
        }

        #[test]
        fn any_name_is_a_document_id_and_no_two_are_the_same_one(one in "\\PC{0,300}", other in "[%/._~a-c]{0,6}") {
            for name in [&one, &other] {
                let id = document_id(name);
                prop_assert!((1..=1_500).contains(&id.len()) && !id.contains('/') && id != "." && id != "..");
                prop_assert!(!id.starts_with("__"));
            }
            prop_assert_eq!(document_id(&one) == document_id(&other), one == other);
        }
    }

    #[test]
    fn document_ids_of_provider_ids_stay_readable() {
        for name in ["cs_test_a1B2", "evt_1Nabc", "ROL-7Q4X9ZK2", "sha256:00ff"] {
            assert_eq!(document_id(name), name);
        }
        assert_eq!(document_id("a/b%"), "a%2Fb%25");
        assert_eq!(document_id(".."), "%2E.");
    }
}
