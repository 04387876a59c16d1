//! Documents of `customers` and `subscriptions`: copies that only grow newer.

use time::OffsetDateTime;

use super::{
    super::{
        Table,
        rows::{self, moment},
    },
    client::{Snapshot, Write},
    value::{Document, path},
};
use crate::domain::{
    mirror::{Mirror, Version},
    payment::ProviderId,
};

pub fn path_of(mirror: &Mirror) -> String {
    match mirror {
        Mirror::Customer(copy) => path(Table::Customers, copy.id.as_str()),
        Mirror::Subscription(copy) => path(Table::Subscriptions, copy.id.as_str()),
        Mirror::Invoice(copy) => path(Table::Subscriptions, copy.subscription.as_str()),
    }
}

/// The write that brings the copy up to date; `None` when what is there is newer.
pub fn write(snapshot: &Snapshot, provider: ProviderId, mirror: &Mirror) -> Option<Write> {
    let place = path_of(mirror);
    let known = snapshot.get(&place);
    let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
    match mirror {
        Mirror::Customer(copy) => {
            if known.is_some_and(|known| is_newer(known, copy.version)) {
                return None;
            }
            rows::put_customer(&mut fields, provider, copy);
        }
        Mirror::Subscription(copy) => {
            if known.is_some_and(|known| is_newer(known, copy.version)) {
                return None;
            }
            rows::put_subscription(&mut fields, provider, copy);
        }
        Mirror::Invoice(copy) => {
            let told = (moment(copy.version.told_at), copy.paid);
            let known_invoice = known.and_then(|known| known.time("latest_invoice_told_at"));
            let paid = known.is_some_and(|known| known.is("latest_invoice_paid"));
            if known_invoice.is_some_and(|at| (Some(at), paid) >= told) {
                return None;
            }
            if known.is_none() {
                rows::begin_subscription(&mut fields, provider, copy);
            }
            rows::put_invoice(&mut fields, copy);
        }
    }
    Some(Write::bring(place, known, fields).now(&["updated_at"]))
}

fn is_newer(known: &Document, version: Version) -> bool {
    let known = (known.time("told_at").map(OffsetDateTime::unix_timestamp), known.int("finality"));
    known > (Some(version.told_at), Some(i64::from(version.finality)))
}
