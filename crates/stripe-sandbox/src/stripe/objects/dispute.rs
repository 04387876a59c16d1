//! Disputes: the customer's bank reclaims the money. A trigger opens them, and so does the card
//! that is always disputed.

use minor_money::Currency;
use serde_json::{Value, json};

use super::Object;
use crate::stripe::wire::{ApiError, Metadata, Reader, Wanted};

pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: Currency,
    pub(crate) charge: String,
    pub(crate) intent: String,
    pub(crate) metadata: Metadata,
    pub(crate) reason: String,
    pub(crate) status: String,
    pub(crate) brand: String,
}

pub(crate) const DISPUTE_STATUSES: [&str; 7] = [
    "lost",
    "needs_response",
    "under_review",
    "warning_closed",
    "warning_needs_response",
    "warning_under_review",
    "won",
];

/// The evidence that Stripe accepts. The sandbox accepts none of it.
const EVIDENCE: [&str; 27] = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];

/// How long a shop has to respond, in seconds.
const DUE: i64 = 9 * 86_400;

impl Dispute {
    /// Returns whether the charge can still be refunded: during an inquiry, and after the shop has
    /// won.
    pub(crate) fn is_refundable(&self) -> bool {
        self.status.starts_with("warning_") || self.status == "won"
    }
}

impl Object for Dispute {
    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let charge = reader.text("charge")?;
        let intent = reader.text("payment_intent")?;
        Ok(Box::new(move |dispute| {
            charge.is_none_or(|charge| dispute.charge == charge) && intent.is_none_or(|intent| dispute.intent == intent)
        }))
    }

    fn render(&self) -> Value {
        let mut evidence = json!({"enhanced_evidence": {}});
        for name in EVIDENCE {
            evidence[name] = Value::Null;
        }
        json!({
            "id": self.id, "object": "dispute", "amount": self.amount, "balance_transactions": [],
            "charge": self.charge, "created": self.created, "currency": self.currency,
            "enhanced_eligibility_types": [], "evidence": evidence,
            "evidence_details": {
                "due_by": self.created + DUE, "enhanced_eligibility": {}, "has_evidence": false, "past_due": false,
                "submission_count": 0,
            },
            "is_charge_refundable": self.is_refundable(), "livemode": false, "metadata": self.metadata,
            "payment_intent": self.intent,
            "payment_method_details": {
                "card": {"brand": self.brand, "case_type": "chargeback", "network_reason_code": "13.1"}, "type": "card",
            },
            "reason": self.reason, "status": self.status,
        })
    }
}
