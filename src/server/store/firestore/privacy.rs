//! What is personal is taken away. An order is erased in one commit that stands on it as it was read. Whoever closes an event of it at
//! that moment may have read it before, so its logs are looked at again afterwards, until nothing is left in them.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    super::{CaseKey, Erased, Erasure, EventStatus, MessageStatus, Over, Privacy, Row, StoreError, Table, Value},
    FirestoreStore, PAGE, STEP, apply, bounded,
    client::{Client, Committed, Only, Tries, Write},
    logs, outbox,
    query::{self, Aged},
    value::{Document, Fields, path, place},
};
use crate::domain::{lifecycle::Change, payment::Mentions, preorder::Preorder};
use crate::server::store::mapping::{self, set};

/// What one commit holds of an order's logs and messages, which are a handful.
const AT_ONCE: usize = 200;

/// Up to where each query of what is old found everything emptied already: Firestore cannot ask for what is not empty.
const FORGOTTEN: &str = "forgotten";

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

    async fn forget_events(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        bounded(PAGE, forget(&self.client, Aged::Events, age, limit)).await
    }

    async fn forget_messages(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let sent = bounded(PAGE, forget(&self.client, Aged::Sent, age, limit)).await?;
        let left = limit.saturating_sub(u32::try_from(sent).unwrap_or(limit));
        if left == 0 {
            return Ok(sent);
        }
        Ok(sent + bounded(PAGE, forget(&self.client, Aged::Withdrawn, age, left)).await?)
    }

    async fn orders_over(&self, age: Duration, after: Option<&Over>, limit: u32) -> Result<Vec<Over>, StoreError> {
        bounded(STEP, orders_over(&self.client, age, after, limit)).await
    }
}

async fn erase(client: &Client, erasure: &Erasure<'_>) -> Result<Option<Erased>, StoreError> {
    let mut tries = Tries::new();
    let (mut events, mut messages) = (0, 0);
    loop {
        let (read, _) = apply::read(client, CaseKey::Number(erasure.number), None, false).await?;
        let Some((known, case)) = apply::known(&read) else { return Ok(None) };
        let preorder = match (erasure.decide)(case) {
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
            tries.again().await?;
        }
    }
}

/// Whether one of these was erased.
pub async fn is_erased(client: &Client, mentions: &Mentions) -> Result<bool, StoreError> {
    let erased = |found: &Document| found.time(ERASED).is_some();
    if let Some(intent) = &mentions.intent {
        let (found, _) = client.query(&query::preorders_of_intent(intent)).await?;
        if found.iter().any(erased) {
            return Ok(true);
        }
    }
    let Some(customer) = &mentions.customer else { return Ok(false) };
    let place = path(Table::Customers, customer.as_str());
    Ok(client.read(std::slice::from_ref(&place)).await?.get(&place).is_some_and(erased))
}

/// What takes the bodies and addresses out of a preorder's logs, and of how many.
async fn erase_logs(client: &Client, preorder: &Preorder) -> Result<(usize, Vec<Write>), StoreError> {
    let (found, _) = client.query(&query::of_preorder(Table::WebhookLogs, preorder.id.as_str())).await?;
    let full = found.iter().filter(|log| logs::is_closed(Some(log)) && logs::is_kept(log)).take(AT_ONCE);
    let each: Vec<Vec<Write>> = full.map(|log| logs::forget(log, Only::There)).collect();
    Ok((each.len(), each.into_iter().flatten().collect()))
}

/// What empties a preorder's messages, and takes back those that were not sent; and of how many.
async fn erase_outbox(client: &Client, preorder: &Preorder) -> Result<(usize, Vec<Write>), StoreError> {
    let (found, _) = client.query(&query::of_preorder(Table::Outbox, preorder.id.as_str())).await?;
    let unsent = |message: &Document| outbox::status_of(message).is_some_and(|status| !status.is_closed());
    let full = found.iter().filter(|message| unsent(message) || outbox::has_body(message)).take(AT_ONCE);
    let writes: Vec<Write> = full
        .map(|message| {
            let mut change = outbox::emptied();
            set!(change, { "lease_token" => Value::Null, "last_error" => Value::Null });
            if unsent(message) {
                set!(change, { "status" => MessageStatus::Withdrawn });
            }
            Write::change(message.path.clone(), change, Only::Unchanged(message.updated))
        })
        .collect();
    Ok((writes.len(), writes))
}

