//! Documents of `webhook_logs`, which are the inbox and the log in one. A document holds at most 1
//! MiB, so a large body is stored in pieces below its log, written in the same commit.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use time::OffsetDateTime;

use super::{
    super::{EventStatus, Inbox, LeasedEvent, Row, StoreError, Table, Value, WebhookEvent},
    FirestoreStore, STEP, bounded,
    client::{Client, Committed, Precondition, RetryBudget, Snapshot, Write},
    query,
    value::{Document, Fields, row_path},
};
use crate::domain::{
    payment::{EventId, ProviderId},
    preorder::Preorder,
};
use crate::server::store::mapping::set;

/// The largest body that is stored in the log itself, and the size of a piece below it, in bytes.
const PIECE: usize = 768 * 1024;

/// The number of due events that are read, so that workers that race find another one.
const LOOK_AT: u32 = 10;

/// The field that counts the pieces of a large body.
const PIECES: &str = "_pieces";

/// What the log says of an event that was applied or ignored.
#[derive(Default)]
pub struct Outcome {
    ignored: Option<String>,
    preorder_id: Option<String>,
    email: Option<String>,
    /// Whether a message about its preorder was sent.
    sent: bool,
    /// Whether it is about an erased customer: the log then stores no body.
    erased: bool,
}

impl Outcome {
    /// An event that did nothing.
    pub fn ignored(reason: &str) -> Self {
        Self { ignored: Some(reason.to_owned()), ..Self::default() }
    }

    /// Says whether it is about an erased customer.
    #[must_use]
    pub fn erased(self, erased: bool) -> Self {
        Self { erased, ..self }
    }

    /// Says that it is about this preorder, which it did not change.
    #[must_use]
    pub fn about(self, preorder: Option<&Preorder>) -> Self {
        self.erased(preorder.is_some_and(|preorder| preorder.details.erased_at.is_some()))
    }

    /// An event that was applied, with its preorder where that is known, and whether a message
    /// about the preorder was sent already.
    pub fn done(preorder: Option<&Preorder>, sent: bool) -> Self {
        Self {
            preorder_id: preorder.map(|preorder| preorder.id.as_str().to_owned()),
            email: preorder.map(|preorder| preorder.details.email.clone()).filter(|email| !email.is_empty()),
            sent,
            ..Self::default().about(preorder)
        }
    }
}

/// Returns the path of an event's log.
pub fn path_of(event: &WebhookEvent) -> String {
    row_path(Table::WebhookLogs, event.event_id.as_str())
}

/// Returns the state of a log; `None` when it has none that reads.
pub fn status_of(log: &Document) -> Option<EventStatus> {
    log.text("status").and_then(EventStatus::from_name)
}

/// Whether the event was applied before.
pub fn is_closed(log: Option<&Document>) -> bool {
    log.and_then(status_of).is_some_and(EventStatus::is_closed)
}

/// Returns the writes that close the event's log, with the event itself where it was not stored
/// before.
pub fn close(event: &WebhookEvent, snapshot: &Snapshot, outcome: &Outcome) -> Vec<Write> {
    let path = path_of(event);
    let known = snapshot.get(&path);
    let (mut fields, mut pieces) = known.map_or_else(|| begin(event), |log| (log.fields.clone(), Vec::new()));
    if outcome.erased {
        pieces = known.map(without_pieces).unwrap_or_default();
        set!(fields, { "raw_body" => Value::Null, PIECES => Value::Null });
    }
    set!(fields, {
        "status" => if outcome.ignored.is_some() { EventStatus::Ignored } else { EventStatus::Done },
        "preorder_id" => outcome.preorder_id.clone(),
        "email" => outcome.email.clone(),
        "error" => outcome.ignored.clone(),
        "klaviyo_event_sent" => outcome.sent,
    });
    let log = Write::upsert(path, known, fields).now(&["processed_at"]);
    let log = if known.is_none() { log.now(&["received_at", "available_at"]) } else { log };
    std::iter::once(log).chain(pieces).collect()
}

/// Returns the fields of a new log, without its times, and the pieces of its body.
fn begin(event: &WebhookEvent) -> (Fields, Vec<Write>) {
    let mut fields = Fields::new();
    set!(fields, {
        "event" => event.event_type.as_str(),
        "provider" => event.provider.as_str(),
        "stripe_event_id" => event.event_id.as_str(),
        "preorder_id" => Value::Null,
        "email" => Value::Null,
        "klaviyo_event_sent" => false,
        "error" => Value::Null,
        "attempts" => 1_i64,
        "processed_at" => Value::Null,
    });
    let pieces = put_body(&mut fields, &path_of(event), &event.body);
    (fields, pieces)
}

/// Puts a body into its log, or counts its pieces there and returns them.
pub fn put_body(fields: &mut Fields, log: &str, body: &Bytes) -> Vec<Write> {
    if body.len() <= PIECE {
        set!(fields, { "raw_body" => body.clone() });
        return Vec::new();
    }
    let pieces: Vec<Write> = (0..body.len())
        .step_by(PIECE)
        .enumerate()
        .map(|(number, begin)| {
            let piece = body.slice(begin..body.len().min(begin + PIECE));
            let fields = Fields::from([("bytes".to_owned(), Value::Bytes(piece))]);
            Write::set(piece_path(log, number), fields, Precondition::None)
        })
        .collect();
    set!(fields, { PIECES => i64::try_from(pieces.len()).unwrap_or_default() });
    pieces
}

/// Returns the writes that delete the pieces of a log's body.
fn without_pieces(log: &Document) -> Vec<Write> {
    let pieces = log.int(PIECES).and_then(|pieces| usize::try_from(pieces).ok()).unwrap_or_default();
    (0..pieces).map(|number| Write::delete(piece_path(&log.path, number), Precondition::None)).collect()
}

