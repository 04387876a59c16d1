//! Erasure and retention. An order is erased in one commit with the order as it was read as its
//! precondition. A step that closes an event of the order at that moment may have read the order
//! before, so its logs are read again afterwards, until nothing personal is left in them.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    super::{
        Erased, Erasure, EventStatus, FinishedOrder, MessageStatus, OrderKey, Privacy, Row, StoreError, Table, Value,
    },
    FirestoreStore, PAGE, STEP, apply, bounded,
    client::{Client, Committed, Precondition, RetryBudget, Write},
    logs, outbox,
    query::{self, Aged},
    value::{Document, Fields, document_path, row_path},
};
use crate::domain::{lifecycle::Change, payment::Mentions, preorder::Preorder};
use crate::server::store::mapping::{self, set};

/// The most logs, and the most messages, of one commit; an order has a handful.
const AT_ONCE: usize = 200;

/// The document with the cursors of retention: each query by age found everything before its cursor
/// empty. Firestore cannot query for what is not empty.
const CURSORS: &str = "forgotten";

#[async_trait]
impl Privacy for FirestoreStore {
    async fn erase(&self, erasure: Erasure<'_>) -> Result<Option<Erased>, StoreError> {
        bounded(STEP, erase(&self.client, &erasure)).await
    }

    async fn erase_events(&self, events: &[String], parked: bool) -> Result<u64, StoreError> {
        bounded(PAGE, erase_events(&self.client, events, parked)).await
    }

    async fn erase_customers(&self, customers: &[String]) -> Result<u64, StoreError> {
        bounded(PAGE, erase_customers(&self.client, customers)).await
    }

    async fn erase_old_events(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        bounded(PAGE, empty_old(&self.client, Aged::Events, age, limit)).await
    }

    async fn erase_old_messages(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let sent = bounded(PAGE, empty_old(&self.client, Aged::Sent, age, limit)).await?;
        let left = limit.saturating_sub(u32::try_from(sent).unwrap_or(limit));
        if left == 0 {
            return Ok(sent);
        }
        Ok(sent + bounded(PAGE, empty_old(&self.client, Aged::Withdrawn, age, left)).await?)
    }

    async fn finished_orders(
        &self,
        age: Duration,
        after: Option<&FinishedOrder>,
        limit: u32,
    ) -> Result<Vec<FinishedOrder>, StoreError> {
        bounded(STEP, finished_orders(&self.client, age, after, limit)).await
    }
}

async fn erase(client: &Client, erasure: &Erasure<'_>) -> Result<Option<Erased>, StoreError> {
    let mut budget = RetryBudget::new();
    let (mut events, mut messages) = (0, 0);
    loop {
        let (read, _) = apply::read(client, OrderKey::Number(erasure.number), None, false).await?;
        let Some((known, state)) = apply::known(&read) else { return Ok(None) };
        let preorder = match (erasure.decide)(state) {
            Change::Ignore(reason) => return Ok(Some(Erased::Refused(reason.to_owned()))),
            Change::None => known.clone(),
            Change::Put(after) => match after.preorder {
                Some(details) => Preorder { details, ..known.clone() },
                None => known.clone(),
            },
        };
        let (logs, some) = erase_logs(client, &preorder).await?;
        let (mail, more) = erase_outbox(client, &preorder).await?;
        let done = Erased::Done {
            preorder: Box::new(preorder.clone()),
            events: events + u64::try_from(logs).unwrap_or_default(),
            messages: messages + u64::try_from(mail).unwrap_or_default(),
        };
        let nothing = preorder == *known && some.is_empty() && more.is_empty();
        if erasure.dry_run || nothing {
            return Ok(Some(done));
        }
        let writes: Vec<Write> =
            std::iter::once(apply::preorder_write(&read, &preorder, false)).chain(some).chain(more).collect();
        if client.commit(&writes).await? == Committed::Done {
            (events, messages) = (events + logs as u64, messages + mail as u64);
        } else {
            budget.wait().await?;
        }
    }
}