async fn erase_events(client: &Client, events: &[String], parked: bool) -> Result<u64, StoreError> {
    let paths: Vec<String> = events.iter().map(|event| path(Table::WebhookLogs, event)).collect();
    let mut erased = 0;
    for some in paths.chunks(AT_ONCE / 4) {
        let mut tries = Tries::new();
        loop {
            let snapshot = client.read(some).await?;
            let found = some.iter().filter_map(|path| snapshot.get(path));
            let over = |log: &Document| {
                logs::is_closed(Some(log)) || (parked && logs::status_of(log) == Some(EventStatus::Parked))
            };
            let full: Vec<Vec<Write>> = found
                .filter(|log| over(log) && logs::is_kept(log))
                .map(|log| logs::forget(log, Only::Unchanged(log.updated)))
                .collect();
            let writes: Vec<Write> = full.iter().flatten().cloned().collect();
            if writes.is_empty() || client.commit(&writes).await? == Committed::Done {
                erased += full.len() as u64;
                break;
            }
            tries.again().await?;
        }
    }
    Ok(erased)
}

async fn erase_customers(client: &Client, customers: &[String]) -> Result<u64, StoreError> {
    let paths: Vec<String> = customers.iter().map(|customer| path(Table::Customers, customer)).collect();
    let mut erased = 0;
    for some in paths.chunks(AT_ONCE) {
        let mut tries = Tries::new();
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
                    Write::change(customer.path.clone(), fields, Only::Unchanged(customer.updated)).now(&["updated_at"])
                })
                .collect();
            if writes.is_empty() || client.commit(&writes).await? == Committed::Done {
                erased += writes.len() as u64;
                break;
            }
            tries.again().await?;
        }
    }
    Ok(erased)
}

/// The mark of what was erased.
pub const ERASED: &str = "erased_at";

/// Empties what is old. Firestore cannot be asked for what is not empty yet, so it is gone through once: a mark that is written in
/// the same commit says how far. A copy from another store takes the mark away, because it may bring what is older.
async fn forget(client: &Client, what: Aged, age: Duration, limit: u32) -> Result<u64, StoreError> {
    let marks = marks();
    let mut forgotten = 0;
    loop {
        let snapshot = client.read(std::slice::from_ref(&marks)).await?;
        let known = snapshot.get(&marks);
        let since = known.and_then(|known| known.time(what.field()));
        let until = client.about_now().unwrap_or(snapshot.at) - age;
        let (found, _) = client.query(&query::aged(what, since, until, limit.clamp(1, 100))).await?;
        let full: Vec<&Document> = found.iter().filter(|document| what.is_kept(document)).collect();
        let mut writes: Vec<Write> = full.iter().flat_map(|document| what.forget(document)).collect();
        let Some(last) = found.last().and_then(|last| last.time(what.field())) else { return Ok(forgotten) };
        let more = found.len() >= limit.clamp(1, 100) as usize;
        // What has the mark's own moment is looked at again, unless a whole page has it.
        let stuck = more && since == Some(last);
        let mark = if stuck { last + Duration::from_micros(1) } else { last };
        if full.is_empty() && !more {
            return Ok(forgotten);
        }
        let fields = Fields::from([(what.field().to_owned(), mark.into())]);
        writes.push(match known {
            Some(known) => Write::change(marks.clone(), fields, Only::Unchanged(known.updated)),
            None => Write::put(marks.clone(), fields, Only::New),
        });
        if client.commit(&writes).await? == Committed::Done {
            forgotten += full.len() as u64;
        }
        if !more || forgotten >= u64::from(limit) {
            return Ok(forgotten);
        }
    }
}

fn marks() -> String {
    place("rolitt", FORGOTTEN)
}

/// Goes through everything old once more.
pub fn look_again() -> Write {
    Write::delete(marks(), Only::Always)
}

impl Aged {
    fn is_kept(self, document: &Document) -> bool {
        match self {
            Self::Events => logs::is_kept(document),
            Self::Sent | Self::Withdrawn => outbox::has_body(document),
        }
    }

    fn forget(self, document: &Document) -> Vec<Write> {
        match self {
            Self::Events => logs::forget(document, Only::There),
            Self::Sent | Self::Withdrawn => {
                vec![Write::change(document.path.clone(), outbox::emptied(), Only::There)]
            }
        }
    }
}

async fn orders_over(
    client: &Client,
    age: Duration,
    after: Option<&Over>,
    limit: u32,
) -> Result<Vec<Over>, StoreError> {
    let now = client.read(&[marks()]).await?.at;
    let place = after.map(|after| (after.touched, path(Table::Preorders, after.session.as_str())));
    let (found, _) = client.query(&query::orders_over(now - age, place, limit)).await?;
    let over = |found: &Document| {
        let row: Row = found.row(Table::Preorders);
        let preorder = mapping::preorder_of(&row)?;
        Ok(Over {
            number: preorder.number,
            session: preorder.details.session,
            touched: row.time("updated_at")?,
            erased: preorder.details.erased_at.is_some(),
        })
    };
    found.iter().map(over).collect()
}
