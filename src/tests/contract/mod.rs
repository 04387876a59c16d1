//! What every store must do, whichever it is: asked of the contract itself, many at once, out of
//! order, cut off, and again.

mod cases;
mod lists;
mod privacy;
mod queues;

use std::sync::Arc;

use rolitt::{
    domain::{
        checkout::Attempt,
        lifecycle::{self, Notification, OrderState, PaymentUpdate, SessionOutcome, SessionUpdate},
        money::Money,
        payment::{EventId, IntentId, ProviderId, SessionId},
        preorder::Preorder,
    },
    server::store::{
        Applied, Effect, Ids, Message, MessageKind, OrderEffect, OrderKey, Source, Step, Store, StoreError,
        StoredOrder, WebhookEvent,
    },
};

use time::OffsetDateTime;

const STRIPE: ProviderId = ProviderId::Stripe;

pub fn session(name: &str) -> SessionId {
    SessionId::parse(name).unwrap()
}

pub fn intent(name: &str) -> IntentId {
    IntentId::parse(name).unwrap()
}

pub fn usd(minor: i64) -> Money {
    Money::new(minor, "usd".parse().unwrap()).unwrap()
}

/// A session of this shop, paid by `pi_{name}` with an attempt of its own.
pub fn facts(name: &str) -> SessionUpdate {
    SessionUpdate {
        provider: STRIPE,
        session: session(name),
        outcome: SessionOutcome::Paid,
        intent: Some(intent(&format!("pi_{name}"))),
        customer: None,
        attempt: Attempt::parse(&format!("attempt-{name}")),
        email: Some("Jo@Example.com".to_owned()),
        color: Some("Sakura Pink".to_owned()),
        amount: Some(usd(29_900)),
        expected: rolitt::domain::lifecycle::ExpectedAmount::Amount(usd(29_900)),
        locale: None,
        shipping: None,
        livemode: false,
        completed_at: Some(1_763_800_000),
        access: None,
    }
}

pub fn paid(name: &str) -> PaymentUpdate {
    PaymentUpdate::Session(Box::new(facts(name)))
}

pub fn delivery(event: &str) -> WebhookEvent {
    WebhookEvent {
        provider: STRIPE,
        event_id: EventId::parse(event).unwrap(),
        event_type: "checkout.session.completed".to_owned(),
        body: format!(r#"{{"id":"{event}"}}"#).into(),
    }
}

/// One message for each notification, as marketing makes them: the key says what it is about.
fn messages(preorder: &Preorder, _: &OrderState, begun: &[Notification]) -> Vec<Message> {
    let message = |notification: &Notification| Message {
        kind: MessageKind::KlaviyoEvent,
        dedupe_key: format!("{notification}/{}", preorder.details.session),
        body: notification.to_string().into_bytes(),
        notification: notification.clone(),
    };
    begun.iter().map(message).collect()
}

/// One fact in one step.
pub async fn apply(
    store: &dyn Store,
    ids: &dyn Ids,
    delivery: Option<&WebhookEvent>,
    fact: &PaymentUpdate,
    dry_run: bool,
) -> Result<Applied, StoreError> {
    let decide = |case: &OrderState| lifecycle::decide(case, fact);
    let effect = Effect::Order(OrderEffect { key: OrderKey::of(fact), decide: &decide, messages: &messages, ids });
    let source = Source { provider: STRIPE, event: delivery, at: OffsetDateTime::UNIX_EPOCH, dry_run };
    store.apply(Step { source, effect }).await
}

/// As the use cases do it: a race that was lost is run again.
pub async fn record_update(
    store: &dyn Store,
    ids: &dyn Ids,
    delivery: Option<&WebhookEvent>,
    fact: &PaymentUpdate,
) -> Applied {
    loop {
        match apply(store, ids, delivery, fact, false).await {
            Err(StoreError::Conflict(_)) => {}
            other => return other.unwrap(),
        }
    }
}

/// Each of these in a task of its own, all at once.
async fn at_once(
    store: &Arc<dyn Store>,
    ids: &Arc<dyn Ids>,
    all: Vec<(Option<WebhookEvent>, PaymentUpdate)>,
) -> Vec<Applied> {
    let mut tasks = tokio::task::JoinSet::new();
    for (delivery, fact) in all {
        let (store, ids) = (store.clone(), ids.clone());
        tasks.spawn(async move { record_update(&*store, &*ids, delivery.as_ref(), &fact).await });
    }
    tasks.join_all().await
}

pub async fn purchase(store: &dyn Store, name: &str) -> StoredOrder {
    store.order(OrderKey::Session(&session(name))).await.unwrap().unwrap()
}
