//! Reading Stripe's JSON, answers and events alike, into structs that ask for no more than is needed.

use serde::Deserialize;

/// The error says where, not what stood there: bodies are personal.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let inner = error.inner();
        format!("{} (line {}, column {}, {:?})", error.path(), inner.line(), inner.column(), inner.classify())
    })?;
    deserializer.end().map_err(|_| "text after the event".to_owned())?;
    Ok(value)
}
