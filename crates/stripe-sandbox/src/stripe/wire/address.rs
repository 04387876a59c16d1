//! Addresses and parcels in requests, in the shape in which objects show them.

use serde_json::{Value, json};

use super::{error::ApiError, params::Reader};

/// Reads `address[line1]=…`.
pub(crate) fn address(mut group: Reader<'_>) -> Result<Value, ApiError> {
    let mut address = json!({});
    for field in ["city", "country", "line1", "line2", "postal_code", "state"] {
        // An empty part of an address is unset.
        address[field] = if group.is_empty_text(field) { Value::Null } else { json!(group.text(field)?) };
    }
    group.finish()?;
    Ok(address)
}

/// Reads `shipping[name]=…&shipping[address][line1]=…`, as customers have it.
pub(crate) fn customers_shipping(mut group: Reader<'_>) -> Result<Value, ApiError> {
    let shipping = whom(&mut group)?;
    group.finish()?;
    Ok(shipping)
}

/// Does the same as [`customers_shipping`], with the parcel, as payment intents have it.
pub(crate) fn shipping(mut group: Reader<'_>) -> Result<Value, ApiError> {
    let mut shipping = whom(&mut group)?;
    shipping["carrier"] = json!(group.text("carrier")?);
    shipping["tracking_number"] = json!(group.text("tracking_number")?);
    group.finish()?;
    Ok(shipping)
}

fn whom(group: &mut Reader<'_>) -> Result<Value, ApiError> {
    let missing = group.name("address");
    let address = group.group("address")?.map(address).transpose()?.ok_or_else(|| ApiError::missing(&missing))?;
    Ok(json!({"address": address, "name": group.required("name")?, "phone": group.text("phone")?}))
}
