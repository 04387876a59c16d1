//! Documents of `webhook_logs`: the inbox and the log in one. A document holds 1 MiB, so a large body lies in pieces below its log, written
//! in the same commit.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use time::OffsetDateTime;

use super::{
    super::{Delivery, EventStatus, LeasedEvent, Row, StoreError, Table, Value},
    client::{Client, Committed, Only, Snapshot, Tries, Write},
    query,
    value::{Document, Fields, path},
};
use crate::domain::{
    payment::{EventId, ProviderId},
    preorder::Preorder,
};
use crate::server::store::mapping::set;

/// The most of a body that lies in the log itself, and the size of a piece below it. Bytes.
const PIECE: usize = 768 * 1024;

/// How many that are due are looked at, so that workers which race find another one.
const LOOK_AT: u32 = 10;

/// Where the pieces of a large body are counted.
const PIECES: &str = "_pieces";

/// How an applied event goes into the log.
#[derive(Default)]
pub struct Outcome {
    ignored: Option<String>,
    preorder_id: Option<String>,
    email: Option<String>,
    told: bool,
    /// Whether it is about somebody who was erased: then its body is not kept.
    erased: bool,
}

impl Outcome {
    pub fn ignored(reason: &str) -> Self {
        Self { ignored: Some(reason.to_owned()), ..Self::default() }
    }

    /// The same, perhaps about somebody who was erased.
    #[must_use]
    pub fn erased(self, erased: bool) -> Self {
        Self { erased, ..self }
    }

    /// The same, about this preorder, which it did not change.
    #[must_use]
    pub fn about(self, preorder: Option<&Preorder>) -> Self {
        self.erased(preorder.is_some_and(|preorder| preorder.details.erased_at.is_some()))
    }

    /// With its preorder, where that is known, and whether something was told about it already.
    pub fn done(preorder: Option<&Preorder>, told: bool) -> Self {
        Self {
            preorder_id: preorder.map(|preorder| preorder.id.as_str().to_owned()),
            email: preorder.map(|preorder| preorder.details.email.clone()).filter(|email| !email.is_empty()),
            told,
            ..Self::default().about(preorder)
        }
    }
}

pub fn path_of(delivery: &Delivery) -> String {
    path(Table::WebhookLogs, delivery.event_id.as_str())
}

/// Returns the state of a log; `None` when it has none that reads.
pub fn status_of(log: &Document) -> Option<EventStatus> {
    log.text("status").and_then(EventStatus::from_name)
}

/// Whether the event was applied before.
pub fn is_closed(log: Option<&Document>) -> bool {
    log.and_then(status_of).is_some_and(EventStatus::is_closed)
}

/// What closes the event's log, with the event itself where it was not kept before.
pub fn close(delivery: &Delivery, snapshot: &Snapshot, outcome: &Outcome) -> Vec<Write> {
    let place = path_of(delivery);
    let known = snapshot.get(&place);
    let (mut fields, mut pieces) = known.map_or_else(|| begin(delivery), |log| (log.fields.clone(), Vec::new()));
    if outcome.erased {
        pieces = known.map(without_pieces).unwrap_or_default();
        set!(fields, { "raw_body" => Value::Null, PIECES => Value::Null });
    }
    set!(fields, {
        "status" => if outcome.ignored.is_some() { EventStatus::Ignored } else { EventStatus::Done },
        "preorder_id" => outcome.preorder_id.clone(),
        "email" => outcome.email.clone(),
        "error" => outcome.ignored.clone(),
        "klaviyo_event_sent" => outcome.told,
    });
    let log = Write::bring(place, known, fields).now(&["processed_at"]);
    let log = if known.is_none() { log.now(&["received_at", "available_at"]) } else { log };
    std::iter::once(log).chain(pieces).collect()
}

/// A log that begins, without its times, and the pieces of its body.
fn begin(delivery: &Delivery) -> (Fields, Vec<Write>) {
    let mut fields = Fields::new();
    set!(fields, {
        "event" => delivery.event_type.as_str(),
        "provider" => delivery.provider.as_str(),
        "stripe_event_id" => delivery.event_id.as_str(),
        "preorder_id" => Value::Null,
        "email" => Value::Null,
        "klaviyo_event_sent" => false,
        "error" => Value::Null,
        "attempts" => 1_i64,
        "processed_at" => Value::Null,
    });
    let pieces = put_body(&mut fields, &path_of(delivery), &delivery.body);
    (fields, pieces)
}

/// Puts a body into its log, or counts its pieces there and answers them.
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
            Write::put(piece_path(log, number), fields, Only::Always)
        })
        .collect();
    set!(fields, { PIECES => i64::try_from(pieces.len()).unwrap_or_default() });
    pieces
}

