//! A checkout session: its state, and how the API renders it.

use minor_money::Currency;
use serde_json::{Value, json};

use super::{Object, TestMethod};
use crate::stripe::wire::{ApiError, Metadata, Reader, Wanted};

pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) expires_at: i64,
    pub(crate) status: SessionStatus,
    pub(crate) payment_status: PaymentStatus,
    pub(crate) asked: SessionParams,
    pub(crate) items: Vec<LineItem>,
    pub(crate) currency: Currency,
    pub(crate) amount: i64,
    /// Created when a customer first tries to pay, as since API version 2022-08-01.
    pub(crate) intent: Option<String>,
    pub(crate) subscription: Option<String>,
    /// The customer who paid, once the session is complete.
    pub(crate) buyer: Option<Buyer>,
    /// The customer who is being authenticated by the bank, and the card.
    pub(crate) authenticating: Option<(Buyer, TestMethod)>,
    /// The customer for whom the session was created, or whom it created.
    pub(crate) customer: Option<String>,
    /// The email address that the page shows, if it is known.
    pub(crate) known_email: Option<String>,
    pub(crate) invoice: Option<String>,
    /// The page of this session, shown while the session is open.
    pub(crate) url: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PaymentStatus {
    Unpaid,
    Paid,
}

/// Whether the session is paid once or starts a subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Mode {
    #[default]
    Payment,
    Subscription,
}

/// The parameters with which the session was created.
#[derive(Default)]
pub(crate) struct SessionParams {
    pub(crate) mode: Mode,
    pub(crate) success_url: String,
    pub(crate) cancel_url: Option<String>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) customer: Option<String>,
    pub(crate) customer_email: Option<String>,
    pub(crate) locale: Option<&'static str>,
    pub(crate) metadata: Metadata,
    pub(crate) intent_metadata: Metadata,
    pub(crate) intent_description: Option<String>,
    pub(crate) subscription_metadata: Metadata,
    pub(crate) subscription_description: Option<String>,
    /// The countries to which it may be shipped. `None`: the page asks for no address.
    pub(crate) countries: Option<Vec<String>>,
    pub(crate) phone: bool,
    pub(crate) payment_method_types: Vec<&'static str>,
    pub(crate) adaptive_pricing: bool,
    pub(crate) allow_promotion_codes: Option<bool>,
    pub(crate) billing_address_collection: Option<&'static str>,
    pub(crate) customer_creation: &'static str,
    pub(crate) submit_type: Option<&'static str>,
}

/// One line of the purchase.
pub(crate) struct LineItem {
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) quantity: i64,
    pub(crate) unit_amount: i64,
    /// The price as it was when the session was created.
    pub(crate) price: Value,
}

/// What the customer entered on the page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buyer {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) phone: Option<String>,
    pub(crate) address: Address,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Address {
    pub(crate) line1: String,
    pub(crate) line2: Option<String>,
    pub(crate) city: String,
    pub(crate) state: Option<String>,
    pub(crate) postal_code: String,
    pub(crate) country: String,
}

impl SessionStatus {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Expired => "expired",
        }
    }
}

impl Mode {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Subscription => "subscription",
        }
    }
}

impl PaymentStatus {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Paid => "paid",
        }
    }
}

impl Address {
    pub(crate) fn render(&self) -> Value {
        json!({
            "city": self.city, "country": self.country, "line1": self.line1, "line2": self.line2,
            "postal_code": self.postal_code, "state": self.state,
        })
    }
}

impl LineItem {
    /// Returns the price's nickname, such as the color that was bought.
    pub(crate) fn nickname(&self) -> Option<&str> {
        self.price.get("nickname").and_then(Value::as_str)
    }

    fn render(&self, currency: Currency) -> Value {
        let total = self.unit_amount * self.quantity;
        json!({
            "id": self.id, "object": "item", "amount_discount": 0, "amount_subtotal": total, "amount_tax": 0,
            "amount_total": total, "currency": currency, "description": self.description, "price": self.price,
            "quantity": self.quantity,
        })
    }
}

