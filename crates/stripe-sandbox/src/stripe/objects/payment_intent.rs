//! A payment intent: its state, and how the API renders it.

use minor_money::Currency;
use serde_json::{Value, json};

use super::Object;
use crate::stripe::wire::{ApiError, Decline, Metadata, Reader, Wanted, ids};

pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) secret: String,
    pub(crate) amount: i64,
    pub(crate) amount_received: i64,
    pub(crate) currency: Currency,
    pub(crate) status: IntentStatus,
    pub(crate) owner: Owner,
    pub(crate) customer: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) receipt_email: Option<String>,
    /// In the shape of Stripe's API, or null.
    pub(crate) shipping: Value,
    pub(crate) method: Option<String>,
    pub(crate) method_types: Vec<String>,
    pub(crate) automatic: Option<Redirects>,
    pub(crate) captured_later: bool,
    pub(crate) setup_future_usage: Option<&'static str>,
    pub(crate) return_url: Option<String>,
    /// The page that asks for authentication, if the customer can be sent there.
    pub(crate) page: Option<String>,
    pub(crate) latest_charge: Option<String>,
    pub(crate) last_error: Option<LastError>,
    pub(crate) canceled_at: Option<i64>,
    pub(crate) cancellation_reason: Option<&'static str>,
}

/// What an intent collects money for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// The caller who created it over the API.
    Caller,
    Session(String),
    Invoice(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Succeeded,
    Canceled,
}

/// Whether methods that redirect the customer are accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Redirects {
    Always,
    Never,
}

/// Why the last attempt failed.
pub(crate) struct LastError {
    pub(crate) decline: Decline,
    pub(crate) charge: Option<String>,
    /// The payment method as it was then. The intent no longer refers to it.
    pub(crate) method: Value,
}

impl IntentStatus {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }

    /// Returns whether it still waits for the customer.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::RequiresPaymentMethod | Self::RequiresConfirmation | Self::RequiresAction)
    }
}

impl LastError {
    fn render(&self) -> Value {
        let page = self.decline.code.replace('_', "-");
        let mut error = json!({
            "type": "card_error", "code": self.decline.code, "message": self.decline.message,
            "doc_url": format!("https://stripe.com/docs/error-codes/{page}"), "payment_method": self.method,
        });
        if let Some(reason) = self.decline.reason {
            error["decline_code"] = json!(reason);
        }
        if let Some(charge) = &self.charge {
            error["charge"] = json!(charge);
        }
        error
    }
}

impl Intent {
    pub(crate) fn new(owner: Owner, amount: i64, currency: Currency, created: i64) -> Self {
        let id = ids::new("pi_3");
        Self {
            secret: ids::new(&format!("{id}_secret_")),
            id,
            created,
            amount,
            amount_received: 0,
            currency,
            status: IntentStatus::RequiresPaymentMethod,
            owner,
            customer: None,
            description: None,
            metadata: Metadata::new(),
            receipt_email: None,
            shipping: Value::Null,
            method: None,
            method_types: vec!["card".to_owned()],
            automatic: None,
            captured_later: false,
            setup_future_usage: None,
            return_url: None,
            page: None,
            latest_charge: None,
            last_error: None,
            canceled_at: None,
            cancellation_reason: None,
        }
    }

    fn next_action(&self) -> Value {
        match (self.status, &self.page, &self.return_url) {
            (IntentStatus::RequiresAction, Some(page), Some(back)) => {
                json!({"type": "redirect_to_url", "redirect_to_url": {"return_url": back, "url": page}})
            }
            (IntentStatus::RequiresAction, ..) => {
                json!({"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}})
            }
            _ => Value::Null,
        }
    }

    /// Cancels the intent at `now`.
    pub(crate) fn cancel(&mut self, reason: &'static str, now: i64) {
        self.status = IntentStatus::Canceled;
        self.canceled_at = Some(now);
        self.cancellation_reason = Some(reason);
    }
}

impl Object for Intent {
    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let customer = reader.text("customer")?;
        Ok(Box::new(move |intent| customer.is_none_or(|customer| intent.customer.as_deref() == Some(customer))))
    }

    fn render(&self) -> Value {
        let capturable = if self.status == IntentStatus::RequiresCapture { self.amount } else { 0 };
        let automatic = self.automatic.map(|redirects| {
            let redirects = if redirects == Redirects::Never { "never" } else { "always" };
            json!({"allow_redirects": redirects, "enabled": true})
        });
        let processing = (self.status == IntentStatus::Processing).then(|| {
            let kind = self.method_types.iter().find(|kind| *kind != "card").map_or("card", String::as_str);
            json!({ "type": kind })
        });
        json!({
            "id": self.id, "object": "payment_intent", "amount": self.amount, "amount_capturable": capturable,
            "amount_details": {"tip": {}}, "amount_received": self.amount_received, "application": null,
            "application_fee_amount": null, "automatic_payment_methods": automatic, "canceled_at": self.canceled_at,
            "cancellation_reason": self.cancellation_reason,
            "capture_method": if self.captured_later { "manual" } else { "automatic_async" },
            "client_secret": self.secret, "confirmation_method": "automatic", "created": self.created,
            "currency": self.currency, "customer": self.customer, "description": self.description,
            "last_payment_error": self.last_error.as_ref().map(LastError::render),
            "latest_charge": self.latest_charge, "livemode": false, "metadata": self.metadata,
            "next_action": self.next_action(), "on_behalf_of": null, "payment_method": self.method,
            "payment_method_configuration_details": null, "payment_method_options": {},
            "payment_method_types": self.method_types, "processing": processing, "receipt_email": self.receipt_email,
            "review": null, "setup_future_usage": self.setup_future_usage, "shipping": self.shipping, "source": null,
            "statement_descriptor": null, "statement_descriptor_suffix": null, "status": self.status.as_str(),
            "transfer_data": null, "transfer_group": null,
        })
    }
}
