//! Triggered events. Where the object in the request names an existing one, the event happens to
//! that. Otherwise the event is about the object as it was given, or about a plausible one.

use serde_json::{Map, Value, json};

use super::{
    checkout_sessions, disputes, invoices,
    payments::{self, AttemptOutcome},
    refunds::{self, RefundRequest},
    subscriptions,
};
use crate::{
    stripe::{
        objects::{
            Cause, Charge, DISPUTE_STATUSES, DelayedOutcome, Dispute, Event, Invoice, InvoiceStatus, METHODS, Object,
            REFUND_REASONS, Refund, RefundStatus, Session, SessionStatus, Subscription, SubscriptionStatus,
        },
        resources::Resource,
        wire::{ApiError, Decline, Metadata, ids},
    },
    world::World,
};

pub(crate) type Given = Map<String, Value>;

/// The reason for which an invoice's payment fails when a trigger asks for that.
const WANTED: Decline =
    Decline { code: "card_declined", reason: Some("generic_decline"), message: "Your card was declined." };

/// Triggers an event of this type. Returns its id.
pub(crate) fn trigger_event(world: &mut World, kind: &str, given: Option<Given>) -> Result<String, ApiError> {
    let Some(given) = given else {
        let sample = sample_object(world, kind);
        return Ok(world.emit(kind, &sample, Cause::default()));
    };
    let before = world.events.len();
    let Some(id) = apply_to_existing(world, kind, &given)? else {
        return Ok(world.emit(kind, &Value::Object(given), Cause::default()));
    };
    let same_type = |event: &&Event| event.kind == kind;
    let ids: Vec<String> = world.events.iter().skip(before).filter(same_type).map(|event| event.id.clone()).collect();
    let ids = if ids.is_empty() {
        let object = world.look_up(&id).unwrap_or_default();
        vec![world.emit(kind, &object, Cause::default())]
    } else {
        ids
    };
    let said = overriding(kind, given);
    for id in &ids {
        override_object(world, id, &said);
    }
    Ok(ids.last().cloned().unwrap_or_default())
}

/// Changes the object in an event. Nothing was sent yet, because the state is still locked, so the
/// changed object is what is delivered.
pub(crate) fn override_object(world: &mut World, id: &str, said: &Given) {
    let Some(event) = world.events.get_mut(id) else { return };
    let mut body: Value = serde_json::from_str(&event.body).unwrap_or_default();
    if let Some(object) = body.pointer_mut("/data/object").and_then(Value::as_object_mut) {
        object.extend(said.clone());
    }
    event.body = body.to_string();
}

/// Changes an existing object as the event type says. Returns the id of the event's object, or
/// `None` when it does not exist.
pub(crate) fn apply_to_existing(world: &mut World, kind: &str, given: &Given) -> Result<Option<String>, ApiError> {
    let cause = Cause::default();
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    let status = text("status");
    let charge = find_named_charge(world, kind, given);
    match (kind, charge, text("id")) {
        ("charge.dispute.created", Some(charge), _) => dispute_by_trigger(world, &charge, given).map(Some),
        ("refund.created" | "charge.refunded", Some(charge), _) => {
            refund_by_trigger(world, kind, &charge, given).map(Some)
        }
        (_, _, Some(id)) if world.disputes.get(id).is_some() && kind.starts_with("charge.dispute.") => {
            let closed = (kind == "charge.dispute.closed").then_some("lost");
            if let Some(status) = status.or(closed) {
                let known = DISPUTE_STATUSES.into_iter().find(|known| *known == status);
                let known = known.ok_or_else(|| ApiError::not_one_of("status", &DISPUTE_STATUSES))?;
                known.clone_into(&mut world.find_mut::<Dispute>(id)?.status);
            }
            Ok(Some(id.to_owned()))
        }
        (_, _, Some(id)) if world.refunds.get(id).is_some() => {
            let status =
                match (kind, status) {
                    ("refund.failed", _) => Some(RefundStatus::Failed),
                    (_, Some(text)) => Some(RefundStatus::of(text).ok_or_else(|| {
                        ApiError::not_one_of("status", &["succeeded", "failed", "pending", "canceled"])
                    })?),
                    (_, None) => None,
                };
            if let Some(status) = status {
                refunds::set_refund_status(world, id, status, &cause)?;
            }
            Ok(Some(id.to_owned()))
        }
        ("checkout.session.expired", _, Some(id)) if world.sessions.get(id).is_some() => {
            if Session::find(world, id)?.status == SessionStatus::Open {
                checkout_sessions::expire_session(world, id, cause)?;
            }
            Ok(Some(id.to_owned()))
        }
        ("payment_intent.succeeded" | "payment_intent.payment_failed", _, Some(id))
            if payments::is_settling(world, id) =>
        {
            let settled =
                if kind == "payment_intent.succeeded" { DelayedOutcome::Succeeds } else { DelayedOutcome::Fails };
            payments::settle_payment(world, id, settled, &cause)?;
            Ok(Some(id.to_owned()))
        }
        (_, _, Some(id)) if world.subscriptions.get(id).is_some() => {
            change_subscription(world, kind, id, given).map(|()| Some(id.to_owned()))
        }
        (_, _, Some(id)) if world.invoices.get(id).is_some() => {
            change_invoice(world, kind, id).map(|()| Some(id.to_owned()))
        }
        (_, _, Some(id)) => Ok(world.look_up(id).map(|_| id.to_owned())),
        _ => Ok(None),
    }
}

