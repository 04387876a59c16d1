//! Tests of decoding events: what each type becomes, which events are ignored, and which errors
//! make an event wait for a retry.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::objects::{charge, customer, dispute, intent, invoice, refund, session, subscription, with};
use crate::domain::{
    lifecycle::{DisputeFunds, IntentStatus, PaymentUpdate, RefundStatus, SessionOutcome},
    mirror::{Mirror, SubscriptionStatus},
};
use crate::server::payments::{
    DecodeError, Occurrence, ProviderEvent,
    stripe::event::{EVENTS, decode},
};

const AT: i64 = 1_751_300_000;

fn body(kind: &str, object: Value) -> Vec<u8> {
    json!({ "id": "evt_1", "object": "event", "type": kind, "created": AT, "livemode": false, "data": { "object": object } })
        .to_string()
        .into_bytes()
}

fn read(kind: &str, object: Value) -> Result<Occurrence, DecodeError> {
    let event = decode(&body(kind, object), false)?;
    assert_eq!((event.created.unix_timestamp(), event.livemode), (AT, Some(false)));
    Ok(event.occurrence)
}

fn fact(kind: &str, object: Value) -> PaymentUpdate {
    match read(kind, object) {
        Ok(Occurrence::PaymentUpdate(fact)) => *fact,
        other => panic!("{kind}: {other:?}"),
    }
}

fn mirror(kind: &str, object: Value) -> Mirror {
    match read(kind, object) {
        Ok(Occurrence::Mirror(mirror)) => *mirror,
        other => panic!("{kind}: {other:?}"),
    }
}

fn paid() -> Value {
    json!({ "payment_intent": "pi_1" })
}

/// Returns an object for an event of this type.
fn sample(kind: &str) -> Value {
    match kind {
        _ if kind.starts_with("checkout.session.") => {
            with(session(), json!({ "metadata": { "color": "Red", "attempt": "a-1" }, "customer": "cus_1" }))
        }
        _ if kind.starts_with("payment_intent.") => intent(),
        _ if kind.starts_with("charge.dispute.") => with(dispute(), paid()),
        "charge.refunded" => with(charge(), paid()),
        _ if kind.contains("refund.") => with(refund(), paid()),
        _ if kind.starts_with("customer.subscription.") => subscription(),
        _ if kind.starts_with("customer.") => customer(),
        _ => invoice(),
    }
}

#[test]
fn every_expected_event_type_is_decoded_and_no_other() {
    for kind in EVENTS {
        assert_ne!(read(kind, sample(kind)).unwrap(), Occurrence::Other, "{kind}");
    }
    let others = [
        "payment_intent.created",
        "charge.succeeded",
        "charge.updated",
        "customer.source.created",
        "invoice.finalized",
    ];
    for kind in others.into_iter().chain(["customer.subscription.trial_will_end", "refund.sideways", "", "x"]) {
        assert_eq!(read(kind, json!({ "anything": [] })), Ok(Occurrence::Other), "{kind}");
    }
}

#[test]
fn only_the_event_of_completion_knows_when_the_customer_finished() {
    for (kind, outcome, completed_at) in [
        ("checkout.session.completed", SessionOutcome::Pending, Some(AT)),
        ("checkout.session.async_payment_failed", SessionOutcome::Failed, None),
        ("checkout.session.expired", SessionOutcome::Expired, None),
    ] {
        let PaymentUpdate::Session(facts) = fact(kind, sample(kind)) else { panic!("{kind}") };
        assert_eq!((facts.outcome, facts.completed_at), (outcome, completed_at), "{kind}");
        assert_eq!(facts.attempt.as_ref().unwrap().as_str(), "a-1");
        assert_eq!(facts.customer.as_ref().unwrap().as_str(), "cus_1");
    }
    let succeeded = with(sample("checkout.session."), json!({ "status": "complete", "payment_status": "paid" }));
    let PaymentUpdate::Session(facts) = fact("checkout.session.async_payment_succeeded", succeeded) else { panic!() };
    assert_eq!((facts.outcome, facts.completed_at), (SessionOutcome::Paid, None));
}

