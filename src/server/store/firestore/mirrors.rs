//! Documents of `customers` and `subscriptions`: copies of the provider's objects. An older version
//! never replaces a newer one.

use time::OffsetDateTime;

use super::{
    super::{StoreError, Table, Value},
    client::{Client, Snapshot, Write},
    privacy::ERASED,
    value::{Document, row_path},
};
use crate::domain::{
    mirror::{Mirror, Version},
    payment::{CustomerId, ProviderId},
};
use crate::server::store::mapping::{self, moment, set};

/// Returns the path of the copy.
pub fn path_of(mirror: &Mirror) -> String {
    match mirror {
        Mirror::Customer(copy) => row_path(Table::Customers, copy.id.as_str()),
        Mirror::Subscription(copy) => row_path(Table::Subscriptions, copy.id.as_str()),
        Mirror::Invoice(copy) => row_path(Table::Subscriptions, copy.subscription.as_str()),
    }
}

/// Returns the write that brings the copy up to date; `None` when the stored one is newer.
pub fn write(snapshot: &Snapshot, provider: ProviderId, mirror: &Mirror) -> Option<Write> {
    let path = path_of(mirror);
    let known = snapshot.get(&path);
    let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
    match mirror {
        Mirror::Customer(copy) => {
            if known.is_some_and(|known| is_newer(known, copy.version)) {
                return None;
            }
            mapping::put_customer(&mut fields, provider, copy);
            if known.is_some_and(|known| known.time(ERASED).is_some()) {
                set!(fields, { "email" => Value::Null, "name" => Value::Null });
            }
        }
        Mirror::Subscription(copy) => {
            if known.is_some_and(|known| is_newer(known, copy.version)) {
                return None;
            }
            mapping::put_subscription(&mut fields, provider, copy);
        }
        Mirror::Invoice(copy) => {
            let reported = (moment(copy.version.told_at), copy.paid);
            let known_invoice = known.and_then(|known| known.time("latest_invoice_told_at"));
            let paid = known.is_some_and(|known| known.is("latest_invoice_paid"));
            if known_invoice.is_some_and(|at| (Some(at), paid) >= reported) {
                return None;
            }
            if known.is_none() {
                mapping::begin_subscription(&mut fields, provider, copy);
            }
            mapping::put_invoice(&mut fields, copy);
        }
    }
    Some(Write::upsert(path, known, fields).now(&["updated_at"]))
}

/// Whether the copy is of an erased customer, or of a subscription of one.
pub async fn is_erased(client: &Client, snapshot: &Snapshot, mirror: &Mirror) -> Result<bool, StoreError> {
    let of_subscription = || snapshot.get(&path_of(mirror)).and_then(|known| known.text("customer_id"));
    let customer = match mirror {
        Mirror::Customer(copy) => Some(copy.id.as_str()),
        Mirror::Subscription(copy) => copy.customer.as_ref().map(CustomerId::as_str).or_else(of_subscription),
        Mirror::Invoice(_) => of_subscription(),
    };
    let Some(path) = customer.map(|customer| row_path(Table::Customers, customer)) else { return Ok(false) };
    let erased = |snapshot: &Snapshot| snapshot.get(&path).is_some_and(|known| known.time(ERASED).is_some());
    if matches!(mirror, Mirror::Customer(_)) {
        return Ok(erased(snapshot));
    }
    Ok(erased(&client.read(std::slice::from_ref(&path)).await?))
}

fn is_newer(known: &Document, version: Version) -> bool {
    let known = (known.time("told_at").map(OffsetDateTime::unix_timestamp), known.int("finality"));
    known > (Some(version.told_at), Some(i64::from(version.finality)))
}
