//! Lists of orders, refunds and disputes, and the counts of what waits. Counts are Firestore's own:
//! one read is billed for each thousand documents.

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};
use time::{Duration, OffsetDateTime};

use super::{
    super::{Backlog, Listings, OrderKey, PreorderFilter, StoreError, StoredOrder, Table},
    FirestoreStore, PAGE, STEP, apply, bounded,
    client::Client,
    query::{self, Query},
    reservations,
    value::row_path,
};
use crate::{
    domain::payment::{DisputeId, ProviderId, RefundId},
    server::store::mapping,
};

/// Orders whose payments are read at the same time.
const AT_ONCE: usize = 16;

/// How long a payment may be without its preorder.
const EXPLAINED_WITHIN: Duration = Duration::minutes(10);

#[async_trait]
impl Listings for FirestoreStore {
    async fn orders(&self, filter: &PreorderFilter, limit: u32) -> Result<Vec<StoredOrder>, StoreError> {
        bounded(PAGE, orders(&self.client, filter, limit)).await
    }

    async fn waiting_refunds(&self, provider: ProviderId, limit: u32) -> Result<Vec<RefundId>, StoreError> {
        let query = query::waiting_refunds(provider, limit);
        let (found, _) = bounded(STEP, self.client.query(&query)).await?;
        Ok(found.iter().filter_map(|refund| refund.text("id").and_then(RefundId::parse)).collect())
    }

    async fn open_disputes(&self, provider: ProviderId, limit: u32) -> Result<Vec<DisputeId>, StoreError> {
        let query = query::open_disputes(provider);
        let (mut found, _) = bounded(STEP, self.client.query(&query)).await?;
        // Those without a date last.
        found.sort_by_key(|dispute| (dispute.time("due_by").is_none(), dispute.time("due_by")));
        let ids = found.iter().filter_map(|dispute| dispute.text("id").and_then(DisputeId::parse));
        Ok(ids.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        bounded(STEP, Box::pin(backlog(&self.client))).await
    }
}

async fn orders(client: &Client, filter: &PreorderFilter, limit: u32) -> Result<Vec<StoredOrder>, StoreError> {
    let after = match &filter.after {
        Some(number) => match reservations::session_of(client, number).await? {
            Some(session) => {
                let path = row_path(Table::Preorders, session.as_str());
                let found = client.read(std::slice::from_ref(&path)).await?;
                found.get(&path).and_then(|found| found.time("created_at")).map(|at| (at, path))
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
        .map(|preorder| async move { apply::order(client, OrderKey::Session(&preorder.details.session)).await })
        .buffered(AT_ONCE);
    whole.try_filter_map(|found| async move { Ok(found) }).try_collect().await
}

async fn backlog(client: &Client) -> Result<Backlog, StoreError> {
    let (oldest_event, now) = client.query(&query::oldest_event_waiting()).await?;
    let count = |query: Query| async move { client.count(&query).await };
    let first = |query: Query| async move { client.query(&query).await.map(|(found, _)| found.into_iter().next()) };
    let (events_waiting, events_parked, messages_pending, messages_parked, oldest_message) = tokio::try_join!(
        count(query::events_waiting()),
        count(query::events_parked()),
        count(query::messages_pending()),
        count(query::messages_parked()),
        first(query::oldest_message_pending()),
    )?;
    let (preorders_in_review, disputes_open, dispute, payments_without_preorder, differences_open) = tokio::try_join!(
        count(query::preorders_in_review()),
        count(query::all_open_disputes()),
        first(query::disputes_due()),
        count(query::payments_without_preorder(now - EXPLAINED_WITHIN)),
        count(query::everything(Table::ReconcileDifferences)),
    )?;
    let since = |at: Option<OffsetDateTime>| at.map_or(0, |at| (now - at).whole_seconds().max(0));
    Ok(Backlog {
        events_waiting,
        events_parked,
        events_oldest_seconds: since(oldest_event.first().and_then(|event| event.time("received_at"))),
        messages_pending,
        messages_parked,
        messages_oldest_seconds: since(oldest_message.and_then(|message| message.time("created_at"))),
        preorders_in_review,
        disputes_open,
        dispute_due_seconds: dispute
            .and_then(|dispute| dispute.time("due_by"))
            .map_or(0, |due| (due - now).whole_seconds().max(0)),
        payments_without_preorder,
        differences_open,
    })
}