#[test]
fn a_payment_intent_event_has_a_status_and_only_a_failed_attempt_has_a_reason() {
    let refused = json!({ "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds" });
    for (kind, status, expected) in [
        ("payment_intent.succeeded", "succeeded", IntentStatus::Succeeded),
        ("payment_intent.payment_failed", "requires_payment_method", IntentStatus::Waiting),
        ("payment_intent.canceled", "canceled", IntentStatus::Cancelled),
        ("payment_intent.processing", "processing", IntentStatus::Processing),
    ] {
        let object =
            with(intent(), json!({ "status": status, "last_payment_error": refused, "metadata": { "color": "Red" } }));
        let PaymentUpdate::Intent(facts) = fact(kind, object) else { panic!("{kind}") };
        assert_eq!((facts.status, facts.ours), (expected, true), "{kind}");
        let why = (kind == "payment_intent.payment_failed").then(|| (AT, "insufficient_funds".to_owned()));
        assert_eq!(facts.failure, why, "{kind}");
    }
    let coded = with(intent(), json!({ "last_payment_error": { "code": "expired_card" } }));
    let PaymentUpdate::Intent(facts) = fact("payment_intent.payment_failed", coded) else { panic!() };
    assert_eq!((facts.failure, facts.ours), (Some((AT, "expired_card".to_owned())), false));
}

#[test]
fn a_refund_is_reported_by_the_charge_and_by_each_refund() {
    let object = with(charge(), json!({ "payment_intent": "pi_1", "amount_refunded": 60 }));
    let PaymentUpdate::Charge(facts) = fact("charge.refunded", object) else { panic!() };
    assert_eq!((facts.intent.as_str(), facts.refunded.minor()), ("pi_1", 60));
    for (status, expected) in [
        ("pending", RefundStatus::Pending),
        ("requires_action", RefundStatus::RequiresAction),
        ("succeeded", RefundStatus::Succeeded),
        ("failed", RefundStatus::Failed),
        ("canceled", RefundStatus::Cancelled),
    ] {
        for kind in ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"] {
            let object = with(with(refund(), paid()), json!({ "status": status, "failure_reason": "unknown" }));
            let PaymentUpdate::Refund(refund) = fact(kind, object) else { panic!("{kind}") };
            assert_eq!((refund.status, refund.failure.as_deref()), (expected, Some("unknown")), "{kind} {status}");
        }
    }
}

#[test]
fn a_dispute_says_whether_its_money_was_withdrawn_or_reinstated() {
    for (kind, funds) in [
        ("charge.dispute.created", DisputeFunds::Untouched),
        ("charge.dispute.funds_withdrawn", DisputeFunds::Withdrawn),
        ("charge.dispute.funds_reinstated", DisputeFunds::Reinstated),
    ] {
        let PaymentUpdate::Dispute(dispute) = fact(kind, sample(kind)) else { panic!("{kind}") };
        assert_eq!(dispute.funds, funds, "{kind}");
    }
}

#[test]
fn within_one_second_the_later_state_of_a_copy_wins() {
    let version = |kind: &str, object: Value| match mirror(kind, object) {
        Mirror::Customer(copy) => copy.version,
        Mirror::Subscription(copy) => copy.version,
        Mirror::Invoice(copy) => copy.version,
    };
    let customers = ["customer.created", "customer.updated", "customer.deleted"].map(|kind| version(kind, customer()));
    assert!(customers.is_sorted() && customers[0] < customers[2] && customers[0].told_at == AT, "{customers:?}");
    let states = ["incomplete", "active", "canceled"];
    let subscriptions = states
        .map(|status| version("customer.subscription.updated", with(subscription(), json!({ "status": status }))));
    assert!(subscriptions[0] < subscriptions[1] && subscriptions[1] < subscriptions[2], "{subscriptions:?}");
    assert!(version("invoice.payment_failed", invoice()) < version("invoice.paid", invoice()));
}

#[test]
fn the_copies_of_customers_and_subscriptions_are_complete() {
    let named = with(customer(), json!({ "email": " jo@example.com\u{0}", "name": "Jo" }));
    let Mirror::Customer(copy) = mirror("customer.updated", named) else { panic!() };
    assert_eq!((copy.email.as_deref(), copy.name.as_deref()), (Some("jo@example.com"), Some("Jo")));
    let Mirror::Subscription(copy) =
        mirror("customer.subscription.deleted", with(subscription(), json!({ "status": "canceled" })))
    else {
        panic!()
    };
    assert_eq!((copy.status, copy.customer.unwrap().as_str()), (SubscriptionStatus::Canceled, "cus_1"));
    let Mirror::Invoice(copy) = mirror("invoice.payment_failed", invoice()) else { panic!() };
    assert!(!copy.paid && copy.subscription.as_str() == "sub_1");
}

