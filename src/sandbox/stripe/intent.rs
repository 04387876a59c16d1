//! The payment intent behind a session, and a card's refusal as Stripe words it.

use axum::{
    Extension,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{
    catalog::Answered,
    error::ApiError,
    expand::{self, Expansions},
    gate::Call,
    ids,
    params::{Metadata, Reader},
};
use crate::{domain::money::Currency, sandbox::state::Sandbox};

pub struct Intent {
    pub id: String,
    pub created: i64,
    pub secret: String,
    pub amount: i64,
    pub currency: Currency,
    pub status: IntentStatus,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub payment_method: Option<String>,
    pub payment_method_types: Vec<&'static str>,
    pub latest_charge: Option<String>,
    pub last_error: Option<Decline>,
    pub shipping: Option<Value>,
    pub canceled_at: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IntentStatus {
    RequiresPaymentMethod,
    RequiresAction,
    Processing,
    Succeeded,
    Canceled,
}

/// Why a payment did not go through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decline {
    pub code: &'static str,
    /// Stripe's `decline_code`.
    pub reason: Option<&'static str>,
    /// What the customer is told.
    pub message: &'static str,
}

impl IntentStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }
}

impl Intent {
    pub fn render(&self) -> Value {
        let received = if self.status == IntentStatus::Succeeded { self.amount } else { 0 };
        let next_action = (self.status == IntentStatus::RequiresAction)
            .then(|| json!({"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}));
        let last_error = self.last_error.map(|decline| {
            let page = decline.code.replace('_', "-");
            json!({
                "type": "card_error", "code": decline.code, "decline_code": decline.reason,
                "message": decline.message, "doc_url": format!("https://stripe.com/docs/error-codes/{page}"),
            })
        });
        json!({
            "id": self.id, "object": "payment_intent", "amount": self.amount, "amount_capturable": 0,
            "amount_details": {"tip": {}}, "amount_received": received, "application": null,
            "application_fee_amount": null, "automatic_payment_methods": null, "canceled_at": self.canceled_at,
            "cancellation_reason": self.canceled_at.map(|_| "automatic"), "capture_method": "automatic_async",
            "client_secret": self.secret, "confirmation_method": "automatic", "created": self.created,
            "currency": self.currency, "customer": null, "description": self.description,
            "last_payment_error": last_error, "latest_charge": self.latest_charge, "livemode": false,
            "metadata": self.metadata, "next_action": next_action, "on_behalf_of": null,
            "payment_method": self.payment_method, "payment_method_configuration_details": null,
            "payment_method_options": {}, "payment_method_types": self.payment_method_types, "processing": null,
            "receipt_email": null, "review": null, "setup_future_usage": null, "shipping": self.shipping,
            "source": null, "statement_descriptor": null, "statement_descriptor_suffix": null,
            "status": self.status.as_str(), "transfer_data": null, "transfer_group": null,
        })
    }

    /// The money is there.
    pub fn succeed(&mut self) {
        self.status = IntentStatus::Succeeded;
        self.last_error = None;
        self.latest_charge = Some(ids::new("ch_3"));
        self.payment_method.get_or_insert_with(|| ids::new("pm_1"));
    }

    /// The attempt failed; another may follow.
    pub fn fail(&mut self, decline: Decline) {
        self.status = IntentStatus::RequiresPaymentMethod;
        self.last_error = Some(decline);
        self.payment_method = None;
    }

    /// Its session has expired.
    pub fn cancel(&mut self, now: i64) {
        if self.status != IntentStatus::Succeeded {
            self.status = IntentStatus::Canceled;
            self.canceled_at = Some(now);
        }
    }
}

pub async fn retrieve(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&["client_secret"])?;
    sandbox.with(|world| {
        let intent = world.intents.get(&id).ok_or_else(|| ApiError::not_found("payment_intent", &id, "intent"))?;
        expand::answer(world, intent.render(), &expansions)
    })
}