/// Returns the existing charge that a dispute or a refund belongs to, if the request names one.
pub(crate) fn find_named_charge(world: &World, kind: &str, given: &Given) -> Option<String> {
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    let own = text("id").filter(|_| kind == "charge.refunded");
    let named = own.or_else(|| text("charge")).filter(|charge| world.charges.get(charge).is_some());
    let paid = || text("payment_intent").and_then(|intent| refunds::find_charge(world, None, Some(intent)).ok());
    named.map(str::to_owned).or_else(paid)
}

pub(crate) fn dispute_by_trigger(world: &mut World, charge: &str, given: &Given) -> Result<String, ApiError> {
    let reason = given.get("reason").and_then(Value::as_str).unwrap_or("product_not_received");
    let id = disputes::open_dispute(world, charge, reason, &Cause::default())?;
    let dispute = world.find_mut::<Dispute>(&id)?;
    dispute.amount = given.get("amount").and_then(Value::as_i64).unwrap_or(dispute.amount);
    if let Some(status) = given.get("status").and_then(Value::as_str)
        && DISPUTE_STATUSES.contains(&status)
    {
        status.clone_into(&mut dispute.status);
    }
    Ok(id)
}

/// Refunds what is asked for, or all that is left. Returns the id of the refund or of the charge,
/// whichever the event type is about.
pub(crate) fn refund_by_trigger(
    world: &mut World,
    kind: &str,
    charge: &str,
    given: &Given,
) -> Result<String, ApiError> {
    let whole = kind == "charge.refunded";
    let is_charge = given.get("object").and_then(Value::as_str) == Some("charge");
    let number = |name: &str| given.get(name).and_then(Value::as_i64);
    let already = Charge::find(world, charge)?.amount_refunded;
    let amount = match number("amount_refunded").filter(|_| whole) {
        Some(total) => Some(total - already),
        None if whole && is_charge => None,
        None => number("amount"),
    };
    if amount.is_some_and(|amount| amount < 1) {
        return if whole { Ok(charge.to_owned()) } else { Err(ApiError::invalid("amount: must be above zero")) };
    }
    let reason = given.get("reason").and_then(Value::as_str);
    let reason = reason.and_then(|reason| REFUND_REASONS.into_iter().find(|known| *known == reason));
    let order = RefundRequest { amount, reason, metadata: Metadata::new() };
    let refund = refunds::refund_charge(world, charge, order, &Cause::default())?;
    Ok(if whole { charge.to_owned() } else { refund })
}

pub(crate) fn change_subscription(world: &mut World, kind: &str, id: &str, given: &Given) -> Result<(), ApiError> {
    let now = world.now();
    let ended = Subscription::find(world, id)?.status.has_ended();
    let status = given.get("status").and_then(Value::as_str).and_then(SubscriptionStatus::of);
    let status = match kind {
        "customer.subscription.deleted" if !ended => {
            return subscriptions::end_subscription(world, id, now, &Cause::default());
        }
        "customer.subscription.paused" => Some(SubscriptionStatus::Paused),
        "customer.subscription.resumed" => Some(SubscriptionStatus::Active),
        _ => status,
    };
    let ends = given.get("cancel_at_period_end").and_then(Value::as_bool);
    let reported = kind == "customer.subscription.updated";
    let subscription = world.find_mut::<Subscription>(id)?;
    let before = subscription.render();
    subscription.status = status.unwrap_or(subscription.status);
    subscription.cancel_at_period_end = ends.unwrap_or(subscription.cancel_at_period_end);
    let after = subscription.render();
    if reported {
        world.emit_update(kind, &before, &after, Cause::default());
    }
    Ok(())
}

