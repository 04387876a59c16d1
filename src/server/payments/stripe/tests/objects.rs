//! Objects in the shapes of Stripe's own fixtures (`OpenAPI` v1819, which is API version
//! 2025-06-30.basil), and tests that they are decoded. The values are made up; null, empty and
//! missing fields are as in the fixtures.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::domain::{
    lifecycle::{DisputeFunds, DisputeStatus, ExpectedAmount, IntentStatus, RefundStatus, SessionOutcome},
    mirror::SubscriptionStatus,
};
use crate::server::payments::stripe::{
    customers::CustomerObject,
    decode::{Reference, page, raw_page, read},
    disputes::DisputeObject,
    intents::IntentObject,
    refunds::{ChargeObject, RefundObject},
    session_update::Session,
    subscriptions::{InvoiceObject, SubscriptionObject},
};

pub fn nowhere() -> Value {
    json!({ "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null })
}

pub fn session() -> Value {
    json!({
        "id": "cs_test_a1", "object": "checkout.session", "amount_subtotal": null, "amount_total": null, "currency": null,
        "adaptive_pricing": { "enabled": true }, "after_expiration": { "recovery": { "enabled": true, "url": null } },
        "collected_information": { "shipping_details": { "address": nowhere(), "name": "name" } },
        "created": 1_234_567_890, "customer": null, "customer_email": null, "discounts": null,
        "customer_details": { "address": nowhere(), "email": "example@example.com", "name": null, "phone": null,
                              "tax_exempt": "none", "tax_ids": null },
        "expires_at": 1_234_567_890, "livemode": false, "locale": null, "metadata": {}, "mode": "payment",
        "payment_intent": "pi_1", "payment_status": "unpaid", "status": "open", "url": "https://checkout.stripe.com/c",
        "shipping_cost": { "amount_total": 1, "shipping_rate": null }, "wallet_options": {},
    })
}

pub fn intent() -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "amount": 1099, "amount_details": { "tip": {} }, "currency": "usd",
        "automatic_payment_methods": { "enabled": true }, "canceled_at": 1_234_567_890, "client_secret": "pi_1_secret_2",
        "customer": null, "description": null, "last_payment_error": { "type": "idempotency_error" }, "livemode": false,
        "metadata": {}, "next_action": { "type": "type" }, "payment_method": null, "processing": { "type": "card" },
        "shipping": {}, "status": "requires_payment_method",
    })
}

pub fn charge() -> Value {
    json!({
        "id": "ch_1", "object": "charge", "amount": 100, "amount_captured": 0, "amount_refunded": 0, "currency": "usd",
        "billing_details": { "address": nowhere(), "email": null }, "captured": false, "fraud_details": {},
        "livemode": false, "metadata": {}, "outcome": { "type": "type" }, "payment_intent": null, "refunded": false,
        "refunds": { "data": [], "has_more": false, "object": "list", "url": "/v1/charges/ch_1/refunds" },
        "shipping": {}, "status": "succeeded",
    })
}

pub fn refund() -> Value {
    json!({
        "id": "re_1", "object": "refund", "amount": 100, "balance_transaction": null, "charge": "ch_1",
        "created": 1_234_567_890, "currency": "usd", "destination_details": { "card": { "type": "reversal" }, "type": "card" },
        "metadata": {}, "payment_intent": null, "reason": null, "receipt_number": null, "status": "succeeded",
    })
}

pub fn dispute() -> Value {
    json!({
        "id": "dp_1", "object": "dispute", "amount": 1000, "balance_transactions": [], "charge": "ch_1", "currency": "usd",
        "enhanced_eligibility_types": ["visa_compelling_evidence_3"], "evidence": { "enhanced_evidence": {} },
        "evidence_details": { "due_by": 1_723_679_999, "has_evidence": false, "enhanced_eligibility": {} },
        "is_charge_refundable": true, "livemode": false, "metadata": {}, "payment_intent": null, "reason": "general",
        "payment_method_details": { "card": { "brand": "visa", "case_type": "inquiry" }, "type": "card" },
        "status": "warning_needs_response",
    })
}

pub fn customer() -> Value {
    json!({
        "id": "cus_1", "object": "customer", "address": nowhere(), "balance": 0, "currency": "usd", "email": null,
        "discount": { "id": "obj_123", "coupon": { "valid": true } }, "livemode": false, "metadata": {}, "name": null,
        "invoice_settings": { "rendering_options": { "template": null } }, "preferred_locales": [], "shipping": {},
    })
}

pub fn subscription() -> Value {
    json!({
        "id": "sub_1", "object": "subscription", "automatic_tax": { "enabled": false }, "cancel_at": 1_234_567_890,
        "customer": "cus_1", "livemode": false, "metadata": {}, "pause_collection": { "behavior": "mark_uncollectible" },
        "items": { "object": "list", "has_more": false, "data": [{
            "id": "si_1", "object": "subscription_item", "quantity": 1, "current_period_end": 976_287_773,
            "current_period_start": 1_896_570_518, "billing_thresholds": { "usage_gte": null },
            "price": { "id": "price_1", "object": "price", "active": true, "currency": "usd", "type": "recurring" },
        }] },
        "pending_update": { "expires_at": 1 }, "status": "active",
    })
}

