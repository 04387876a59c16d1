//! Plausible objects for `POST /sandbox/stripe/trigger` where the caller gives none.
//!
//! They refer to the latest payment in the sandbox where there is one, so that what hangs on a payment can be joined to it.

use serde_json::{Value, json};

use super::ids;
use crate::sandbox::state::World;

impl World {
    /// An object of the kind that an event type is about.
    pub fn sample(&self, kind: &str) -> Value {
        let session = self.sessions.iter().next_back();
        let intent = self.intents.iter().next_back();
        let intent_id = intent.map_or_else(|| ids::new("pi_3"), |intent| intent.id.clone());
        let charge_id = intent.and_then(|intent| intent.latest_charge.clone()).unwrap_or_else(|| ids::new("ch_3"));
        let amount = intent.map_or(29_900, |intent| intent.amount);
        let currency = intent.map_or("usd", |intent| intent.currency.code()).to_owned();
        let created = self.now();
        let money = Money { amount, currency, created, intent: intent_id, charge: charge_id };
        if kind.starts_with("checkout.session.") {
            return session
                .map_or_else(|| bare("cs_test_a1", "checkout.session", created), super::session::Session::render);
        }
        if kind.starts_with("payment_intent.") {
            return intent.map_or_else(|| bare("pi_3", "payment_intent", created), super::intent::Intent::render);
        }
        if kind.starts_with("charge.dispute.") {
            return money.dispute();
        }
        if kind.starts_with("refund.") || kind == "charge.refund.updated" {
            return money.refund();
        }
        if kind.starts_with("charge.") {
            return money.charge(kind == "charge.refunded");
        }
        if let Some(product) = self.products.iter().next().filter(|_| kind.starts_with("product.")) {
            return product.render();
        }
        if let Some(price) = self.prices.iter().next().filter(|_| kind.starts_with("price.")) {
            return price.render();
        }
        let object = kind.rsplit_once('.').map_or(kind, |(object, _)| object);
        bare("obj_", object, created)
    }
}

/// What a payment's followers say about it.
struct Money {
    amount: i64,
    currency: String,
    created: i64,
    intent: String,
    charge: String,
}

impl Money {
    fn dispute(&self) -> Value {
        json!({
            "id": ids::new("du_1"), "object": "dispute", "amount": self.amount, "balance_transactions": [],
            "charge": self.charge, "created": self.created, "currency": self.currency,
            "enhanced_eligibility_types": [], "evidence": {},
            "evidence_details": {
                "due_by": self.created + 9 * 86_400, "enhanced_eligibility": {}, "has_evidence": false,
                "past_due": false, "submission_count": 0,
            },
            "is_charge_refundable": true, "livemode": false, "metadata": {}, "payment_intent": self.intent,
            "reason": "product_not_received", "status": "needs_response",
        })
    }

    fn refund(&self) -> Value {
        json!({
            "id": ids::new("re_3"), "object": "refund", "amount": self.amount, "balance_transaction": null,
            "charge": self.charge, "created": self.created, "currency": self.currency, "metadata": {},
            "payment_intent": self.intent, "reason": "requested_by_customer", "receipt_number": null,
            "source_transfer_reversal": null, "status": "succeeded", "transfer_reversal": null,
        })
    }

    fn charge(&self, refunded: bool) -> Value {
        json!({
            "id": self.charge, "object": "charge", "amount": self.amount, "amount_captured": self.amount,
            "amount_refunded": if refunded { self.amount } else { 0 }, "captured": true, "created": self.created,
            "currency": self.currency, "disputed": false, "livemode": false, "metadata": {}, "paid": true,
            "payment_intent": self.intent, "refunded": refunded, "status": "succeeded",
        })
    }
}

fn bare(prefix: &str, object: &str, created: i64) -> Value {
    json!({"id": ids::new(prefix), "object": object, "created": created, "livemode": false, "metadata": {}})
}