/// Whether the order or the customer that an ignored event mentions was erased.
pub async fn is_erased(client: &Client, mentions: &Mentions) -> Result<bool, StoreError> {
    let erased = |found: &Document| found.time(ERASED).is_some();
    if let Some(intent) = &mentions.intent {
        let (found, _) = client.query(&query::preorders_of_intent(intent)).await?;
        if found.iter().any(erased) {
            return Ok(true);
        }
    }
    let Some(customer) = &mentions.customer else { return Ok(false) };
    let path = row_path(Table::Customers, customer.as_str());
    Ok(client.read(std::slice::from_ref(&path)).await?.get(&path).is_some_and(erased))
}

/// Returns the writes that remove bodies and addresses from a preorder's logs, and of how many
/// logs.
async fn erase_logs(client: &Client, preorder: &Preorder) -> Result<(usize, Vec<Write>), StoreError> {
    let (found, _) = client.query(&query::of_preorder(Table::WebhookLogs, preorder.id.as_str())).await?;
    let full = found.iter().filter(|log| logs::is_closed(Some(log)) && logs::is_personal(log)).take(AT_ONCE);
    let each: Vec<Vec<Write>> = full.map(|log| logs::without_personal_data(log, Precondition::Exists)).collect();
    Ok((each.len(), each.into_iter().flatten().collect()))
}

/// Returns the writes that empty a preorder's messages and withdraw those that were not sent, and
/// of how many messages.
async fn erase_outbox(client: &Client, preorder: &Preorder) -> Result<(usize, Vec<Write>), StoreError> {
    let (found, _) = client.query(&query::of_preorder(Table::Outbox, preorder.id.as_str())).await?;
    let unsent = |message: &Document| outbox::status_of(message).is_some_and(|status| !status.is_closed());
    let full = found.iter().filter(|message| unsent(message) || outbox::has_body(message)).take(AT_ONCE);
    let writes: Vec<Write> = full
        .map(|message| {
            let mut change = outbox::empty_body();
            set!(change, { "lease_token" => Value::Null, "last_error" => Value::Null });
            if unsent(message) {
                set!(change, { "status" => MessageStatus::Withdrawn });
            }
            Write::update(message.path.clone(), change, Precondition::UpdatedAt(message.updated))
        })
        .collect();
    Ok((writes.len(), writes))
}

async fn erase_events(client: &Client, events: &[String], parked: bool) -> Result<u64, StoreError> {
    let paths: Vec<String> = events.iter().map(|event| row_path(Table::WebhookLogs, event)).collect();
    let mut erased = 0;
    for some in paths.chunks(AT_ONCE / 4) {
        let mut budget = RetryBudget::new();
        loop {
            let snapshot = client.read(some).await?;
            let found = some.iter().filter_map(|path| snapshot.get(path));
            let over = |log: &Document| {
                logs::is_closed(Some(log)) || (parked && logs::status_of(log) == Some(EventStatus::Parked))
            };
            let full: Vec<Vec<Write>> = found
                .filter(|log| over(log) && logs::is_personal(log))
                .map(|log| logs::without_personal_data(log, Precondition::UpdatedAt(log.updated)))
                .collect();
            let writes: Vec<Write> = full.iter().flatten().cloned().collect();
            if writes.is_empty() || client.commit(&writes).await? == Committed::Done {
                erased += full.len() as u64;
                break;
            }
            budget.wait().await?;
        }
    }
    Ok(erased)
}

async fn erase_customers(client: &Client, customers: &[String]) -> Result<u64, StoreError> {
    let paths: Vec<String> = customers.iter().map(|customer| row_path(Table::Customers, customer)).collect();
    let mut erased = 0;
    for some in paths.chunks(AT_ONCE) {
        let mut budget = RetryBudget::new();
        loop {
            let snapshot = client.read(some).await?;
            let found = some.iter().filter_map(|path| snapshot.get(path));
            let writes: Vec<Write> = found
                .filter(|customer| customer.time(ERASED).is_none())
                .map(|customer| {
                    let fields = Fields::from([
                        ("email".to_owned(), Value::Null),
                        ("name".to_owned(), Value::Null),
                        (ERASED.to_owned(), snapshot.at.into()),
                    ]);
                    Write::update(customer.path.clone(), fields, Precondition::UpdatedAt(customer.updated))
                        .now(&["updated_at"])
                })
                .collect();
            if writes.is_empty() || client.commit(&writes).await? == Committed::Done {
                erased += writes.len() as u64;
                break;
            }
            budget.wait().await?;
        }
    }
    Ok(erased)
}

