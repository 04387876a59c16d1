//! What waits, in figures. Counts are Firestore's own: one read is billed for each thousand documents.

use time::{Duration, OffsetDateTime};

use super::{
    super::{Backlog, StoreError, Table},
    client::Client,
    query::{self, Query},
};

/// How long a payment may be without its preorder.
const EXPLAINED_WITHIN: Duration = Duration::minutes(10);

pub async fn read(client: &Client) -> Result<Backlog, StoreError> {
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
