//! Use case: what a provider told becomes what the shop knows, with all that follows from it, in one transaction. Webhooks, the
//! return page, reconciliation and the merchant's commands all end here, so there is one way for an order to change.

use time::OffsetDateTime;

use crate::chaos;
use crate::domain::{
    lifecycle::{self, Change, MerchantAction, Notification, OrderState, PaymentUpdate, SessionUpdate},
    mirror::Mirror,
    payment::{Mentions, ProviderId},
    preorder::{Preorder, PreorderNumber},
};
use crate::server::{
    marketing::klaviyo::event_of,
    state::Shop,
    store::{Applied, CaseEffect, CaseKey, Delivery, Effect, Message, MessageKind, Step, StoreError},
};

/// How often a step that lost a race inside the database is tried again before it is a failure.
const CONFLICT_TRIES: u32 = 3;

/// Who tells, and how.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub provider: ProviderId,
    /// The event that told it; `None` when it was asked for.
    pub delivery: Option<&'a Delivery>,
    /// When it happened, for what is told outside.
    pub at: OffsetDateTime,
    /// Whether everything is undone at the end.
    pub dry_run: bool,
}

/// What a fact does, wherever it comes from. Safe to repeat and to run at the same time.
pub async fn apply_update(shop: &Shop, source: Source<'_>, update: &PaymentUpdate) -> Result<Applied, StoreError> {
    change_order(shop, source, CaseKey::of(update), &|order| lifecycle::decide(order, update)).await
}

/// What a checkout session's facts do when somebody asked for them.
pub async fn apply_session(shop: &Shop, update: &SessionUpdate) -> Result<Applied, StoreError> {
    let source = Source { provider: update.provider, delivery: None, at: shop.clock.now(), dry_run: false };
    apply_update(shop, source, &PaymentUpdate::Session(Box::new(update.clone()))).await
}

/// What a merchant does to a preorder by hand. `Applied::Ignored` says why it cannot be done.
pub async fn apply_action(
    shop: &Shop,
    provider: ProviderId,
    number: &PreorderNumber,
    action: &MerchantAction,
) -> Result<Applied, StoreError> {
    let source = Source { provider, delivery: None, at: shop.clock.now(), dry_run: false };
    let decide = |order: &OrderState| lifecycle::act(order, action).unwrap_or_else(Change::Ignore);
    change_order(shop, source, CaseKey::Number(number), &decide).await
}

/// Brings a copy up to date.
pub async fn apply_mirror(shop: &Shop, source: Source<'_>, mirror: &Mirror) -> Result<Applied, StoreError> {
    apply_step(shop, source, || Effect::Mirror { provider: source.provider, mirror }).await
}

/// An event that does nothing, for a reason that the log keeps.
pub async fn record_ignored(
    shop: &Shop,
    delivery: &Delivery,
    reason: &str,
    mentions: &Mentions,
) -> Result<Applied, StoreError> {
    let source = Source { provider: delivery.provider, delivery: Some(delivery), at: shop.clock.now(), dry_run: false };
    apply_step(shop, source, || Effect::Ignore { reason, mentions }).await
}

async fn change_order(
    shop: &Shop,
    source: Source<'_>,
    key: CaseKey<'_>,
    decide: &(dyn Fn(&OrderState) -> Change + Send + Sync),
) -> Result<Applied, StoreError> {
    let messages = |preorder: &Preorder, order: &OrderState, notifications: &[Notification]| {
        messages_for(shop, preorder, order, notifications, source.at)
    };
    let effect = || {
        Effect::OrderState(CaseEffect {
            provider: source.provider,
            key,
            decide,
            messages: &messages,
            ids: shop.ids.as_ref(),
        })
    };
    let applied = apply_step(shop, source, effect).await?;
    if let (Applied::Changed(Some(preorder)), false) = (&applied, source.dry_run) {
        log_change(preorder);
        shop.work.notify_waiters();
    }
    Ok(applied)
}

/// One step, repeated while the database says that it lost a race.
async fn apply_step<'a>(
    shop: &Shop,
    source: Source<'a>,
    effect: impl Fn() -> Effect<'a> + Send + Sync,
) -> Result<Applied, StoreError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let step = Step { delivery: source.delivery, effect: effect(), dry_run: source.dry_run };
        match shop.store.apply(step).await {
            Err(StoreError::Conflict(_)) if tries < CONFLICT_TRIES => {}
            other => return other,
        }
    }
}

/// What is told outside of consequences that have just begun.
fn messages_for(
    shop: &Shop,
    preorder: &Preorder,
    order: &OrderState,
    notifications: &[Notification],
    at: OffsetDateTime,
) -> Vec<Message> {
    if shop.klaviyo.is_none() {
        return Vec::new();
    }
    let message = |notification: &Notification| {
        let event = event_of(notification, preorder, order, at)?;
        Some(Message {
            kind: MessageKind::KlaviyoEvent,
            dedupe_key: event.unique_id,
            body: event.body,
            consequence: notification.clone(),
        })
    };
    chaos::divert(shop.klaviyo.as_ref(), notifications.iter().filter_map(message).collect())
}

/// The line that an operator follows a purchase by.
fn log_change(preorder: &Preorder) {
    let details = &preorder.details;
    tracing::info!(number = %preorder.number, status = details.status.as_str(), "preorder");
    if details.review.is_open() {
        metrics::counter!("preorders_held_for_review_total").increment(1);
        tracing::error!(number = %preorder.number, reason = details.review.text(), "a preorder needs review");
    }
}
