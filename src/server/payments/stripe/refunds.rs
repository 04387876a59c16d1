//! Refunds at Stripe, and the refunded total of a charge.

use async_trait::async_trait;
use serde::Deserialize;
use stripe_core::{
    payment_intent::RetrievePaymentIntent,
    refund::{CreateRefund, CreateRefundReason, ListRefund, RetrieveRefund},
};
use stripe_types::RangeQueryTs;

use super::{
    super::{
        Cursor, Page, PaymentError, Refunds,
        capability::{IdempotencyKey, RefundDraft, RefundFilter, RefundReason},
    },
    PAGE, Stripe,
    client::{Failure, deadline},
    decode::{Reference, decode_response, money, page, parse_enum, reference, text},
};
use crate::domain::{
    lifecycle::{ChargeUpdate, Refund, RefundStatus},
    money::Money,
    payment::{IntentId, RefundId},
};

/// The fields of a refund that the adapter reads. A refund does not state its mode.
#[derive(Deserialize)]
pub struct RefundObject {
    id: RefundId,
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
    failure_reason: Option<String>,
}

fn status_named(name: &str) -> Option<RefundStatus> {
    // Stripe's spelling has one l.
    if name == "canceled" { Some(RefundStatus::Cancelled) } else { RefundStatus::from_name(name) }
}

impl RefundObject {
    /// Returns the refund; `None` for one without a payment intent, which concerns no checkout.
    pub(crate) fn into_refund(self, livemode: bool) -> Result<Option<Refund>, String> {
        let Some(intent) = reference("payment_intent", self.payment_intent.as_ref(), IntentId::parse)? else {
            return Ok(None);
        };
        let amount = money("amount", self.amount, self.currency.as_deref())?;
        let status = parse_enum("status", self.status.as_deref(), status_named)?;
        Ok(Some(Refund {
            reason: text(self.reason, 100),
            failure: text(self.failure_reason, 100),
            ..Refund::new(self.id, intent, amount, status, livemode)
        }))
    }
}

/// The fields of a charge that the adapter reads.
#[derive(Deserialize)]
pub struct ChargeObject {
    #[serde(default)]
    payment_intent: Option<Reference>,
    #[serde(default)]
    amount_refunded: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    livemode: Option<bool>,
}

impl ChargeObject {
    /// Returns the update; `None` for a charge without a payment intent, which no checkout makes.
    pub(crate) fn into_update(self, livemode: bool) -> Result<Option<ChargeUpdate>, String> {
        let Some(intent) = reference("payment_intent", self.payment_intent.as_ref(), IntentId::parse)? else {
            return Ok(None);
        };
        let refunded = money("amount_refunded", self.amount_refunded, self.currency.as_deref())?;
        Ok(Some(ChargeUpdate { intent, refunded, livemode: self.livemode.unwrap_or(livemode) }))
    }
}

impl Stripe {
    fn refund(&self, object: RefundObject) -> Result<Refund, PaymentError> {
        // This shop never asks for a refund without a payment intent.
        object.into_refund(self.livemode).map_err(PaymentError::Unreadable)?.ok_or(PaymentError::NotFound)
    }

    /// Checks the currency of an amount. Stripe takes amounts without a currency, so an amount in
    /// another one would be taken for one in the charge's.
    async fn check_currency(&self, intent: &IntentId, amount: Money) -> Result<(), PaymentError> {
        #[derive(Deserialize)]
        struct Charged {
            currency: String,
        }
        let charged: Charged = self.client.call(&RetrievePaymentIntent::new(intent.as_str()), None).await?;
        if charged.currency.eq_ignore_ascii_case(amount.currency().code()) {
            return Ok(());
        }
        Err(PaymentError::State(format!("the payment is not in the currency {}", amount.currency())))
    }
}

/// Returns whether Stripe refused a refund because less is left. Stripe has no code for that.
fn too_much(failure: &Failure) -> bool {
    let response = &failure.response;
    let amount = response.param == "amount" || response.param.is_empty();
    matches!(response.error, PaymentError::Configuration(_))
        && ((amount && response.code.is_empty()) || response.code == "amount_too_large")
}

#[async_trait]
impl Refunds for Stripe {
    async fn create(&self, draft: &RefundDraft, key: &IdempotencyKey) -> Result<Refund, PaymentError> {
        let mut request = CreateRefund::new().payment_intent(draft.intent.as_str());
        if let Some(amount) = draft.amount {
            self.check_currency(&draft.intent, amount).await?;
            request = request.amount(amount.minor());
        }
        if let Some(reason) = draft.reason {
            request = request.reason(match reason {
                RefundReason::Duplicate => CreateRefundReason::Duplicate,
                RefundReason::Fraudulent => CreateRefundReason::Fraudulent,
                RefundReason::RequestedByCustomer => CreateRefundReason::RequestedByCustomer,
            });
        }
        match self.client.send(&request, Some(key.as_str()), deadline()).await {
            Ok(sent) => self.refund(decode_response(&sent.body)?),
            Err(failure) if too_much(&failure) => {
                Err(PaymentError::State("less than this amount is left to refund".to_owned()))
            }
            Err(failure) => Err(failure.error()),
        }
    }

    async fn retrieve(&self, id: &RefundId) -> Result<Refund, PaymentError> {
        self.refund(self.client.call(&RetrieveRefund::new(id.as_str()), None).await?)
    }

    async fn list(&self, filter: &RefundFilter, from: Option<&Cursor>) -> Result<Page<Refund>, PaymentError> {
        let mut request = ListRefund::new().limit(PAGE);
        if let Some(intent) = &filter.intent {
            request = request.payment_intent(intent.as_str());
        }
        if let Some(since) = filter.since {
            request = request.created(RangeQueryTs::gte(since.unix_timestamp()));
        }
        if let Some(from) = from {
            request = request.starting_after(from.as_str());
        }
        let success = self.client.send(&request, None, deadline()).await.map_err(Failure::error)?;
        page(&success.body, |refund: RefundObject| refund.into_refund(self.livemode))
    }
}
