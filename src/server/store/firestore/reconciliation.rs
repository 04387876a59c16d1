//! What reconciliation and the merchant's commands ask: lists, marks and leases.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};

use super::{
    super::{
        KEY_SEPARATOR, LeaseToken, Mark, OpenDifference, PreorderFilter, Purchase, PurchaseKey, StoreError, Table,
        Value,
    },
    apply,
    client::{Client, Committed, Only, Tries, Write},
    query, reservations,
    value::{Fields, path, place},
};
use crate::domain::payment::{DisputeId, ProviderId, RefundId};
use crate::server::store::mapping::{self, set};

/// Purchases whose payments are read at the same time.
const AT_ONCE: usize = 16;

const LEASES: &str = "leases";

pub async fn purchases(client: &Client, filter: &PreorderFilter, limit: u32) -> Result<Vec<Purchase>, StoreError> {
    let after = match &filter.after {
        Some(number) => match reservations::session_of(client, number).await? {
            Some(session) => {
                let place = path(Table::Preorders, session.as_str());
                let found = client.read(std::slice::from_ref(&place)).await?;
                found.get(&place).and_then(|found| found.time("created_at")).map(|at| (at, place))
            }
            None => None,
        },
        None => None,
    };
    if filter.after.is_some() && after.is_none() {
        return Ok(Vec::new());
    }
    let (found, _) = client.query(&query::preorders(filter, after, limit)).await?;
    let preorders: Vec<_> =
        found.iter().map(|found| mapping::preorder_of(&found.row(Table::Preorders))).collect::<Result<_, _>>()?;
    let whole = futures::stream::iter(preorders)
        .map(|preorder| async move { apply::purchase(client, PurchaseKey::Session(&preorder.details.session)).await })
        .buffered(AT_ONCE);
    whole.try_filter_map(|found| async move { Ok(found) }).try_collect().await
}

pub async fn waiting_refunds(client: &Client, provider: ProviderId, limit: u32) -> Result<Vec<RefundId>, StoreError> {
    let (found, _) = client.query(&query::waiting_refunds(provider, limit)).await?;
    Ok(found.iter().filter_map(|refund| refund.text("id").and_then(RefundId::parse)).collect())
}

