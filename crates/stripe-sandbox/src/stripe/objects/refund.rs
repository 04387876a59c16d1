//! Refunds: the money that was returned to the customer.

use minor_money::Currency;
use serde_json::{Value, json};

use super::Object;
use crate::stripe::wire::{ApiError, Metadata, Reader, Wanted};

pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: Currency,
    pub(crate) charge: String,
    pub(crate) intent: String,
    pub(crate) metadata: Metadata,
    pub(crate) reason: Option<&'static str>,
    pub(crate) status: RefundStatus,
    /// The kind of the payment method to which the money returns.
    pub(crate) kind: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
    Canceled,
}

pub(crate) const REFUND_REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];

impl RefundStatus {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    pub(crate) fn of(text: &str) -> Option<Self> {
        [Self::Pending, Self::Succeeded, Self::Failed, Self::Canceled]
            .into_iter()
            .find(|status| status.as_str() == text)
    }

    /// Returns whether the amount counts as refunded.
    pub(crate) const fn counts(self) -> bool {
        matches!(self, Self::Pending | Self::Succeeded)
    }
}

impl Object for Refund {
    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let charge = reader.text("charge")?;
        let intent = reader.text("payment_intent")?;
        Ok(Box::new(move |refund| {
            charge.is_none_or(|charge| refund.charge == charge) && intent.is_none_or(|intent| refund.intent == intent)
        }))
    }

    fn render(&self) -> Value {
        let mut destination = json!({ "type": self.kind });
        destination[self.kind] = if self.kind == "card" { json!({"type": "refund"}) } else { json!({}) };
        let mut refund = json!({
            "id": self.id, "object": "refund", "amount": self.amount, "balance_transaction": null,
            "charge": self.charge, "created": self.created, "currency": self.currency,
            "destination_details": destination, "metadata": self.metadata, "payment_intent": self.intent,
            "reason": self.reason, "receipt_number": null, "source_transfer_reversal": null,
            "status": self.status.as_str(), "transfer_reversal": null,
        });
        if self.status == RefundStatus::Failed {
            refund["failure_reason"] = json!("expired_or_canceled_card");
        }
        refund
    }
}
