//! Stripe's events: a body of any bytes, and an object of any bytes in an event of each type that is read.

use std::collections::HashMap;

use rolitt::{
    domain::{
        lifecycle::{Change, Notification, OrderState, PaymentUpdate, decide, notifications},
        mirror::Mirror,
        money::Money,
    },
    server::payments::{DecodeError, Endpoints, Occurrence, PaymentProvider, ProviderEvent},
};
use serde_json::{Value, value::RawValue};

use super::{is_clean, is_reference, signature::provider};

/// A whole body.
pub fn event(data: &[u8]) {
    let Some(event) = read(data) else { return };
    // What is not read need not be text: the envelope skips it.
    let text = String::from_utf8_lossy(data);
    let body: HashMap<String, &RawValue> = serde_json::from_str(&text).unwrap();
    let kind: String = serde_json::from_str(body["type"].get()).unwrap();
    judge(&kind, &event);
}

/// A byte that chooses the type of the event, then its object.
pub fn object(data: &[u8]) {
    let Some((first, object)) = data.split_first() else { return };
    let types = provider().expected_events();
    let kind = types[usize::from(*first) % types.len()];
    // An object that is not JSON would end in the envelope; `event` is there for that.
    if serde_json::from_slice::<&RawValue>(object).is_err() {
        return;
    }
    let head = format!(r#"{{"id":"evt_fuzz","type":"{kind}","created":{AT},"data":{{"object":"#);
    let body = [head.as_bytes(), object, b"}}"].concat();
    let event = match provider().decode(&body) {
        Ok(event) => event,
        Err(DecodeError::Object(_)) => return,
        Err(error) => panic!("the envelope is good: {error}"),
    };
    assert_eq!((event.created.unix_timestamp(), event.livemode), (AT, None));
    judge(kind, &event);
}

/// When the events of `object` happened.
const AT: i64 = 1_751_300_000;

/// The same bytes read the same.
fn read(body: &[u8]) -> Option<ProviderEvent> {
    let (once, again) = (provider().decode(body), provider().decode(body));
    assert_eq!(once, again);
    once.ok()
}

fn judge(kind: &str, event: &ProviderEvent) {
    match &event.occurrence {
        Occurrence::Other => {}
        other if !provider().expected_events().contains(&kind) => panic!("{kind} is nothing that is read: {other:?}"),
        Occurrence::PaymentUpdate(fact) => {
            clean_fact(kind, fact);
            once_is_enough(fact);
        }
        Occurrence::Mirror(mirror) => clean_mirror(mirror),
    }
}

/// A fact told twice changes nothing the second time, and causes nothing twice.
fn once_is_enough(fact: &PaymentUpdate) {
    let nothing = OrderState::default();
    let Change::Put(case) = decide(&nothing, fact) else { return };
    assert_eq!(decide(&case, fact), Change::None, "{fact:?}");
    assert_eq!(notifications(&case, &case), []);
    for consequence in notifications(&nothing, &case) {
        assert_eq!(consequence.to_string().parse(), Ok(consequence));
    }
    if let Some(preorder) = &case.preorder {
        assert!(preorder.refunded_minor >= 0);
        let doubtful = preorder.email.is_empty() || preorder.color.is_none() || preorder.amount.is_none();
        assert!(!doubtful || preorder.review.blocks_notifications(), "what is in doubt is held: {preorder:?}");
        assert!(!doubtful || !notifications(&nothing, &case).contains(&Notification::Paid));
    }
}

fn clean_fact(kind: &str, fact: &PaymentUpdate) {
    match fact {
        PaymentUpdate::Session(facts) => {
            assert!(is_reference(facts.session.as_str()));
            assert!(facts.intent.as_ref().is_none_or(|intent| is_reference(intent.as_str())));
            assert!(facts.email.as_ref().is_none_or(|email| !email.is_empty() && is_clean(email, 320)));
            assert!(facts.color.as_ref().is_none_or(|color| is_clean(color, 100)));
            assert_eq!(facts.completed_at.is_some(), kind == "checkout.session.completed");
            facts.amount.iter().for_each(good_money);
            if let Some(address) = &facts.shipping {
                let parts = serde_json::to_value(address).unwrap();
                for part in parts.as_object().unwrap().values().filter_map(Value::as_str) {
                    assert!(!part.is_empty() && is_clean(part, 500), "{part:?}");
                }
            }
        }
        PaymentUpdate::Intent(facts) => {
            assert!(is_reference(facts.intent.as_str()));
            assert!(facts.failure.as_ref().is_none_or(|(_, code)| is_clean(code, 100)));
            assert!(facts.failure.is_none() || kind == "payment_intent.payment_failed");
            facts.amount.iter().for_each(good_money);
        }
        PaymentUpdate::Charge(facts) => good_money(&facts.refunded),
        PaymentUpdate::Refund(refund) => {
            assert!(is_reference(refund.id.as_str()) && is_reference(refund.intent.as_str()));
            assert!([&refund.reason, &refund.failure].into_iter().flatten().all(|text| is_clean(text, 100)));
            assert_eq!(refund.counted, refund.status.counts());
            good_money(&refund.amount);
        }
        PaymentUpdate::Dispute(dispute) => {
            assert!(is_reference(dispute.id.as_str()) && is_reference(dispute.intent.as_str()));
            assert!(is_clean(&dispute.reason, 100));
            good_money(&dispute.amount);
        }
    }
}

fn clean_mirror(mirror: &Mirror) {
    match mirror {
        Mirror::Customer(copy) => {
            assert!(is_reference(copy.id.as_str()));
            let told = [&copy.email, &copy.name];
            assert!(told.into_iter().flatten().all(|text| !text.is_empty() && is_clean(text, 500)));
            assert!(!copy.deleted || told == [&None, &None], "a deleted customer is forgotten");
        }
        Mirror::Subscription(copy) => {
            assert!(is_reference(copy.id.as_str()));
            assert_eq!(copy.version.finality, copy.status.finality());
        }
        Mirror::Invoice(copy) => assert!(is_reference(copy.subscription.as_str()) && is_clean(&copy.invoice, 255)),
    }
}

/// Never below zero, and its text reads back.
fn good_money(money: &Money) {
    assert!(money.minor() >= 0);
    assert_eq!(money.currency().code().parse(), Ok(money.currency()));
    let digits: String = money.decimal().chars().filter(char::is_ascii_digit).collect();
    assert_eq!(digits.parse(), Ok(money.minor()));
}
