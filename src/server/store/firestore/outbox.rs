//! Documents of `outbox`. A lease is a commit that stands on the version that was read: no two workers get it.

use std::time::Duration;

use super::{
    super::{
        LeaseToken, LeasedMessage, Message, MessageEnd, MessageId, MessageKind, MessageStatus, Row, StoreError, Table,
        Value,
    },
    client::{Client, Committed, Only, Tries, Write},
    logs::{is_due, soon},
    query,
    value::{Document, Fields},
};
use crate::{domain::preorder::PreorderId, server::store::mapping::set};

/// Whether anything was told about a preorder, on the preorder itself.
pub const TOLD: &str = "klaviyo_event_sent";

/// How many that are due are looked at, so that workers which race find another one.
const LOOK_AT: u32 = 20;

/// Logs changed in one commit; an order has a handful.
const LOGS_AT_ONCE: usize = 200;

/// A message beside its cause. Another of the same key is the same document.
pub fn write(preorder: &PreorderId, message: &Message, place: &str) -> Write {
    let mut fields = Fields::new();
    set!(fields, {
        "kind" => message.kind.as_str(),
        "dedupe_key" => message.dedupe_key.as_str(),
        "body" => bytes::Bytes::from(message.body.clone()),
        "status" => MessageStatus::Pending,
        "attempts" => 0_i64,
        "lease_token" => Value::Null,
        "last_error" => Value::Null,
        "preorder_id" => preorder.as_str(),
        "consequence" => message.consequence.to_string(),
        "sent_at" => Value::Null,
    });
    Write::put(place, fields, Only::New).now(&["created_at", "available_at"])
}

pub async fn lease(client: &Client, kind: MessageKind, lease: Duration) -> Result<Option<LeasedMessage>, StoreError> {
    let mut tries = Tries::new();
    loop {
        let (pending, now) = client.query(&query::due_messages(kind, soon(client), LOOK_AT)).await?;
        // In order: a customer hears that an order is paid before hearing that it was sent.
        let due: Vec<&Document> = pending.iter().filter(|message| is_due(message, now)).collect();
        if due.is_empty() {
            return Ok(None);
        }
        for message in due {
            let token = LeaseToken::random();
            let attempts = message.int("attempts").unwrap_or_default().saturating_add(1);
            let mut change = Fields::new();
            set!(change, { "lease_token" => token.as_str(), "available_at" => now + lease, "attempts" => attempts });
            let write = Write::change(message.path.clone(), change, Only::Unchanged(message.updated));
            if client.commit(&[write]).await? == Committed::Done {
                let age = Duration::try_from(now - message.time("created_at").unwrap_or(now)).unwrap_or_default();
                let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
                return leased(&message.path, &message.row(Table::Outbox), token, attempts, age).map(Some);
            }
        }
        tries.again().await?;
    }
}

fn leased(path: &str, row: &Row, token: LeaseToken, attempts: u32, age: Duration) -> Result<LeasedMessage, StoreError> {
    let consequence = row.parsed_opt("consequence", |text| text.parse().ok())?;
    Ok(LeasedMessage {
        id: MessageId(path.to_owned()),
        lease_token: token,
        body: row.bytes("body")?.to_vec(),
        attempts,
        age,
        cause: row.text_opt("preorder_id")?.map(PreorderId::new).zip(consequence),
    })
}

/// Only the holder of the token changes anything: a worker that slept past its lease comes too late.
pub async fn finish(client: &Client, message: &LeasedMessage, end: &MessageEnd<'_>) -> Result<bool, StoreError> {
    let mut tries = Tries::new();
    loop {
        let snapshot = client.read(std::slice::from_ref(&message.id.0)).await?;
        let Some(found) = snapshot.get(&message.id.0) else { return Ok(false) };
        if status_of(found) != Some(MessageStatus::Pending)
            || found.text("lease_token") != Some(message.lease_token.as_str())
        {
            return Ok(false);
        }
        let mut change = Fields::new();
        set!(change, { "lease_token" => Value::Null });
        match end {
            MessageEnd::Sent => {
                set!(change, { "status" => MessageStatus::Sent, "last_error" => Value::Null, "sent_at" => snapshot.at });
            }
            MessageEnd::Withdrawn => {
                change.append(&mut emptied());
                set!(change, { "status" => MessageStatus::Withdrawn, "last_error" => Value::Null });
            }
            MessageEnd::Parked { error } => {
                set!(change, { "status" => MessageStatus::Parked, "last_error" => *error });
            }
            MessageEnd::Again { error, next, counts } => {
                let attempts = found.int("attempts").unwrap_or_default() - i64::from(!counts);
                set!(change, { "last_error" => *error, "available_at" => snapshot.at + *next, "attempts" => attempts });
            }
        }
        let mut writes = vec![Write::change(message.id.0.clone(), change, Only::Unchanged(found.updated))];
        if let (MessageEnd::Sent, Some(preorder)) = (end, found.text("preorder_id"))
            && found.text("kind") == Some(MessageKind::KlaviyoEvent.as_str())
        {
            writes.extend(tell(client, preorder).await?);
        }
        if client.commit(&writes).await? == Committed::Done {
            return Ok(true);
        }
        tries.again().await?;
    }
}

/// Returns the state of a message; `None` when it has none that reads.
pub fn status_of(message: &Document) -> Option<MessageStatus> {
    message.text("status").and_then(MessageStatus::from_name)
}

/// A body of nothing.
pub fn emptied() -> Fields {
    Fields::from([("body".to_owned(), bytes::Bytes::new().into())])
}

pub fn has_body(message: &Document) -> bool {
    matches!(message.fields.get("body"), Some(Value::Bytes(body)) if !body.is_empty())
}

/// Says on a preorder and in its logs that something was told. It stands on the preorder as it was before its logs were
/// listed: whoever adds one to them changes the preorder, unless it says so already.
async fn tell(client: &Client, preorder: &str) -> Result<Vec<Write>, StoreError> {
    let (preorders, _) = client.query(&query::preorder_of_id(preorder)).await?;
    let Some(preorder_document) = preorders.first() else { return Ok(Vec::new()) };
    let (logs, _) = client.query(&query::untold_logs(preorder)).await?;
    let told = || Fields::from([(TOLD.to_owned(), Value::Bool(true))]);
    let mut writes = vec![Write::bring(preorder_document.path.clone(), Some(preorder_document), told())];
    writes.extend(logs.iter().take(LOGS_AT_ONCE).map(|log| Write::change(log.path.clone(), told(), Only::There)));
    Ok(writes)
}