/// Whether a log holds personal data: its body, or an address.
pub fn is_personal(log: &Document) -> bool {
    let full = |field: &str| log.fields.get(field).is_some_and(|value| *value != Value::Null);
    [PIECES, "raw_body", "raw_data", "email"].into_iter().any(full)
}

/// Returns the writes that remove personal data from a log.
pub fn without_personal_data(log: &Document, precondition: Precondition) -> Vec<Write> {
    let gone = [PIECES, "raw_body", "raw_data", "email"].map(|field| (field.to_owned(), Value::Null));
    let gone: Fields = gone.into_iter().filter(|(field, _)| log.fields.contains_key(field)).collect();
    std::iter::once(Write::update(log.path.clone(), gone, precondition)).chain(without_pieces(log)).collect()
}

fn piece_path(log: &str, number: usize) -> String {
    format!("{log}/pieces/{number}")
}

/// Reads the row of a log together with the pieces of its body.
pub async fn read_whole(client: &Client, log: &Document) -> Result<Row, StoreError> {
    let mut row = log.row(Table::WebhookLogs);
    let Some(pieces) = log.int(PIECES) else { return Ok(row) };
    let paths: Vec<String> =
        (0..usize::try_from(pieces).unwrap_or_default().min(16)).map(|number| piece_path(&log.path, number)).collect();
    let found = client.read(&paths).await?;
    let mut body = BytesMut::new();
    for piece in &paths {
        match found.get(piece).and_then(|piece| piece.fields.get("bytes")) {
            Some(Value::Bytes(bytes)) => body.extend_from_slice(bytes),
            _ => return Err(row.unreadable("raw_body")),
        }
    }
    row.set("raw_body", body.freeze());
    Ok(row)
}

#[async_trait]
impl Inbox for FirestoreStore {
    async fn record_failure(
        &self,
        event: &WebhookEvent,
        error: &str,
        retry: Option<Duration>,
    ) -> Result<(), StoreError> {
        bounded(STEP, write_failed(&self.client, event, error, retry)).await
    }

    async fn lease_event(&self, lease: Duration) -> Result<Option<LeasedEvent>, StoreError> {
        bounded(STEP, lease_due(&self.client, lease)).await
    }
}

async fn write_failed(
    client: &Client,
    event: &WebhookEvent,
    error: &str,
    retry: Option<Duration>,
) -> Result<(), StoreError> {
    let path = path_of(event);
    let mut budget = RetryBudget::new();
    loop {
        let snapshot = client.read(std::slice::from_ref(&path)).await?;
        let known = snapshot.get(&path);
        if is_closed(known) {
            return Ok(());
        }
        let (mut fields, pieces) = known.map_or_else(|| begin(event), |log| (log.fields.clone(), Vec::new()));
        set!(fields, {
            "status" => EventStatus::after_failure(retry.is_some()),
            "error" => error,
            "available_at" => snapshot.at + retry.unwrap_or_default(),
        });
        let mut log = Write::upsert(path.clone(), known, fields);
        if known.is_none() {
            log = log.now(&["received_at"]);
        }
        let writes: Vec<Write> = std::iter::once(log).chain(pieces).collect();
        if client.commit(&writes).await? == Committed::Done {
            return Ok(());
        }
        budget.wait().await?;
    }
}

async fn lease_due(client: &Client, lease: Duration) -> Result<Option<LeasedEvent>, StoreError> {
    let mut budget = RetryBudget::new();
    loop {
        let (waiting, now) = client.query(&query::due_events(due_until(client), LOOK_AT)).await?;
        let due: Vec<&Document> = waiting.iter().filter(|log| is_due(log, now)).collect();
        if due.is_empty() {
            return Ok(None);
        }
        for log in due {
            let attempts = log.int("attempts").unwrap_or_default().saturating_add(1);
            let mut change = Fields::new();
            set!(change, { "status" => EventStatus::Processing, "attempts" => attempts, "available_at" => now + lease });
            let write = Write::update(log.path.clone(), change, Precondition::UpdatedAt(log.updated));
            if client.commit(&[write]).await? == Committed::Done {
                match read_leased(client, log, attempts).await {
                    Err(StoreError::Unreadable(why)) => park(client, log, &why).await?,
                    leased => return leased.map(Some),
                }
            }
        }
        budget.wait().await?;
    }
}

/// Parks an event that does not read: otherwise it would be leased again and again.
async fn park(client: &Client, log: &Document, why: &str) -> Result<(), StoreError> {
    let mut change = Fields::new();
    set!(change, { "status" => EventStatus::Parked, "error" => why });
    client.commit_until_done(Write::update(log.path.clone(), change, Precondition::Exists)).await
}

/// Returns a time a little later than Firestore's clock may show now: what is due after it need not
/// be read.
pub fn due_until(client: &Client) -> Option<OffsetDateTime> {
    client.estimated_now().map(|now| now + Duration::from_secs(30))
}

/// Whether an event or a message is due.
pub fn is_due(document: &Document, now: OffsetDateTime) -> bool {
    document.time("available_at").is_some_and(|at| at <= now)
}

async fn read_leased(client: &Client, log: &Document, attempts: i64) -> Result<LeasedEvent, StoreError> {
    let row = read_whole(client, log).await?;
    Ok(LeasedEvent {
        event: WebhookEvent {
            provider: row.parsed("provider", ProviderId::from_name)?,
            event_id: row.parsed("stripe_event_id", EventId::parse)?,
            event_type: row.text("event")?.to_owned(),
            body: row.bytes("raw_body")?,
        },
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
    })
}
