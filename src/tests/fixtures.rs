//! What providers send, as tests make it.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

pub fn form(fields: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(fields).unwrap()
}

/// The value of `stripe-signature` for this body.
pub fn sign(secret: &str, seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// A checkout session as Stripe shows it once it is paid.
pub fn paid_session(id: &str) -> Value {
    json!({
        "id": id, "object": "checkout.session", "status": "complete", "payment_status": "paid", "mode": "payment",
        "amount_total": 29_900, "currency": "usd", "livemode": false, "payment_intent": format!("pi_{id}"),
        "customer_email": null,
        "customer_details": { "email": "jo@example.com", "name": "Jo Buyer", "phone": "+15035550100", "address": null },
        "collected_information": { "shipping_details": { "name": "Jo Buyer", "address": {
            "line1": "1 Main Street", "line2": null, "city": "Portland", "state": "OR", "postal_code": "97201", "country": "US",
        } } },
        "metadata": { "color": "Sakura Pink", "locale": "en", "attempt": format!("a-{id}"),
                      "expected_amount_minor": "29900", "expected_currency": "usd" },
    })
}

pub fn event(id: &str, kind: &str, object: Value) -> Value {
    json!({
        "id": id, "object": "event", "type": kind, "api_version": "2025-06-30.basil", "created": 1_763_800_000,
        "livemode": false, "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
        "data": { "object": object },
    })
}

/// `checkout.session.completed` of a paid session.
pub fn completed(event_id: &str, session: &str) -> Value {
    event(event_id, "checkout.session.completed", paid_session(session))
}
