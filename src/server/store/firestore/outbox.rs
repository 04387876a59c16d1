//! Documents of `outbox`. A lease is a commit with the version that was read as its precondition:
//! no two workers get the same message.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    super::{
        LeaseToken, LeasedMessage, Message, MessageEnd, MessageId, MessageKind, MessageStatus, Outbox, Row, StoreError,
        Table, Value,
    },
    FirestoreStore, STEP, bounded,
    client::{Client, Committed, Precondition, RetryBudget, Write},
    logs::{due_until, is_due},
    query,
    value::{Document, Fields},
};
use crate::{domain::preorder::PreorderId, server::store::mapping::set};

/// The field that says, on a preorder and in its logs, whether a message about it was sent.
pub const SENT: &str = "klaviyo_event_sent";

/// The number of due messages that are read, so that workers that race find another one.
const LOOK_AT: u32 = 20;

/// The most logs changed in one commit; an order has a handful.
const LOGS_AT_ONCE: usize = 200;

/// Returns the write of a message, for the commit of its cause. A second message with the same key
/// is the same document.
pub fn write(preorder: &PreorderId, message: &Message, path: &str) -> Write {
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
        "consequence" => message.notification.to_string(),
        "sent_at" => Value::Null,
    });
    Write::set(path, fields, Precondition::NotExists).now(&["created_at", "available_at"])
}

#[async_trait]
impl Outbox for FirestoreStore {
    async fn lease_message(&self, kind: MessageKind, lease: Duration) -> Result<Option<LeasedMessage>, StoreError> {
        bounded(STEP, lease_due(&self.client, kind, lease)).await
    }

    async fn finish_message(&self, message: &LeasedMessage, end: MessageEnd<'_>) -> Result<bool, StoreError> {
        bounded(STEP, finish(&self.client, message, &end)).await
    }
}

async fn lease_due(client: &Client, kind: MessageKind, lease: Duration) -> Result<Option<LeasedMessage>, StoreError> {
    let mut budget = RetryBudget::new();
    loop {
        let (pending, now) = client.query(&query::due_messages(kind, due_until(client), LOOK_AT)).await?;
        // In order: a customer reads that an order is paid before reading that it was shipped.
        let due: Vec<&Document> = pending.iter().filter(|message| is_due(message, now)).collect();
        if due.is_empty() {
            return Ok(None);
        }
        for message in due {
            let token = LeaseToken::random();
            let attempts = message.int("attempts").unwrap_or_default().saturating_add(1);
            let mut change = Fields::new();
            set!(change, { "lease_token" => token.as_str(), "available_at" => now + lease, "attempts" => attempts });
            let write = Write::update(message.path.clone(), change, Precondition::UpdatedAt(message.updated));
            if client.commit(&[write]).await? == Committed::Done {
                let age = Duration::try_from(now - message.time("created_at").unwrap_or(now)).unwrap_or_default();
                let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
                return leased(&message.path, &message.row(Table::Outbox), token, attempts, age).map(Some);
            }
        }
        budget.wait().await?;
    }
}

fn leased(path: &str, row: &Row, token: LeaseToken, attempts: u32, age: Duration) -> Result<LeasedMessage, StoreError> {
    let notification = row.parsed_opt("consequence", |text| text.parse().ok())?;
    Ok(LeasedMessage {
        id: MessageId(path.to_owned()),
        lease_token: token,
        body: row.bytes("body")?.to_vec(),
        attempts,
        age,
        cause: row.text_opt("preorder_id")?.map(PreorderId::new).zip(notification),
    })
}

/// Stores how an attempt ended. The fencing token is checked first: a worker that slept past its
/// lease changes nothing.
async fn finish(client: &Client, message: &LeasedMessage, end: &MessageEnd<'_>) -> Result<bool, StoreError> {
    let mut budget = RetryBudget::new();
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
                change.append(&mut empty_body());
                set!(change, { "status" => MessageStatus::Withdrawn, "last_error" => Value::Null });
            }
            MessageEnd::Parked { error } => {
                set!(change, { "status" => MessageStatus::Parked, "last_error" => *error });
            }
            MessageEnd::Retry { error, after, counts } => {
                let attempts = found.int("attempts").unwrap_or_default() - i64::from(!counts);
                set!(change, { "last_error" => *error, "available_at" => snapshot.at + *after, "attempts" => attempts });
            }
        }
        let mut writes = vec![Write::update(message.id.0.clone(), change, Precondition::UpdatedAt(found.updated))];
        if let (MessageEnd::Sent, Some(preorder)) = (end, found.text("preorder_id"))
            && found.text("kind") == Some(MessageKind::KlaviyoEvent.as_str())
        {
            writes.extend(mark_sent(client, preorder).await?);
        }
        if client.commit(&writes).await? == Committed::Done {
            return Ok(true);
        }
        budget.wait().await?;
    }
}

/// Returns the state of a message; `None` when it has none that reads.
pub fn status_of(message: &Document) -> Option<MessageStatus> {
    message.text("status").and_then(MessageStatus::from_name)
}

/// Returns the field of an empty body.
pub fn empty_body() -> Fields {
    Fields::from([("body".to_owned(), bytes::Bytes::new().into())])
}

/// Whether a message's body is not empty.
pub fn has_body(message: &Document) -> bool {
    matches!(message.fields.get("body"), Some(Value::Bytes(body)) if !body.is_empty())
}

/// Returns the writes that say on a preorder and in its logs that a message was sent. The preorder
/// as it was before its logs were listed is a precondition: a step that adds a log changes the
/// preorder, unless the preorder says so already.
async fn mark_sent(client: &Client, preorder: &str) -> Result<Vec<Write>, StoreError> {
    let (preorders, _) = client.query(&query::preorder_of_id(preorder)).await?;
    let Some(preorder_document) = preorders.first() else { return Ok(Vec::new()) };
    let (logs, _) = client.query(&query::logs_without_sent(preorder)).await?;
    let sent = || Fields::from([(SENT.to_owned(), Value::Bool(true))]);
    let mut writes = vec![Write::upsert(preorder_document.path.clone(), Some(preorder_document), sent())];
    writes.extend(
        logs.iter().take(LOGS_AT_ONCE).map(|log| Write::update(log.path.clone(), sent(), Precondition::Exists)),
    );
    Ok(writes)
}