#[test]
fn an_event_of_another_shop_is_ignored_without_an_error() {
    for (kind, object) in [
        ("charge.refunded", charge()),
        ("refund.created", with(refund(), json!({ "status": "odd", "currency": "??" }))),
        ("charge.dispute.created", dispute()),
        ("invoice.paid", with(invoice(), json!({ "parent": null }))),
        ("checkout.session.completed", with(session(), json!({ "payment_status": "a status of tomorrow" }))),
        ("checkout.session.completed", with(session(), json!({ "amount_total": 5, "currency": "dollars" }))),
    ] {
        assert_eq!(read(kind, object), Ok(Occurrence::Other), "{kind}");
    }
    let strange = with(intent(), json!({ "currency": "usdc" }));
    let PaymentUpdate::Intent(facts) = fact("payment_intent.succeeded", strange) else { panic!() };
    assert_eq!(facts.amount, None);
}

#[test]
fn an_unreadable_object_is_an_error_that_names_its_field() {
    let ours = json!({ "metadata": { "color": "Red" } });
    for (kind, object, field) in [
        (
            "checkout.session.completed",
            with(sample("checkout.session."), json!({ "payment_status": "odd" })),
            "payment_status",
        ),
        (
            "checkout.session.completed",
            with(sample("checkout.session."), json!({ "amount_total": -1, "currency": "usd" })),
            "amount_total",
        ),
        ("payment_intent.succeeded", with(intent(), json!({ "status": "odd" })), "status"),
        ("payment_intent.succeeded", with(with(intent(), ours), json!({ "currency": "usdc" })), "currency"),
        ("charge.refunded", with(with(charge(), paid()), json!({ "amount_refunded": -5 })), "amount_refunded"),
        ("refund.updated", with(with(refund(), paid()), json!({ "status": "odd" })), "status"),
        ("refund.updated", with(with(refund(), paid()), json!({ "status": null })), "status"),
        ("refund.created", with(with(refund(), paid()), json!({ "amount": null })), "amount"),
        ("refund.created", with(refund(), json!({ "payment_intent": "pi 1" })), "payment_intent"),
        ("charge.dispute.updated", with(with(dispute(), paid()), json!({ "status": "odd" })), "status"),
        ("customer.subscription.updated", with(subscription(), json!({ "status": "odd" })), "status"),
        ("customer.updated", with(customer(), json!({ "id": "" })), "id"),
        ("invoice.paid", with(invoice(), json!({ "id": 7 })), "id"),
    ] {
        match read(kind, object) {
            Err(DecodeError::Object(message)) => {
                assert!(message.starts_with(field) && !message.contains("odd"), "{kind}: {message}");
            }
            other => panic!("{kind}: {other:?}"),
        }
    }
    assert!(matches!(read("customer.updated", Value::Null), Err(DecodeError::Object(_))));
}

#[test]
fn an_object_without_livemode_has_the_livemode_of_its_event() {
    let mode = |event: ProviderEvent| match event.occurrence {
        Occurrence::PaymentUpdate(fact) => match *fact {
            PaymentUpdate::Refund(refund) => refund.livemode,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let object = with(refund(), paid());
    let live = json!({ "id": "evt_1", "type": "refund.created", "created": AT, "livemode": true, "data": { "object": object } });
    assert!(mode(decode(live.to_string().as_bytes(), false).unwrap()));
    let unsaid = json!({ "id": "evt_1", "type": "refund.created", "created": AT, "data": { "object": object } });
    assert!(mode(decode(unsaid.to_string().as_bytes(), true).unwrap()));
}

proptest! {
    #[test]
    fn decoding_random_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(matches!(decode(&bytes, false), Err(DecodeError::NotAnEvent(_))));
    }

    /// Any field of any object, and any of its parts, may become any value.
    #[test]
    fn decoding_a_mutated_object_never_panics(
        kind in proptest::sample::select(&EVENTS[..]),
        field in any::<proptest::sample::Index>(),
        value in proptest::sample::select(vec![
            json!(null), json!(""), json!("odd"), json!(-1), json!(i64::MIN), json!(u64::MAX), json!(1e300), json!([]),
            json!([[]]), json!({}), json!({ "id": null }), json!({ "data": [] }), json!(true), json!("\u{0}\u{202e}"),
        ]),
    ) {
        let mut object = sample(kind);
        let names: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
        object[field.get(&names)] = value;
        let _ = decode(&body(kind, object), false);
    }
}
