//! The life of one purchase: facts that Stripe told about it, in an order that the input chooses, one byte for each.

use std::sync::OnceLock;

use rolitt::{
    domain::{
        lifecycle::{Change, MerchantAction, Notification, OrderState, PaymentUpdate, act, decide, notifications},
        preorder::PreorderStatus,
    },
    server::payments::{Occurrence, PaymentProvider},
};
use serde_json::{Value, json};

use super::signature::provider;

/// Bytes from here on are a merchant's acts.
const ACTS: u8 = 240;

pub fn life(data: &[u8]) {
    let facts = facts();
    let history: Vec<&PaymentUpdate> = data
        .iter()
        .take(64)
        .filter(|byte| **byte < ACTS)
        .map(|byte| &facts[usize::from(*byte) % facts.len()])
        .collect();
    let case = live(history.iter().copied());
    assert_eq!(case, live(history.iter().rev().copied()), "the order does not matter");
    assert_eq!(case, live(history.iter().flat_map(|fact| [*fact; 2])), "repeats do not matter");
    with_acts(data);
}

/// The case after `history`. On the way the status only goes up, and a success is told once at most.
fn live<'a>(history: impl Iterator<Item = &'a PaymentUpdate>) -> OrderState {
    let mut paid = 0;
    let case = history.fold(OrderState::default(), |case, fact| match decide(&case, fact) {
        Change::Put(next) => step(&case, *next, &mut paid),
        _ => case,
    });
    assert!(paid <= 1, "a success was told {paid} times");
    case
}

/// The same, with a merchant at work in between.
fn with_acts(data: &[u8]) {
    let (facts, mut paid, mut case) = (facts(), 0, OrderState::default());
    for byte in data.iter().take(64) {
        let change = match byte.checked_sub(ACTS).map(|act| act % 4) {
            None => Ok(decide(&case, &facts[usize::from(*byte) % facts.len()])),
            Some(0) => act(&case, &MerchantAction::Ship { tracking: None }),
            Some(1) => act(&case, &MerchantAction::Ship { tracking: Some("JD014600".to_owned()) }),
            Some(2) => act(&case, &MerchantAction::Deliver),
            Some(_) => act(&case, &MerchantAction::Approve),
        };
        if let Ok(Change::Put(next)) = change {
            case = step(&case, *next, &mut paid);
        }
    }
    assert!(paid <= 1, "a success was told {paid} times");
}

fn step(before: &OrderState, after: OrderState, paid: &mut usize) -> OrderState {
    assert_ne!(before, &after, "a change changes something");
    let status = |case: &OrderState| case.preorder.as_ref().map(|preorder| preorder.status);
    assert!(status(&after) >= status(before), "a state went back");
    let told = notifications(before, &after);
    *paid += told.iter().filter(|told| **told == Notification::Paid).count();
    let preorder = after.preorder.as_ref();
    if told.contains(&Notification::Paid) {
        assert!(preorder.is_some_and(|preorder| preorder.status >= PreorderStatus::Paid));
    }
    assert!(
        told.is_empty() || preorder.is_some_and(|preorder| !preorder.review.blocks_notifications()),
        "nothing is told in doubt"
    );
    assert!(preorder.is_none_or(|preorder| preorder.refunded_minor >= 0));
    after
}

/// Everything that can truly be told about one purchase, read as it is read from events.
fn facts() -> &'static [PaymentUpdate] {
    static FACTS: OnceLock<Vec<PaymentUpdate>> = OnceLock::new();
    FACTS.get_or_init(|| {
        let events = [sessions(), payments(), refunds(), disputes()].concat();
        events.into_iter().map(|(kind, created, object)| fact(kind, created, &object)).collect()
    })
}

fn fact(kind: &str, created: i64, object: &Value) -> PaymentUpdate {
    let event = json!({ "id": "evt_1", "type": kind, "created": created, "data": { "object": object } });
    match provider().decode(event.to_string().as_bytes()).unwrap().occurrence {
        Occurrence::PaymentUpdate(fact) => *fact,
        other => panic!("{kind}: {other:?}"),
    }
}

type Told = (&'static str, i64, Value);

const PRICE: i64 = 29_900;

fn sessions() -> Vec<Told> {
    let object = |status: &str, minor: i64| {
        json!({
            "id": "cs_1", "status": "complete", "payment_status": status, "amount_total": minor, "currency": "usd",
            "payment_intent": "pi_1", "customer_details": { "email": "jo@example.com" },
            "metadata": { "color": "Red", "expected_amount_minor": "29900", "expected_currency": "usd" },
        })
    };
    vec![
        ("checkout.session.completed", 100, object("unpaid", PRICE)),
        ("checkout.session.completed", 100, object("paid", PRICE)),
        ("checkout.session.async_payment_succeeded", 102, object("paid", PRICE)),
        ("checkout.session.async_payment_failed", 102, object("unpaid", PRICE)),
        ("checkout.session.expired", 102, object("unpaid", PRICE)),
    ]
}

fn payments() -> Vec<Told> {
    let object = |status: &str| json!({ "id": "pi_1", "status": status, "amount": PRICE, "currency": "usd" });
    let mut told = vec![
        ("payment_intent.processing", 100, object("processing")),
        ("payment_intent.canceled", 103, object("canceled")),
        ("payment_intent.succeeded", 103, object("succeeded")),
    ];
    for at in [99, 100, 101, 102] {
        let mut failed = object("requires_payment_method");
        failed["last_payment_error"] = json!({ "code": "card_declined" });
        told.push(("payment_intent.payment_failed", at, failed));
    }
    told
}

fn refunds() -> Vec<Told> {
    let mut told = Vec::new();
    for (id, minor) in [("re_1", 10_000), ("re_2", 19_900), ("re_3", PRICE)] {
        for status in ["pending", "requires_action", "succeeded", "canceled", "failed"] {
            let object = json!({
                "id": id, "payment_intent": "pi_1", "amount": minor, "currency": "usd", "status": status,
                "failure_reason": (status == "failed").then_some("lost_or_stolen_card"),
            });
            told.push(("refund.updated", 104, object));
        }
    }
    for minor in [0, 10_000, 19_900, PRICE, 2 * PRICE] {
        let object = json!({ "id": "ch_1", "payment_intent": "pi_1", "amount_refunded": minor, "currency": "usd" });
        told.push(("charge.refunded", 104, object));
    }
    told
}

fn disputes() -> Vec<Told> {
    let mut told = Vec::new();
    for (kind, status) in [
        ("charge.dispute.created", "warning_needs_response"),
        ("charge.dispute.updated", "needs_response"),
        ("charge.dispute.updated", "under_review"),
        ("charge.dispute.funds_withdrawn", "needs_response"),
        ("charge.dispute.funds_reinstated", "won"),
        ("charge.dispute.closed", "warning_closed"),
        ("charge.dispute.closed", "lost"),
    ] {
        for id in ["du_1", "du_2"] {
            let object = json!({
                "id": id, "payment_intent": "pi_1", "amount": PRICE, "currency": "usd", "status": status,
                "reason": "general", "evidence_details": { "due_by": 1_000 },
            });
            told.push((kind, 105, object));
        }
    }
    told
}