pub(crate) fn change_invoice(world: &mut World, kind: &str, id: &str) -> Result<(), ApiError> {
    let cause = Cause::default();
    let open = matches!(Invoice::find(world, id)?.status, InvoiceStatus::Open | InvoiceStatus::Uncollectible);
    match kind {
        "invoice.payment_failed" if open => {
            invoices::record_invoice_attempt(world, id, AttemptOutcome::Declined(WANTED), &cause)
        }
        "invoice.payment_action_required" if open => {
            invoices::record_invoice_attempt(world, id, AttemptOutcome::NeedsAuthentication, &cause)
        }
        "invoice.paid" | "invoice.payment_succeeded" if open => {
            invoices::record_invoice_attempt(world, id, AttemptOutcome::Collected, &cause)
        }
        "invoice.voided" if open => invoices::void_invoice(world, id, &cause).map(drop),
        _ => Ok(()),
    }
}

/// Returns a plausible object for an event type. It refers to the latest payment if there is one,
/// so that a test can join the two.
pub(crate) fn sample_object(world: &World, kind: &str) -> Value {
    let created = world.now();
    let latest = |object: &str| match object {
        "checkout.session" => world.sessions.iter().next_back().map(Session::render),
        "payment_intent" => world.intents.iter().next_back().map(Object::render),
        "customer" => world.customers.iter().next_back().map(Object::render),
        "customer.subscription" => world.subscriptions.iter().next_back().map(Object::render),
        "invoice" => world.invoices.iter().next_back().map(Object::render),
        "product" => world.products.iter().next().map(Object::render),
        "price" => world.prices.iter().next().map(Object::render),
        _ => None,
    };
    let paid = world.charges.iter().rev().find(|charge| charge.amount_captured > 0);
    let object = kind.rsplit_once('.').map_or(kind, |(object, _)| object);
    match (object, paid) {
        ("charge.dispute", Some(charge)) => sample_dispute(world, charge),
        ("refund" | "charge.refund", Some(charge)) => sample_refund(world, charge),
        ("charge", Some(charge)) => {
            let mut object = charge.render();
            if kind == "charge.refunded" {
                object["amount_refunded"] = json!(charge.amount);
                object["refunded"] = json!(true);
            }
            object
        }
        _ => latest(object).unwrap_or_else(|| bare(object, created)),
    }
}

pub(crate) fn sample_dispute(world: &World, charge: &Charge) -> Value {
    let dispute = Dispute {
        id: ids::new("du_1"),
        created: world.now(),
        amount: charge.amount_captured,
        currency: charge.currency,
        charge: charge.id.clone(),
        intent: charge.intent.clone(),
        metadata: Metadata::new(),
        reason: "product_not_received".to_owned(),
        status: "needs_response".to_owned(),
        brand: "visa".to_owned(),
    };
    dispute.render()
}

pub(crate) fn sample_refund(world: &World, charge: &Charge) -> Value {
    let refund = Refund {
        id: ids::new("re_3"),
        created: world.now(),
        amount: charge.amount_captured,
        currency: charge.currency,
        charge: charge.id.clone(),
        intent: charge.intent.clone(),
        metadata: Metadata::new(),
        reason: Some("requested_by_customer"),
        status: RefundStatus::Succeeded,
        kind: METHODS[0],
    };
    refund.render()
}

/// Returns the fields of a request that override the event's object. Where a refund was asked for,
/// fields about the refund do not apply to the charge.
pub(crate) fn overriding(kind: &str, mut given: Given) -> Given {
    let is_charge = given.get("object").and_then(Value::as_str) == Some("charge");
    if kind == "charge.refunded" && !is_charge {
        for name in ["amount", "charge", "reason", "status", "payment_intent"] {
            given.remove(name);
        }
    }
    given
}

/// Returns an object that does not exist, with the fields that every object has.
pub(crate) fn bare(object: &str, created: i64) -> Value {
    let (prefix, name) = match object {
        "checkout.session" => ("cs_test_a1", object),
        "payment_intent" => ("pi_3", object),
        "charge" => ("ch_3", object),
        "charge.dispute" => ("du_1", "dispute"),
        "refund" | "charge.refund" => ("re_3", "refund"),
        "customer" => ("cus_", object),
        "customer.subscription" => ("sub_1", "subscription"),
        "invoice" => ("in_1", object),
        _ => ("obj_", object),
    };
    let mut bare = json!({
        "id": ids::new(prefix), "object": name, "created": created, "livemode": false, "metadata": {},
    });
    if ["charge", "dispute", "refund"].contains(&name) {
        let fields = [
            ("amount", json!(29_900)),
            ("currency", json!("usd")),
            ("payment_intent", json!(ids::new("pi_3"))),
            ("charge", json!(ids::new("ch_3"))),
            ("status", json!(if name == "dispute" { "needs_response" } else { "succeeded" })),
        ];
        for (field, value) in fields {
            bare[field] = value;
        }
    }
    bare
}
