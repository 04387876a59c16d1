//! Disputes at Stripe: chargebacks and inquiries by customers' banks.

use async_trait::async_trait;
use serde::Deserialize;
use stripe_core::dispute::{ListDispute, RetrieveDispute};
use stripe_types::RangeQueryTs;
use time::OffsetDateTime;

use super::{
    super::{Cursor, Disputes, Page, PaymentError},
    PAGE, Stripe,
    client::{Failure, deadline},
    decode::{Reference, money, page, parse_enum, reference, text},
};
use crate::domain::{
    lifecycle::{Dispute, DisputeFunds, DisputeStatus},
    payment::{DisputeId, IntentId},
};

/// The fields of a dispute that the adapter reads.
#[derive(Deserialize)]
pub struct DisputeObject {
    id: DisputeId,
    #[serde(default)]
    payment_intent: Option<Reference>,
    #[serde(default)]
    amount: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    evidence_details: Option<EvidenceDetails>,
    /// What was withdrawn from the account for the dispute, and what was reinstated.
    #[serde(default)]
    balance_transactions: Option<Vec<BalanceTransaction>>,
    #[serde(default)]
    livemode: Option<bool>,
}

#[derive(Deserialize)]
struct EvidenceDetails {
    #[serde(default)]
    due_by: Option<i64>,
}

#[derive(Deserialize)]
struct BalanceTransaction {
    #[serde(default)]
    amount: i64,
}

impl DisputeObject {
    fn funds(&self) -> DisputeFunds {
        let moves = self.balance_transactions.iter().flatten();
        let funds = moves.map(|moved| match moved.amount {
            1.. => DisputeFunds::Reinstated,
            ..0 => DisputeFunds::Withdrawn,
            0 => DisputeFunds::Untouched,
        });
        funds.max().unwrap_or(DisputeFunds::Untouched)
    }

    /// Returns the dispute as an event of `event_type`, or a response, reported it. Returns `None`
    /// for a dispute without a payment intent, which concerns no checkout.
    pub(crate) fn into_dispute(self, livemode: bool, event_type: Option<&str>) -> Result<Option<Dispute>, String> {
        let Some(intent) = reference("payment_intent", self.payment_intent.as_ref(), IntentId::parse)? else {
            return Ok(None);
        };
        let reported = match event_type {
            Some("charge.dispute.funds_withdrawn") => DisputeFunds::Withdrawn,
            Some("charge.dispute.funds_reinstated") => DisputeFunds::Reinstated,
            _ => DisputeFunds::Untouched,
        };
        let amount = money("amount", self.amount, self.currency.as_deref())?;
        let status = parse_enum("status", self.status.as_deref(), DisputeStatus::from_name)?;
        let livemode = self.livemode.unwrap_or(livemode);
        Ok(Some(Dispute {
            funds: self.funds().max(reported),
            reason: text(self.reason, 100).unwrap_or_default(),
            due_by: self.evidence_details.and_then(|details| details.due_by),
            ..Dispute::new(self.id, intent, amount, status, livemode)
        }))
    }
}

#[async_trait]
impl Disputes for Stripe {
    async fn retrieve(&self, id: &DisputeId) -> Result<Dispute, PaymentError> {
        let object: DisputeObject = self.client.call(&RetrieveDispute::new(id.as_str()), None).await?;
        object.into_dispute(self.livemode, None).map_err(PaymentError::Unreadable)?.ok_or(PaymentError::NotFound)
    }

    async fn list(&self, since: OffsetDateTime, from: Option<&Cursor>) -> Result<Page<Dispute>, PaymentError> {
        let mut request = ListDispute::new().created(RangeQueryTs::gte(since.unix_timestamp())).limit(PAGE);
        if let Some(from) = from {
            request = request.starting_after(from.as_str());
        }
        let success = self.client.send(&request, None, deadline()).await.map_err(Failure::error)?;
        page(&success.body, |dispute: DisputeObject| dispute.into_dispute(self.livemode, None))
    }
}
