//! Charges: what each attempt to take money came to, and how much of it went back.

use axum::{
    Extension,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{
    method::{Billing, Method},
    tender::Decline,
};
use minor_money::Currency;

use crate::{
    state::{Sandbox, World},
    stripe::{
        events::Cause,
        wire::{
            error::ApiError,
            expand::{self, Expansions},
            gate::Call,
            params::{Metadata, Reader},
            resource::{Answered, Resource, Wanted},
            shelf::Shelf,
        },
    },
};

pub struct Charge {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub amount_captured: i64,
    pub amount_refunded: i64,
    pub currency: Currency,
    pub customer: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub intent: String,
    pub method: Option<String>,
    /// In Stripe's shape.
    pub details: Value,
    pub billing: Billing,
    pub status: ChargeStatus,
    pub captured: bool,
    pub disputed: bool,
    pub failure: Option<Decline>,
    pub receipt_email: Option<String>,
    pub shipping: Value,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChargeStatus {
    Pending,
    Succeeded,
    Failed,
}

impl ChargeStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Charge {
    fn outcome(&self) -> Value {
        let outcome = |network: &str, reason: Option<&str>, message: &str, kind: &str| {
            json!({
                "advice_code": null, "network_advice_code": null, "network_decline_code": null,
                "network_status": network, "reason": reason, "seller_message": message, "type": kind,
            })
        };
        match self.failure {
            None => outcome("approved_by_network", None, "Payment complete.", "authorized"),
            Some(decline) => outcome(
                "declined_by_network",
                decline.reason.or(Some(decline.code)),
                "The bank did not return any further details with this decline.",
                "issuer_declined",
            ),
        }
    }

    /// What can still be given back.
    pub fn refundable(&self) -> i64 {
        self.amount_captured - self.amount_refunded
    }

    pub fn is_refunded(&self) -> bool {
        self.amount_captured > 0 && self.refundable() == 0
    }

    pub fn pay_with(&mut self, method: &Method) {
        self.method = Some(method.id.clone());
        self.details = method.details();
        self.billing = method.billing.clone();
    }
}

impl Resource for Charge {
    const KIND: &'static str = "charge";
    const URL: &'static str = "/v1/charges";
    const PARAM: &'static str = "id";
    const UNSUPPORTED: &'static [&'static str] = &["transfer_group"];

    fn shelf(world: &World) -> &Shelf<Self> {
        &world.charges
    }

    fn shelf_mut(world: &mut World) -> &mut Shelf<Self> {
        &mut world.charges
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let customer = reader.text("customer")?;
        let intent = reader.text("payment_intent")?;
        Ok(Box::new(move |charge| {
            customer.is_none_or(|customer| charge.customer.as_deref() == Some(customer))
                && intent.is_none_or(|intent| charge.intent == intent)
        }))
    }

    fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "charge", "amount": self.amount, "amount_captured": self.amount_captured,
            "amount_refunded": self.amount_refunded, "application": null, "application_fee": null,
            "application_fee_amount": null, "balance_transaction": null, "billing_details": self.billing.render(),
            "calculated_statement_descriptor": "SANDBOX", "captured": self.captured, "created": self.created,
            "currency": self.currency, "customer": self.customer, "description": self.description,
            "disputed": self.disputed, "failure_balance_transaction": null,
            "failure_code": self.failure.map(|failure| failure.code),
            "failure_message": self.failure.map(|failure| failure.message), "fraud_details": {}, "livemode": false,
            "metadata": self.metadata, "on_behalf_of": null, "outcome": self.outcome(),
            "paid": self.status == ChargeStatus::Succeeded, "payment_intent": self.intent,
            "payment_method": self.method, "payment_method_details": self.details,
            "receipt_email": self.receipt_email, "receipt_number": null, "receipt_url": null,
            "refunded": self.is_refunded(), "review": null, "shipping": self.shipping, "source": null,
            "source_transfer": null, "statement_descriptor": null, "statement_descriptor_suffix": null,
            "status": self.status.as_str(), "transfer_data": null, "transfer_group": null,
        })
    }
}

pub async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let metadata = reader.metadata_change("metadata")?;
    let description = reader.change("description")?;
    let receipt_email = reader.email("receipt_email")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&["customer", "fraud_details", "shipping", "transfer_group"])?;
    sandbox.with(|world| {
        let rendered = world.change::<Charge>(&id, "charge.updated", Cause::from(&call), |charge| {
            metadata.apply(&mut charge.metadata);
            description.apply(&mut charge.description);
            charge.receipt_email = receipt_email.or(charge.receipt_email.take());
        })?;
        expand::answer(world, rendered, &expansions)
    })
}