pub fn invoice() -> Value {
    json!({
        "id": "in_1", "object": "invoice", "amount_due": 1000, "billing_reason": "manual", "customer": "cus_1",
        "customer_shipping": {}, "last_finalization_error": { "type": "idempotency_error" }, "livemode": false,
        "lines": { "data": [{ "id": "il_1", "parent": { "subscription_item_details": { "subscription": "sub_9" } } }] },
        "parent": { "type": "quote_details", "quote_details": { "quote": "quote" },
                    "subscription_details": { "metadata": null, "subscription": "sub_1" } },
        "payment_settings": { "payment_method_options": { "konbini": {} } }, "shipping_details": {}, "status": "draft",
        "subscription": null,
    })
}

fn from<T: DeserializeOwned>(object: Value) -> T {
    read(object.to_string().as_bytes()).unwrap()
}

/// Returns `object` with some fields replaced.
pub fn with(mut object: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("not an object") };
    object.as_object_mut().unwrap().extend(changes);
    object
}

#[test]
fn a_session_is_decoded() {
    let facts = from::<Session>(session()).into_update(true, None).unwrap();
    assert_eq!(
        (facts.outcome, facts.livemode, facts.expected),
        (SessionOutcome::Open, false, ExpectedAmount::NotStated)
    );
    assert_eq!((facts.color, facts.amount), (None, None));
    assert_eq!(facts.email.as_deref(), Some("example@example.com"));
    assert_eq!(facts.shipping.unwrap().name.as_deref(), Some("name"));
}

#[test]
fn an_object_without_livemode_has_the_mode_of_its_source() {
    let mut unsaid = session();
    unsaid.as_object_mut().unwrap().remove("livemode");
    for livemode in [true, false] {
        assert_eq!(from::<Session>(unsaid.clone()).into_update(livemode, None).unwrap().livemode, livemode);
        let refund = with(refund(), json!({ "payment_intent": "pi_1" }));
        assert_eq!(from::<RefundObject>(refund).into_refund(livemode).unwrap().unwrap().livemode, livemode);
    }
}

#[test]
fn the_outcome_of_a_complete_unpaid_session_depends_on_its_payment_intent() {
    let complete = with(session(), json!({ "status": "complete" }));
    let outcome = |intent: Value| {
        let session: Session = from(with(complete.clone(), json!({ "payment_intent": intent })));
        session.into_update(false, None).unwrap().outcome
    };
    assert_eq!(outcome(json!("pi_1")), SessionOutcome::Pending);
    assert_eq!(outcome(Value::Null), SessionOutcome::Pending);
    assert_eq!(outcome(with(intent(), json!({ "status": "processing" }))), SessionOutcome::Pending);
    assert_eq!(outcome(intent()), SessionOutcome::Failed);
    assert_eq!(outcome(with(intent(), json!({ "status": "canceled" }))), SessionOutcome::Failed);
    let paid = with(complete.clone(), json!({ "payment_status": "paid", "payment_intent": intent() }));
    assert_eq!(from::<Session>(paid).into_update(false, None).unwrap().outcome, SessionOutcome::Paid);
    // An open session may have had a refused card, and may still be paid.
    let open = with(session(), json!({ "payment_intent": intent() }));
    assert_eq!(from::<Session>(open).into_update(false, None).unwrap().outcome, SessionOutcome::Open);
}

#[test]
fn a_payment_intent_is_decoded() {
    let facts = from::<IntentObject>(intent()).into_update(true, "payment_intent.payment_failed", 7).unwrap();
    assert_eq!((facts.status, facts.ours, facts.livemode), (IntentStatus::Waiting, false, false));
    assert_eq!(facts.failure, Some((7, "idempotency_error".to_owned())));
    assert_eq!(facts.amount.unwrap().minor(), 1099);
}

#[test]
fn a_charge_and_a_refund_without_a_payment_intent_are_ignored() {
    assert_eq!(from::<ChargeObject>(charge()).into_update(false), Ok(None));
    assert_eq!(from::<RefundObject>(refund()).into_refund(false), Ok(None));
    assert_eq!(from::<DisputeObject>(dispute()).into_dispute(false, None), Ok(None));
    let ours = json!({ "payment_intent": "pi_1" });
    let charge = from::<ChargeObject>(with(charge(), ours.clone())).into_update(false).unwrap().unwrap();
    assert_eq!((charge.intent.as_str(), charge.refunded.minor()), ("pi_1", 0));
    let refund = from::<RefundObject>(with(refund(), ours)).into_refund(false).unwrap().unwrap();
    assert_eq!((refund.status, refund.amount.minor(), refund.counted), (RefundStatus::Succeeded, 100, true));
}