impl Object for Session {
    const UNSUPPORTED: &'static [&'static str] = &["customer_details", "payment_link"];

    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let customer = reader.text("customer")?;
        let intent = reader.text("payment_intent")?;
        let subscription = reader.text("subscription")?;
        let status = reader.one_of("status", &["complete", "expired", "open"])?;
        Ok(Box::new(move |session| {
            customer.is_none_or(|customer| session.customer.as_deref() == Some(customer))
                && intent.is_none_or(|intent| session.intent.as_deref() == Some(intent))
                && subscription.is_none_or(|subscription| session.subscription.as_deref() == Some(subscription))
                && status.is_none_or(|status| session.status.as_str() == status)
        }))
    }

    fn check_id(id: &str) -> Result<(), ApiError> {
        if id.starts_with("cs_") {
            return Ok(());
        }
        Err(ApiError::invalid(format!("Invalid checkout.session id: {id}")))
    }

    /// Renders the session as it is retrieved, without `line_items`, which must be expanded.
    fn render(&self) -> Value {
        let asked = &self.asked;
        let url = (self.status == SessionStatus::Open).then_some(&self.url);
        let mut object = json!({
            "id": self.id, "object": "checkout.session", "livemode": false, "mode": asked.mode.as_str(), "ui_mode": "hosted",
            "created": self.created, "expires_at": self.expires_at, "status": self.status.as_str(),
            "payment_status": self.payment_status.as_str(), "url": url,
            "amount_subtotal": self.amount, "amount_total": self.amount, "currency": self.currency,
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "success_url": asked.success_url, "cancel_url": asked.cancel_url, "locale": asked.locale,
            "client_reference_id": asked.client_reference_id, "metadata": asked.metadata,
            "customer": self.customer,
            "customer_creation": asked.customer.is_none().then_some(asked.customer_creation),
            "customer_email": asked.customer_email,
            "customer_details": self.customer_details(), "collected_information": self.collected_information(),
            "payment_intent": self.intent, "payment_method_types": asked.payment_method_types,
            "payment_method_collection": if asked.mode == Mode::Subscription { "always" } else { "if_required" }, "payment_method_options": {},
            "phone_number_collection": {"enabled": asked.phone},
            "shipping_address_collection": asked.countries.as_ref().map(|codes| json!({"allowed_countries": codes})),
        });
        // The rest is the same for every session and must be there: clients read these keys.
        let constant = json!({
            "adaptive_pricing": {"enabled": asked.adaptive_pricing},
            "after_expiration": null, "allow_promotion_codes": asked.allow_promotion_codes,
            "automatic_tax": {"enabled": false, "liability": null, "provider": null, "status": null},
            "billing_address_collection": asked.billing_address_collection, "client_secret": null, "consent": null,
            "consent_collection": null, "currency_conversion": null, "custom_fields": [],
            "custom_text": {
                "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null,
            },
            "discounts": [], "invoice": self.invoice,
            "invoice_creation": if asked.mode == Mode::Subscription { Value::Null } else { no_invoice() },
            "payment_link": null, "payment_method_configuration_details": null, "permissions": null,
            "recovered_from": null, "saved_payment_method_options": null, "setup_intent": null, "shipping_cost": null,
            "shipping_options": [], "submit_type": asked.submit_type, "subscription": self.subscription, "wallet_options": null,
        });
        if let (Value::Object(object), Value::Object(constant)) = (&mut object, constant) {
            object.extend(constant);
        }
        object
    }
}

/// Returns the settings of a payment without an invoice, which the sandbox cannot be asked to
/// create.
fn no_invoice() -> Value {
    json!({
        "enabled": false,
        "invoice_data": {
            "account_tax_ids": null, "custom_fields": null, "description": null, "footer": null, "issuer": null,
            "metadata": {}, "rendering_options": null,
        },
    })
}

impl Session {
    fn customer_details(&self) -> Value {
        let details = |email: &str, name: Option<&str>, phone: Option<&str>, address: Value| {
            json!({
                "address": address, "email": email, "name": name, "phone": phone, "tax_exempt": "none",
                "tax_ids": if name.is_some() { json!([]) } else { Value::Null },
            })
        };
        match (&self.buyer, &self.known_email) {
            (Some(who), _) => details(&who.email, Some(&who.name), who.phone.as_deref(), who.address.render()),
            (None, Some(email)) => details(email, None, None, Value::Null),
            (None, None) => Value::Null,
        }
    }

    fn collected_information(&self) -> Value {
        let buyer = self.buyer.as_ref().filter(|_| self.asked.countries.is_some());
        buyer.map_or(
            Value::Null,
            |buyer| json!({"shipping_details": {"address": buyer.address.render(), "name": buyer.name}}),
        )
    }

    /// Returns all lines, as `expand[]=line_items` shows them.
    pub(crate) fn line_items(&self) -> Value {
        let data: Vec<Value> = self.rendered_items().collect();
        let url = format!("/v1/checkout/sessions/{}/line_items", self.id);
        json!({"object": "list", "data": data, "has_more": false, "url": url})
    }

    pub(crate) fn rendered_items(&self) -> impl Iterator<Item = Value> {
        self.items.iter().map(|item| item.render(self.currency))
    }

    /// Returns the delayed method that the session offers, if any.
    pub(crate) fn delayed_method(&self) -> Option<&'static str> {
        self.asked.payment_method_types.iter().copied().find(|method| *method != "card")
    }

    /// Returns the address to which the customer goes after paying. As with Stripe, only the
    /// literal placeholder is replaced, not an encoded one.
    pub(crate) fn return_url(&self) -> String {
        self.asked.success_url.replace("{CHECKOUT_SESSION_ID}", &self.id)
    }
}