pub async fn open_disputes(client: &Client, provider: ProviderId, limit: u32) -> Result<Vec<DisputeId>, StoreError> {
    let (mut found, _) = client.query(&query::open_disputes(provider)).await?;
    // Those without a date last.
    found.sort_by_key(|dispute| (dispute.time("due_by").is_none(), dispute.time("due_by")));
    let ids = found.iter().filter_map(|dispute| dispute.text("id").and_then(DisputeId::parse));
    Ok(ids.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
}

fn of_provider(table: Table, provider: &str, name: &str) -> String {
    path(table, &format!("{provider}{KEY_SEPARATOR}{name}"))
}

pub async fn mark(client: &Client, provider: ProviderId, scope: &str) -> Result<Option<Mark>, StoreError> {
    let place = of_provider(Table::ReconcileMarks, provider.as_str(), scope);
    let found = client.read(std::slice::from_ref(&place)).await?;
    let Some(found) = found.get(&place) else { return Ok(None) };
    let row = found.row(Table::ReconcileMarks);
    let cursor = row.text_opt("cursor")?.map(str::to_owned);
    Ok(Some(Mark { until: row.time("mark")?, passing: row.time_opt("passing")?.map(|began| (began, cursor)) }))
}

pub async fn set_mark(client: &Client, provider: ProviderId, scope: &str, mark: &Mark) -> Result<(), StoreError> {
    let mut fields = Fields::new();
    set!(fields, {
        "provider" => provider.as_str(),
        "scope" => scope,
        "mark" => mark.until,
        "passing" => mark.passing.as_ref().map(|(began, _)| *began),
        "cursor" => mark.passing.as_ref().and_then(|(_, cursor)| cursor.clone()),
    });
    let place = of_provider(Table::ReconcileMarks, provider.as_str(), scope);
    client.settle(Write::put(place, fields, Only::Always)).await
}

pub async fn open_differences(client: &Client, provider: ProviderId) -> Result<Vec<OpenDifference>, StoreError> {
    let (found, _) = client.query(&query::open_differences(provider)).await?;
    found
        .iter()
        .map(|found| {
            let row = found.row(Table::ReconcileDifferences);
            Ok(OpenDifference {
                scope: row.text("scope")?.to_owned(),
                id: row.text("id")?.to_owned(),
                number: row.text_opt("number")?.map(str::to_owned),
                what: row.text("what")?.to_owned(),
            })
        })
        .collect()
}

pub async fn note_difference(client: &Client, provider: ProviderId, open: &OpenDifference) -> Result<(), StoreError> {
    let place = of_provider(Table::ReconcileDifferences, provider.as_str(), &open.id);
    let mut tries = Tries::new();
    loop {
        let snapshot = client.read(std::slice::from_ref(&place)).await?;
        let known = snapshot.get(&place);
        let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
        if known.is_none() {
            set!(fields, { "provider" => provider.as_str(), "id" => open.id.as_str(), "scope" => open.scope.as_str() });
        }
        let number = open.number.clone().or_else(|| known.and_then(|known| known.text("number")).map(str::to_owned));
        set!(fields, { "what" => open.what.as_str(), "number" => number });
        let write = Write::bring(place.clone(), known, fields);
        let write = if known.is_none() { write.now(&["found_at"]) } else { write };
        if client.commit(&[write]).await? == Committed::Done {
            return Ok(());
        }
        tries.again().await?;
    }
}

pub async fn drop_difference(client: &Client, provider: ProviderId, id: &str) -> Result<(), StoreError> {
    let place = of_provider(Table::ReconcileDifferences, provider.as_str(), id);
    client.settle(Write::delete(place, Only::Always)).await
}

pub async fn take_lease(client: &Client, name: &str, token: &LeaseToken, lease: Duration) -> Result<bool, StoreError> {
    let place = place(LEASES, name);
    let snapshot = client.read(std::slice::from_ref(&place)).await?;
    let held = snapshot.get(&place);
    let free = held.is_none_or(|held| {
        held.text("token") == Some(token.as_str()) || held.time("until").is_none_or(|until| until < snapshot.at)
    });
    if !free {
        return Ok(false);
    }
    let mut fields = Fields::new();
    set!(fields, { "name" => name, "token" => token.as_str(), "until" => snapshot.at + lease });
    // Whoever was faster has it.
    Ok(client.commit(&[Write::put(place, fields, Only::as_read(held))]).await? == Committed::Done)
}

pub async fn drop_lease(client: &Client, name: &str, token: &LeaseToken) -> Result<(), StoreError> {
    let place = place(LEASES, name);
    let snapshot = client.read(std::slice::from_ref(&place)).await?;
    if let Some(held) = snapshot.get(&place).filter(|held| held.text("token") == Some(token.as_str())) {
        client.commit(&[Write::delete(place, Only::Unchanged(held.updated))]).await?;
    }
    Ok(())
}

/// The name under which a copy keeps its place, beside the marks of providers.
pub const COPY: &str = "store_copy";

/// Where the place of a copy is kept.
pub fn place_of_copy(origin: &str, table: Table) -> String {
    of_provider(Table::ReconcileMarks, COPY, &format!("{origin}:{}", table.as_str()))
}

pub async fn place_in_copy(client: &Client, origin: &str, table: Table) -> Result<Option<String>, StoreError> {
    let place = place_of_copy(origin, table);
    let found = client.read(std::slice::from_ref(&place)).await?;
    Ok(found.get(&place).and_then(|found| found.text("cursor")).map(str::to_owned))
}

pub async fn set_place_in_copy(
    client: &Client,
    origin: &str,
    table: Table,
    key: Option<&str>,
) -> Result<(), StoreError> {
    let place = place_of_copy(origin, table);
    let write = match key {
        Some(key) => {
            let mut fields = Fields::new();
            let scope = format!("{origin}:{}", table.as_str());
            set!(fields, { "provider" => COPY, "scope" => scope, "cursor" => key, "passing" => Value::Null });
            Write::put(place, fields, Only::Always).now(&["mark"])
        }
        None => Write::delete(place, Only::Always),
    };
    client.settle(write).await
}
