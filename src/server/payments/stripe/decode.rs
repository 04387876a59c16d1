//! Decodes Stripe's JSON, in responses and events, into structs with only the necessary fields.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::super::{Cursor, Page, PaymentError};
use crate::domain::{money::Money, sanitize::clean};

/// Decodes `bytes`. The error names the position and never the content: bodies are personal.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let inner = error.inner();
        format!("{} (line {}, column {}, {:?})", error.path(), inner.line(), inner.column(), inner.classify())
    })?;
    deserializer.end().map_err(|_| "extra text after the object".to_owned())?;
    Ok(value)
}

/// Decodes a response, as [`read`].
pub(crate) fn decode_response<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PaymentError> {
    read(bytes).map_err(PaymentError::Unreadable)
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    has_more: bool,
}

/// A page of a list: its raw objects, and the id of the last one if another page follows.
pub struct RawPage<'a> {
    pub objects: Vec<&'a [u8]>,
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

pub fn raw_page(bytes: &[u8]) -> Result<RawPage<'_>, PaymentError> {
    let List { data, has_more } = read(bytes).map_err(PaymentError::Unreadable)?;
    let objects: Vec<&[u8]> = data.iter().map(|raw| raw.get().as_bytes()).collect();
    let last = objects.last().filter(|_| has_more);
    let next = last.map(|object| read::<Named>(object)).transpose().map_err(PaymentError::Unreadable)?;
    Ok(RawPage { objects, next: next.map(|named| named.id) })
}

/// Decodes a page and converts each object. Leaves out objects for which `convert` returns `None`.
/// An object that could not be parsed is named: it must neither hide the others nor be hidden.
pub fn page<O: DeserializeOwned, T>(
    bytes: &[u8],
    convert: impl Fn(O) -> Result<Option<T>, String>,
) -> Result<Page<T>, PaymentError> {
    let raw = raw_page(bytes)?;
    let (mut items, mut unreadable) = (Vec::new(), Vec::new());
    for object in &raw.objects {
        match read(object).and_then(&convert) {
            Ok(item) => items.extend(item),
            Err(error) => {
                tracing::error!(
                    error,
                    "an object in a list from Stripe cannot be parsed and is skipped; check for a newer version of this program"
                );
                unreadable.push(read::<Named>(object).map_or_else(|_| "without an id".to_owned(), |named| named.id));
            }
        }
    }
    Ok(Page { items, unreadable, next: raw.next.map(Cursor::new) })
}

/// A reference to another object: its id, or the whole object where the request expands it.
#[derive(Debug)]
pub struct Reference {
    pub id: String,
    /// The status of an expanded object that has one.
    pub status: Option<String>,
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Id(String),
            Object {
                id: String,
                #[serde(default)]
                status: Option<String>,
            },
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Id(id) => Self { id, status: None },
            Either::Object { id, status } => Self { id, status },
        })
    }
}

/// Parses the id of a reference. The error names the field.
pub fn reference<T>(
    field: &str,
    found: Option<&Reference>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, String> {
    found.map(|found| parse(&found.id).ok_or_else(|| format!("{field}: invalid id"))).transpose()
}

/// Parses a value of an enumeration. The error names the field.
pub(crate) fn parse_enum<T>(
    field: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{field}: missing"))?;
    parse(text).ok_or_else(|| format!("{field}: unknown value"))
}

/// Parses an amount. Both the number and the currency are required.
pub fn money(field: &str, minor: Option<i64>, currency: Option<&str>) -> Result<Money, String> {
    let minor = minor.ok_or_else(|| format!("{field}: missing"))?;
    let currency = currency.ok_or("currency: missing")?.parse().map_err(|error| format!("currency: {error}"))?;
    Money::new(minor, currency).map_err(|error| format!("{field}: {error}"))
}

/// Returns text that is safe to store, at most `max` characters; `None` if nothing is left.
pub fn text(found: Option<String>, max: usize) -> Option<String> {
    found.map(|text| clean(&text, max)).filter(|text| !text.is_empty())
}
