//! Charges: the result of each attempt to collect money, and how much of it was refunded.

use minor_money::Currency;
use serde_json::{Value, json};

use super::{Billing, Object, PaymentMethod};
use crate::stripe::wire::{ApiError, Decline, Metadata, Reader, Wanted};

pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) amount_captured: i64,
    pub(crate) amount_refunded: i64,
    pub(crate) currency: Currency,
    pub(crate) customer: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) intent: String,
    pub(crate) method: Option<String>,
    /// In the shape of Stripe's API.
    pub(crate) details: Value,
    pub(crate) billing: Billing,
    pub(crate) status: ChargeStatus,
    pub(crate) captured: bool,
    pub(crate) disputed: bool,
    pub(crate) failure: Option<Decline>,
    pub(crate) receipt_email: Option<String>,
    pub(crate) shipping: Value,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChargeStatus {
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

    /// Returns the amount that can still be refunded.
    pub(crate) fn refundable(&self) -> i64 {
        self.amount_captured - self.amount_refunded
    }

    pub(crate) fn is_refunded(&self) -> bool {
        self.amount_captured > 0 && self.refundable() == 0
    }

    pub(crate) fn pay_with(&mut self, method: &PaymentMethod) {
        self.method = Some(method.id.clone());
        self.details = method.details();
        self.billing = method.billing.clone();
    }
}

impl Object for Charge {
    const UNSUPPORTED: &'static [&'static str] = &["transfer_group"];

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
