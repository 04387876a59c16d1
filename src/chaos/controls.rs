//! What the negative controls do instead of the outbox.

use std::{
    collections::HashSet,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::runtime::Handle;

use super::{Control, breaks};
use crate::server::{marketing::klaviyo::Klaviyo, store::Message};

/// How often an inline sender tries, and how long it waits first; twice as long then.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

static SENT: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// What is sent of a message: its frozen bytes, unless a control makes them anew.
pub fn body(frozen: Vec<u8>) -> Vec<u8> {
    if !breaks(Control::FreshBody) {
        return frozen;
    }
    let Ok(mut event) = serde_json::from_slice::<Value>(&frozen) else { return frozen };
    event["data"]["attributes"]["properties"]["tried_at"] = json!(OffsetDateTime::now_utc().to_string());
    event.to_string().into_bytes()
}

/// The messages that still go to the outbox: all of them, unless a control sends them itself.
pub fn divert(klaviyo: Option<&Klaviyo>, messages: Vec<Message>) -> Vec<Message> {
    let Some(klaviyo) = klaviyo else { return messages };
    if breaks(Control::InlineSend) {
        for message in messages {
            let klaviyo = klaviyo.clone();
            tokio::spawn(async move { inline(&klaviyo, message.body).await });
        }
        return Vec::new();
    }
    if breaks(Control::MemorySet) {
        for message in messages {
            let fresh = SENT.lock().unwrap_or_else(PoisonError::into_inner).insert(message.dedupe_key);
            if fresh {
                let body = under_its_own_id(&message.body);
                tokio::task::block_in_place(|| Handle::current().block_on(inline(klaviyo, body)));
            }
        }
        return Vec::new();
    }
    messages
}

async fn inline(klaviyo: &Klaviyo, body: Vec<u8>) {
    let mut pause = FIRST_PAUSE;
    for _ in 0..TRIES {
        if klaviyo.send(body.clone()).await.is_ok() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

fn under_its_own_id(body: &[u8]) -> Vec<u8> {
    let mut event: Value = serde_json::from_slice(body).unwrap_or_default();
    event["data"]["attributes"]["unique_id"] = json!(nanoid::nanoid!());
    event.to_string().into_bytes()
}