/// The field that says when a row was erased.
pub const ERASED: &str = "erased_at";

/// Empties what is old. Firestore cannot query for what is not empty yet, so each document is
/// visited once: a cursor that is written in the same commit says how far. A copy from another
/// store removes the cursor, because it may bring older documents.
async fn empty_old(client: &Client, what: Aged, age: Duration, limit: u32) -> Result<u64, StoreError> {
    let cursors = cursors();
    let mut emptied = 0;
    loop {
        let snapshot = client.read(std::slice::from_ref(&cursors)).await?;
        let known = snapshot.get(&cursors);
        let since = known.and_then(|known| known.time(what.field()));
        let until = client.estimated_now().unwrap_or(snapshot.at) - age;
        let (found, _) = client.query(&query::aged(what, since, until, limit.clamp(1, 100))).await?;
        let full: Vec<&Document> = found.iter().filter(|document| what.is_personal(document)).collect();
        let mut writes: Vec<Write> = full.iter().flat_map(|document| what.emptied(document)).collect();
        let Some(last) = found.last().and_then(|last| last.time(what.field())) else { return Ok(emptied) };
        let more = found.len() >= limit.clamp(1, 100) as usize;
        // What has the cursor's own time is read again, unless a whole page has it.
        let stuck = more && since == Some(last);
        let cursor = if stuck { last + Duration::from_micros(1) } else { last };
        if full.is_empty() && !more {
            return Ok(emptied);
        }
        let fields = Fields::from([(what.field().to_owned(), cursor.into())]);
        writes.push(match known {
            Some(known) => Write::update(cursors.clone(), fields, Precondition::UpdatedAt(known.updated)),
            None => Write::set(cursors.clone(), fields, Precondition::NotExists),
        });
        if client.commit(&writes).await? == Committed::Done {
            emptied += full.len() as u64;
        }
        if !more || emptied >= u64::from(limit) {
            return Ok(emptied);
        }
    }
}

fn cursors() -> String {
    document_path("rolitt", CURSORS)
}

/// Returns the write that makes retention visit everything old once more.
pub fn restart_retention() -> Write {
    Write::delete(cursors(), Precondition::None)
}

impl Aged {
    fn is_personal(self, document: &Document) -> bool {
        match self {
            Self::Events => logs::is_personal(document),
            Self::Sent | Self::Withdrawn => outbox::has_body(document),
        }
    }

    fn emptied(self, document: &Document) -> Vec<Write> {
        match self {
            Self::Events => logs::without_personal_data(document, Precondition::Exists),
            Self::Sent | Self::Withdrawn => {
                vec![Write::update(document.path.clone(), outbox::empty_body(), Precondition::Exists)]
            }
        }
    }
}

async fn finished_orders(
    client: &Client,
    age: Duration,
    after: Option<&FinishedOrder>,
    limit: u32,
) -> Result<Vec<FinishedOrder>, StoreError> {
    let now = client.read(&[cursors()]).await?.at;
    let after = after.map(|after| (after.updated_at, row_path(Table::Preorders, after.session.as_str())));
    let (found, _) = client.query(&query::finished_orders(now - age, after, limit)).await?;
    let over = |found: &Document| {
        let row: Row = found.row(Table::Preorders);
        let preorder = mapping::preorder_of(&row)?;
        Ok(FinishedOrder {
            number: preorder.number,
            session: preorder.details.session,
            updated_at: row.time("updated_at")?,
            erased: preorder.details.erased_at.is_some(),
        })
    };
    found.iter().map(over).collect()
}
