//! Payment intents: payments without a checkout session, and events about payments with one.

use std::collections::HashMap;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;
use stripe_core::payment_intent::{
    CancelPaymentIntent, ConfirmPaymentIntent, CreatePaymentIntent, RetrievePaymentIntent,
};
use stripe_types::Currency;

use super::{
    super::{
        PaymentError, PaymentIntents,
        capability::{IdempotencyKey, Intent, IntentDraft, NextAction},
        error::Decline,
    },
    Stripe,
    client::deadline,
    decode::{decode_response, money, parse_enum, text},
};
use crate::domain::{
    lifecycle::{IntentStatus, IntentUpdate},
    payment::{IntentId, PaymentMethodId},
};

/// The fields of a payment intent that the adapter reads.
#[derive(Deserialize)]
pub struct IntentObject {
    id: IntentId,
    #[serde(default)]
    amount: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    next_action: Option<NextActionObject>,
    #[serde(default)]
    last_payment_error: Option<LastError>,
    #[serde(default)]
    client_secret: Option<String>,
    #[serde(default)]
    metadata: Option<HashMap<String, String>>,
    #[serde(default)]
    livemode: Option<bool>,
}

#[derive(Deserialize)]
struct NextActionObject {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    redirect_to_url: Option<RedirectToUrl>,
}

#[derive(Deserialize)]
struct RedirectToUrl {
    #[serde(default)]
    url: Option<String>,
}

#[derive(Deserialize)]
struct LastError {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
}

impl LastError {
    fn decline(self) -> Decline {
        let code = text(self.code, 100).or(text(self.kind, 100)).unwrap_or_else(|| "declined".to_owned());
        Decline { code, decline_code: text(self.decline_code, 100) }
    }
}

fn status_named(name: &str) -> Option<IntentStatus> {
    match name {
        "requires_payment_method" | "requires_confirmation" | "requires_action" | "requires_capture" => {
            Some(IntentStatus::Waiting)
        }
        "processing" => Some(IntentStatus::Processing),
        "canceled" => Some(IntentStatus::Cancelled),
        "succeeded" => Some(IntentStatus::Succeeded),
        _ => None,
    }
}

impl IntentObject {
    fn into_intent(self, livemode: bool) -> Result<Intent, String> {
        let status = parse_enum("status", self.status.as_deref(), status_named)?;
        let next_action = match self.status.as_deref() {
            Some("requires_payment_method") => Some(NextAction::GiveMethod),
            Some("requires_confirmation") => Some(NextAction::Confirm),
            Some("requires_action") => {
                self.next_action.map(|action| match action.redirect_to_url.and_then(|redirect| redirect.url) {
                    Some(url) => NextAction::Redirect { url },
                    None => NextAction::Scripted { kind: text(action.kind, 100).unwrap_or_default() },
                })
            }
            _ => None,
        };
        Ok(Intent {
            id: self.id,
            amount: money("amount", self.amount, self.currency.as_deref())?,
            status,
            next_action,
            decline: self.last_payment_error.map(LastError::decline),
            client_secret: self.client_secret.map(SecretString::from),
            livemode: self.livemode.unwrap_or(livemode),
        })
    }

    /// Returns the update that an event of `event_type` reported at `reported_at`, in Unix seconds.
    /// An unreadable amount is an error only if the payment belongs to this shop.
    pub(crate) fn into_update(
        self,
        livemode: bool,
        event_type: &str,
        reported_at: i64,
    ) -> Result<IntentUpdate, String> {
        let ours = self.metadata.is_some_and(|metadata| metadata.contains_key("color"));
        let amount = match money("amount", self.amount, self.currency.as_deref()) {
            Err(error) if ours => return Err(error),
            amount => amount.ok(),
        };
        let failure = self.last_payment_error.map(LastError::decline);
        let failure =
            failure.map_or_else(|| "unknown".to_owned(), |failure| failure.decline_code.unwrap_or(failure.code));
        Ok(IntentUpdate {
            intent: self.id,
            status: parse_enum("status", self.status.as_deref(), status_named)?,
            amount,
            ours,
            failure: (event_type == "payment_intent.payment_failed").then_some((reported_at, failure)),
            livemode: self.livemode.unwrap_or(livemode),
        })
    }
}

impl Stripe {
    fn intent(&self, object: IntentObject) -> Result<Intent, PaymentError> {
        object.into_intent(self.livemode).map_err(PaymentError::Unreadable)
    }
}

#[async_trait]
impl PaymentIntents for Stripe {
    async fn create(&self, draft: &IntentDraft, key: &IdempotencyKey) -> Result<Intent, PaymentError> {
        let Ok(currency) = draft.amount.currency().code().parse::<Currency>();
        let mut request = CreatePaymentIntent::new(draft.amount.minor(), currency);
        if let Some(customer) = &draft.customer {
            request = request.customer(customer.as_str());
        }
        if let Some(description) = &draft.description {
            request = request.description(description.as_str());
        }
        if !draft.metadata.is_empty() {
            request = request.metadata(draft.metadata.clone().into_iter().collect::<HashMap<_, _>>());
        }
        self.intent(self.client.call(&request, Some(key)).await?)
    }

    async fn confirm(
        &self,
        id: &IntentId,
        method: Option<&PaymentMethodId>,
        return_url: Option<&str>,
        key: &IdempotencyKey,
    ) -> Result<Intent, PaymentError> {
        let mut request = ConfirmPaymentIntent::new(id.as_str());
        if let Some(method) = method {
            request = request.payment_method(method.as_str());
        }
        if let Some(url) = return_url {
            request = request.return_url(url);
        }
        self.intent(self.client.call(&request, Some(key)).await?)
    }

    async fn cancel(&self, id: &IntentId, key: &IdempotencyKey) -> Result<Intent, PaymentError> {
        let request = CancelPaymentIntent::new(id.as_str());
        let sent = self.client.send(&request, Some(key.as_str()), deadline()).await;
        self.intent(decode_response(&sent.map_err(|failure| failure.response.about_state())?.body)?)
    }

    async fn retrieve(&self, id: &IntentId) -> Result<Intent, PaymentError> {
        self.intent(self.client.call(&RetrievePaymentIntent::new(id.as_str()), None).await?)
    }
}
