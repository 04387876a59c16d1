//! A subscription through time: from one period to the next, and to its end.

use super::{invoices, subscriptions};
use crate::{
    stripe::{
        objects::{Cause, Invoice, InvoiceStatus, Object, Subscription, SubscriptionStatus, period_end},
        wire::ApiError,
    },
    world::World,
};

/// How long a first payment may take, in seconds.
const INCOMPLETE_FOR: i64 = 23 * 60 * 60;

/// Renews, resumes and ends the subscriptions that are due.
pub(crate) fn renew_due(world: &mut World) {
    let ids: Vec<String> = world
        .subscriptions
        .iter()
        .filter(|subscription| !subscription.status.has_ended())
        .map(|subscription| subscription.id.clone())
        .collect();
    for id in ids {
        // Everything that a subscription refers to exists.
        if let Err(error) = renew(world, &id) {
            tracing::warn!(subscription = id, ?error, "sandbox: not renewed");
        }
    }
}

pub(crate) fn renew(world: &mut World, id: &str) -> Result<(), ApiError> {
    let cause = Cause::default();
    let now = world.now();
    let updated = "customer.subscription.updated";
    let subscription = world.find_mut::<Subscription>(id)?;
    if subscription.status == SubscriptionStatus::Incomplete {
        if now - subscription.created < INCOMPLETE_FOR {
            return Ok(());
        }
        let invoice = subscription.latest_invoice.clone().unwrap_or_default();
        world.change::<Subscription>(id, updated, cause.clone(), |subscription| {
            subscription.status = SubscriptionStatus::IncompleteExpired;
            subscription.ended_at = Some(now);
        })?;
        invoices::void_invoice(world, &invoice, &cause)?;
        return Ok(());
    }
    while matches!(world.find_mut::<Subscription>(id)?.status, SubscriptionStatus::Active | SubscriptionStatus::PastDue)
    {
        let subscription = world.find_mut::<Subscription>(id)?;
        let end = subscription.period_end();
        if let Some(resumes) = subscription.paused.and_then(|pause| pause.resumes_at)
            && resumes <= now.min(end)
        {
            world.change::<Subscription>(id, updated, cause.clone(), |subscription| subscription.paused = None)?;
            continue;
        }
        if end > now {
            return Ok(());
        }
        if subscription.cancel_at_period_end {
            return subscriptions::end_subscription(world, id, end, &cause);
        }
        begin_next_period(world, id, end, &cause)?;
    }
    Ok(())
}

pub(crate) fn begin_next_period(world: &mut World, id: &str, end: i64, cause: &Cause) -> Result<(), ApiError> {
    world.change::<Subscription>(id, "customer.subscription.updated", cause.clone(), |subscription| {
        for item in &mut subscription.items {
            item.period = (end, period_end(end, subscription.anchor, item.recurring));
        }
    })?;
    let invoice = invoices::draft_invoice(world, id, "subscription_cycle", cause)?;
    let now = world.now();
    match world.find_mut::<Subscription>(id)?.paused.map(|pause| pause.behavior) {
        None => {
            invoices::finalize_invoice(world, &invoice, cause)?;
            invoices::collect_invoice(world, &invoice, None, true, cause)
        }
        Some("void") => invoices::void_invoice(world, &invoice, cause).map(drop),
        Some("mark_uncollectible") => {
            let invoice = world.find_mut::<Invoice>(&invoice)?;
            invoice.status = InvoiceStatus::Uncollectible;
            invoice.uncollectible_at = Some(now);
            let object = invoice.render();
            world.emit("invoice.marked_uncollectible", &object, cause.clone());
            Ok(())
        }
        // keep_as_draft
        Some(_) => Ok(()),
    }
}
