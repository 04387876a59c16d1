//! Use case: applies what a provider reports, or a merchant does, to an order, with everything that
//! follows from it, in one transaction. Webhooks, the return page, reconciliation and the
//! merchant's commands all end here, so there is one way for an order to change.

use crate::domain::{
    lifecycle::{self, Change, MerchantAction, Notification, OrderState, PaymentUpdate, SessionUpdate},
    mirror::Mirror,
    payment::{Mentions, ProviderId},
    preorder::{Preorder, PreorderNumber},
};
use crate::server::{
    retry,
    state::Shop,
    store::{Applied, Effect, OrderEffect, OrderKey, Source, Step, StoreError, WebhookEvent},
};

/// Applies one payment update. Safe to repeat and to run concurrently.
pub(crate) async fn apply_update(
    shop: &Shop,
    source: Source<'_>,
    update: &PaymentUpdate,
) -> Result<Applied, StoreError> {
    change_order(shop, source, OrderKey::of(update), &|order| lifecycle::decide(order, update)).await
}

/// Applies the state of a checkout session that the shop asked for.
pub async fn apply_session(shop: &Shop, update: &SessionUpdate) -> Result<Applied, StoreError> {
    let source = Source { provider: update.provider, event: None, at: shop.clock.now(), dry_run: false };
    apply_update(shop, source, &PaymentUpdate::Session(Box::new(update.clone()))).await
}

/// Applies a merchant's action. Returns `Applied::Ignored` with the reason if it is not possible.
pub async fn apply_action(
    shop: &Shop,
    provider: ProviderId,
    number: &PreorderNumber,
    action: &MerchantAction,
) -> Result<Applied, StoreError> {
    let source = Source { provider, event: None, at: shop.clock.now(), dry_run: false };
    let decide = |order: &OrderState| lifecycle::act(order, action).unwrap_or_else(Change::Ignore);
    change_order(shop, source, OrderKey::Number(number), &decide).await
}

/// Updates the local copy of a provider's object.
pub(crate) async fn apply_mirror(shop: &Shop, source: Source<'_>, mirror: &Mirror) -> Result<Applied, StoreError> {
    apply_step(shop, source, || Effect::Mirror(mirror)).await
}

/// Logs an event that changes nothing, with the reason.
pub(crate) async fn record_ignored(
    shop: &Shop,
    delivery: &WebhookEvent,
    reason: &str,
    mentions: &Mentions,
) -> Result<Applied, StoreError> {
    let source = Source { provider: delivery.provider, event: Some(delivery), at: shop.clock.now(), dry_run: false };
    apply_step(shop, source, || Effect::Ignore { reason, mentions }).await
}

async fn change_order(
    shop: &Shop,
    source: Source<'_>,
    key: OrderKey<'_>,
    decide: &(dyn Fn(&OrderState) -> Change + Send + Sync),
) -> Result<Applied, StoreError> {
    let messages = |preorder: &Preorder, order: &OrderState, notifications: &[Notification]| {
        shop.messages.messages(preorder, order, notifications, source.at)
    };
    let effect = || Effect::Order(OrderEffect { key, decide, messages: &messages, ids: shop.ids.as_ref() });
    let applied = apply_step(shop, source, effect).await?;
    if let (Applied::Changed(Some(preorder)), false) = (&applied, source.dry_run) {
        log_change(preorder);
        shop.work.notify_waiters();
    }
    Ok(applied)
}

/// Applies one step, and repeats it while the database reports a lost race.
async fn apply_step<'a>(
    shop: &Shop,
    source: Source<'a>,
    effect: impl Fn() -> Effect<'a> + Send + Sync,
) -> Result<Applied, StoreError> {
    retry::on_conflict(|| shop.store.apply(Step { source, effect: effect() })).await
}

/// Logs the change. Operators follow an order by this line.
fn log_change(preorder: &Preorder) {
    let details = &preorder.details;
    tracing::info!(number = %preorder.number, status = details.status.as_str(), "preorder");
    if details.review.is_open() {
        metrics::counter!("preorders_held_for_review_total").increment(1);
        tracing::error!(number = %preorder.number, reason = details.review.text(), "preorder is held for review");
    }
}