#[test]
fn a_dispute_is_decoded_with_its_funds_by_its_balance_transactions() {
    let of = |changes: Value, event: Option<&str>| {
        let changes = with(changes, json!({ "payment_intent": { "id": "pi_1", "object": "payment_intent" } }));
        from::<DisputeObject>(with(dispute(), changes)).into_dispute(false, event).unwrap().unwrap()
    };
    let read = of(json!({}), None);
    assert_eq!((read.status, read.funds), (DisputeStatus::WarningNeedsResponse, DisputeFunds::Untouched));
    assert_eq!((read.reason.as_str(), read.due_by, read.intent.as_str()), ("general", Some(1_723_679_999), "pi_1"));
    let moved = |amounts: &[i64]| {
        let list: Vec<Value> = amounts.iter().map(|amount| json!({ "amount": amount, "fee": 1500 })).collect();
        json!({ "balance_transactions": list })
    };
    assert_eq!(of(moved(&[-1000]), None).funds, DisputeFunds::Withdrawn);
    assert_eq!(of(moved(&[-1000, 1000]), None).funds, DisputeFunds::Reinstated);
    assert_eq!(of(moved(&[1000, -1000]), None).funds, DisputeFunds::Reinstated);
    assert_eq!(of(json!({}), Some("charge.dispute.funds_withdrawn")).funds, DisputeFunds::Withdrawn);
    assert_eq!(of(moved(&[-1000]), Some("charge.dispute.funds_reinstated")).funds, DisputeFunds::Reinstated);
}

#[test]
fn a_customer_is_decoded_and_a_deleted_one_keeps_no_personal_data() {
    let copy = from::<CustomerObject>(customer()).into_copy(true, "customer.updated", 7);
    assert_eq!((copy.deleted, copy.email, copy.name, copy.livemode), (false, None, None, false));
    let stub = json!({ "id": "cus_1", "object": "customer", "deleted": true });
    assert!(from::<CustomerObject>(stub).into_copy(false, "customer.updated", 7).deleted);
    let whole = with(customer(), json!({ "email": "jo@example.com", "name": "Jo" }));
    let gone = from::<CustomerObject>(whole).into_copy(false, "customer.deleted", 7);
    assert_eq!((gone.deleted, gone.email, gone.name), (true, None, None));
}

#[test]
fn a_subscription_is_decoded_by_its_first_item() {
    let copy = from::<SubscriptionObject>(subscription()).into_copy(false, 7).unwrap();
    assert_eq!((copy.status, copy.paused, copy.quantity), (SubscriptionStatus::Active, true, Some(1)));
    assert_eq!(copy.current_period_end, Some(976_287_773));
    assert_eq!(copy.price.unwrap().as_str(), "price_1");
    let older = json!({ "id": "sub_1", "status": "active", "current_period_end": 5, "items": { "data": [{}] } });
    assert_eq!(from::<SubscriptionObject>(older).into_copy(false, 7).unwrap().current_period_end, Some(5));
}

#[test]
fn an_invoice_belongs_to_the_subscription_of_its_parent_if_it_has_one() {
    let copy = from::<InvoiceObject>(invoice()).into_copy(false, true, 7).unwrap().unwrap();
    assert_eq!((copy.subscription.as_str(), copy.invoice.as_str(), copy.paid), ("sub_1", "in_1", true));
    let older = with(invoice(), json!({ "parent": null, "subscription": "sub_2" }));
    assert_eq!(from::<InvoiceObject>(older).into_copy(false, true, 7).unwrap().unwrap().subscription.as_str(), "sub_2");
    let single = with(invoice(), json!({ "parent": { "subscription_details": null } }));
    assert_eq!(from::<InvoiceObject>(single).into_copy(false, true, 7), Ok(None));
}

#[test]
fn an_unreadable_object_of_a_list_hides_no_other() {
    let good = with(refund(), json!({ "payment_intent": "pi_1" }));
    let list = json!({ "object": "list", "has_more": true, "data": [
        with(good.clone(), json!({ "id": "re_3" })),
        with(good.clone(), json!({ "status": "a_status_of_tomorrow" })),
        with(good.clone(), json!({ "amount": "much" })),
        refund(),
        with(good, json!({ "id": "re_2" })),
    ] });
    let page = page(list.to_string().as_bytes(), |refund: RefundObject| refund.into_refund(false)).unwrap();
    assert_eq!(page.items.iter().map(|refund| refund.id.as_str()).collect::<Vec<_>>(), ["re_3", "re_2"]);
    assert_eq!(page.unreadable.len(), 2, "unreadable objects are named");
    assert_eq!(page.next.unwrap().as_str(), "re_2");
}

#[test]
fn a_list_ends_when_has_more_is_false() {
    for list in [
        json!({ "data": [refund()] }),
        json!({ "data": [refund()], "has_more": false }),
        json!({ "data": [], "has_more": true }),
    ] {
        assert_eq!(raw_page(list.to_string().as_bytes()).unwrap().next, None);
    }
    for broken in [json!({}), json!([]), json!({ "data": [{ "object": "refund" }], "has_more": true })] {
        assert!(raw_page(broken.to_string().as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn a_reference_is_an_id_or_a_whole_object() {
    assert_eq!(from::<Reference>(json!("pi_1")).id, "pi_1");
    let whole: Reference = from(intent());
    assert_eq!((whole.id.as_str(), whole.status.as_deref()), ("pi_1", Some("requires_payment_method")));
}