/// What takes away the pieces of a log's body.
fn without_pieces(log: &Document) -> Vec<Write> {
    let pieces = log.int(PIECES).and_then(|pieces| usize::try_from(pieces).ok()).unwrap_or_default();
    (0..pieces).map(|number| Write::delete(piece_path(&log.path, number), Only::Always)).collect()
}

/// Whether there is something personal in a log: its body, or an address.
pub fn is_kept(log: &Document) -> bool {
    let full = |field: &str| log.fields.get(field).is_some_and(|value| *value != Value::Null);
    [PIECES, "raw_body", "raw_data", "email"].into_iter().any(full)
}

/// What takes that out of a log.
pub fn forget(log: &Document, only: Only) -> Vec<Write> {
    let gone = [PIECES, "raw_body", "raw_data", "email"].map(|field| (field.to_owned(), Value::Null));
    let gone: Fields = gone.into_iter().filter(|(field, _)| log.fields.contains_key(field)).collect();
    std::iter::once(Write::change(log.path.clone(), gone, only)).chain(without_pieces(log)).collect()
}

fn piece_path(log: &str, number: usize) -> String {
    format!("{log}/pieces/{number}")
}

/// The row of a log, its body put together.
pub async fn whole(client: &Client, log: &Document) -> Result<Row, StoreError> {
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

/// Keeps an event that could not be applied; leaves one alone that was applied meanwhile.
pub async fn keep(client: &Client, delivery: &Delivery, error: &str, next: Option<Duration>) -> Result<(), StoreError> {
    let place = path_of(delivery);
    let mut tries = Tries::new();
    loop {
        let snapshot = client.read(std::slice::from_ref(&place)).await?;
        let known = snapshot.get(&place);
        if is_closed(known) {
            return Ok(());
        }
        let (mut fields, pieces) = known.map_or_else(|| begin(delivery), |log| (log.fields.clone(), Vec::new()));
        set!(fields, {
            "status" => EventStatus::after_failure(next.is_some()),
            "error" => error,
            "available_at" => snapshot.at + next.unwrap_or_default(),
        });
        let mut log = Write::bring(place.clone(), known, fields);
        if known.is_none() {
            log = log.now(&["received_at"]);
        }
        let writes: Vec<Write> = std::iter::once(log).chain(pieces).collect();
        if client.commit(&writes).await? == Committed::Done {
            return Ok(());
        }
        tries.again().await?;
    }
}

/// The kept event that is due first, counted as tried and out of the others' sight for `lease`.
pub async fn lease(client: &Client, lease: Duration) -> Result<Option<LeasedEvent>, StoreError> {
    let mut tries = Tries::new();
    loop {
        let (waiting, now) = client.query(&query::due_events(soon(client), LOOK_AT)).await?;
        let due: Vec<&Document> = waiting.iter().filter(|log| is_due(log, now)).collect();
        if due.is_empty() {
            return Ok(None);
        }
        for log in due {
            let attempts = log.int("attempts").unwrap_or_default().saturating_add(1);
            let mut change = Fields::new();
            set!(change, { "status" => EventStatus::Processing, "attempts" => attempts, "available_at" => now + lease });
            let write = Write::change(log.path.clone(), change, Only::Unchanged(log.updated));
            if client.commit(&[write]).await? == Committed::Done {
                match leased(client, log, attempts).await {
                    Err(StoreError::Unreadable(why)) => park(client, log, &why).await?,
                    leased => return leased.map(Some),
                }
            }
        }
        tries.again().await?;
    }
}

/// One that does not read is for a person: it would be taken again and again.
async fn park(client: &Client, log: &Document, why: &str) -> Result<(), StoreError> {
    let mut change = Fields::new();
    set!(change, { "status" => EventStatus::Parked, "error" => why });
    client.settle(Write::change(log.path.clone(), change, Only::There)).await
}

/// A little later than Firestore's clock may say by now: what is due after that need not be looked at.
pub fn soon(client: &Client) -> Option<OffsetDateTime> {
    client.about_now().map(|now| now + Duration::from_secs(30))
}

pub fn is_due(document: &Document, now: OffsetDateTime) -> bool {
    document.time("available_at").is_some_and(|at| at <= now)
}

async fn leased(client: &Client, log: &Document, attempts: i64) -> Result<LeasedEvent, StoreError> {
    let row = whole(client, log).await?;
    Ok(LeasedEvent {
        delivery: Delivery {
            provider: row.parsed("provider", ProviderId::from_name)?,
            event_id: row.parsed("stripe_event_id", EventId::parse)?,
            event_type: row.text("event")?.to_owned(),
            body: row.bytes("raw_body")?,
        },
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
    })
}
