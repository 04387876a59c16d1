//! Negative controls: decorators that break one rule of the shop each. The fault harness must
//! notice every one of them. Only a failpoint build has this module, and only `control=NAME` in
//! `ROLITT_FAILPOINTS` installs one.
//!
//! `no_unique_index` has a second half outside: the harness removes the unique index on sessions
//! and the locks on orders from the database.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use failpoints::shop::{FRESH_BODY, INLINE_SEND, MEMORY_SET, NO_UNIQUE_INDEX};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::runtime::Handle;

use crate::{
    domain::{
        lifecycle::{Notification, OrderState},
        payment::SessionId,
        preorder::Preorder,
    },
    server::{
        marketing::{EventSender, MarketingError},
        orders::messages::MessageSource,
        state::Shop,
        store::{Ids, LeaseToken, Message, PreorderNames},
    },
};

/// How often a sender without the outbox tries.
const TRIES: u32 = 3;
/// How long it waits after the first failure; twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Breaks the rule that `control` names; returns the shop as it was where there is none.
pub fn install(mut shop: Shop, control: Option<&str>) -> Shop {
    match (control, shop.klaviyo.clone()) {
        (Some(NO_UNIQUE_INDEX), _) => shop.ids = Arc::new(RandomIds(shop.ids)),
        (Some(FRESH_BODY), Some(klaviyo)) => shop.klaviyo = Some(Arc::new(FreshBody(klaviyo))),
        (Some(INLINE_SEND), Some(klaviyo)) => {
            shop.messages = Arc::new(InlineSender { messages: shop.messages, klaviyo });
        }
        (Some(MEMORY_SET), Some(klaviyo)) => {
            let sent = Mutex::default();
            shop.messages = Arc::new(ForgetfulOutbox { messages: shop.messages, klaviyo, sent });
        }
        _ => {}
    }
    shop
}

/// Breaks "the names of an order are derived from its session": with them, the primary key alone
/// would prevent a second order.
struct RandomIds(Arc<dyn Ids>);

impl Ids for RandomIds {
    fn lease_token(&self) -> LeaseToken {
        self.0.lease_token()
    }

    fn preorder_names(&self, session: &SessionId, _: u32) -> PreorderNames {
        self.0.preorder_names(session, rand::random())
    }
}

/// Breaks "a message has the same bytes at each try": states the time of the try.
struct FreshBody(Arc<dyn EventSender>);

#[async_trait]
impl EventSender for FreshBody {
    async fn send(&self, body: Vec<u8>) -> Result<(), MarketingError> {
        let body = changed(body, |event| {
            event["data"]["attributes"]["properties"]["tried_at"] = json!(OffsetDateTime::now_utc().to_string());
        });
        self.0.send(body).await
    }
}

/// Breaks "a message is in the outbox before it is sent": the code that makes a change sends it.
struct InlineSender {
    messages: Arc<dyn MessageSource>,
    klaviyo: Arc<dyn EventSender>,
}

impl MessageSource for InlineSender {
    fn messages(
        &self,
        preorder: &Preorder,
        state: &OrderState,
        notifications: &[Notification],
        at: OffsetDateTime,
    ) -> Vec<Message> {
        for message in self.messages.messages(preorder, state, notifications, at) {
            let klaviyo = self.klaviyo.clone();
            tokio::spawn(async move { send_now(klaviyo.as_ref(), message.body).await });
        }
        Vec::new()
    }
}

/// Breaks "a message is sent after the commit, under an id that is always the same": sends before
/// the commit, under a new id, and remembers in the process only what it sent.
struct ForgetfulOutbox {
    messages: Arc<dyn MessageSource>,
    klaviyo: Arc<dyn EventSender>,
    /// The keys of the messages that this process sent.
    sent: Mutex<HashSet<String>>,
}

impl MessageSource for ForgetfulOutbox {
    fn messages(
        &self,
        preorder: &Preorder,
        state: &OrderState,
        notifications: &[Notification],
        at: OffsetDateTime,
    ) -> Vec<Message> {
        for message in self.messages.messages(preorder, state, notifications, at) {
            if self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(message.dedupe_key) {
                let body = changed(message.body, |event| {
                    event["data"]["attributes"]["unique_id"] = json!(nanoid::nanoid!());
                });
                let sending = send_now(self.klaviyo.as_ref(), body);
                tokio::task::block_in_place(|| Handle::current().block_on(sending));
            }
        }
        Vec::new()
    }
}

/// Sends a body without the outbox: a few tries, and then never.
async fn send_now(klaviyo: &dyn EventSender, body: Vec<u8>) {
    let mut pause = FIRST_PAUSE;
    for _ in 0..TRIES {
        if klaviyo.send(body.clone()).await.is_ok() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

/// Returns the JSON of `body` after `change`; `body` itself where it is no JSON.
fn changed(body: Vec<u8>, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let Ok(mut event) = serde_json::from_slice(&body) else { return body };
    change(&mut event);
    event.to_string().into_bytes()
}
