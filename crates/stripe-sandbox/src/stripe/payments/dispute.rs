//! Disputes: the customer's bank wants the money back. They come by trigger, or with the card that is always disputed.

use axum::{
    Extension,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::charge::Charge;
use minor_money::Currency;

use crate::{
    state::{Sandbox, World},
    stripe::{
        events::Cause,
        wire::{
            error::ApiError,
            expand::{self, Expansions},
            gate::Call,
            ids,
            params::{Metadata, Reader},
            resource::{Answered, Resource, Wanted},
            shelf::Shelf,
        },
    },
};

pub struct Dispute {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub currency: Currency,
    pub charge: String,
    pub intent: String,
    pub metadata: Metadata,
    pub reason: String,
    pub status: String,
    pub brand: String,
}

pub const STATUSES: [&str; 7] = [
    "lost",
    "needs_response",
    "under_review",
    "warning_closed",
    "warning_needs_response",
    "warning_under_review",
    "won",
];

/// What a shop can say in its defence; the sandbox takes none of it.
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

/// How long a shop has to answer.
const DUE: i64 = 9 * 86_400;

impl Resource for Dispute {
    const KIND: &'static str = "dispute";
    const URL: &'static str = "/v1/disputes";

    fn shelf(world: &World) -> &Shelf<Self> {
        &world.disputes
    }

    fn shelf_mut(world: &mut World) -> &mut Shelf<Self> {
        &mut world.disputes
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

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

impl World {
    /// The bank of a charge's customer opens a dispute; answers its id.
    pub fn dispute(&mut self, charge: &str, reason: &str, cause: &Cause) -> Result<String, ApiError> {
        let created = self.now();
        let found = self.charges.get(charge).ok_or_else(|| ApiError::no_such("charge", charge, "charge"))?;
        let dispute = Dispute {
            id: ids::new("du_1"),
            created,
            amount: found.amount_captured,
            currency: found.currency,
            charge: charge.to_owned(),
            intent: found.intent.clone(),
            metadata: Metadata::new(),
            reason: reason.to_owned(),
            status: "needs_response".to_owned(),
            brand: found.details["card"]["brand"].as_str().unwrap_or("visa").to_owned(),
        };
        let (id, object) = (dispute.id.clone(), dispute.render());
        self.put(dispute);
        self.change::<Charge>(charge, "charge.updated", cause.clone(), |charge| charge.disputed = true)?;
        self.emit("charge.dispute.created", &object, cause.clone());
        Ok(id)
    }
}

/// Metadata can be changed; evidence goes to a person, and there is none here.
pub async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let metadata = reader.metadata_change("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&["evidence", "submit"])?;
    sandbox.with(|world| {
        let rendered = world.change::<Dispute>(&id, "charge.dispute.updated", Cause::from(&call), |dispute| {
            metadata.apply(&mut dispute.metadata);
        })?;
        expand::answer(world, rendered, &expansions)
    })
}

/// The shop gives in.
pub async fn close(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let dispute = world.find_mut::<Dispute>(&id)?;
        if ["won", "lost", "warning_closed"].contains(&dispute.status.as_str()) {
            return Err(ApiError::invalid("This dispute is already closed"));
        }
        "lost".clone_into(&mut dispute.status);
        let rendered = dispute.render();
        world.emit("charge.dispute.closed", &rendered, Cause::from(&call));
        expand::answer(world, rendered, &expansions)
    })
}
