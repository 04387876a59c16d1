//! A checkout session: what it holds, how it looks on the wire, and how it ends without a payment.

use serde_json::{Value, json};

use minor_money::Currency;

use crate::{
    state::World,
    stripe::{
        events::Cause,
        payments::tender::Tender,
        wire::{
            error::ApiError,
            params::{Metadata, Reader},
            resource::{Resource, Wanted},
            shelf::Shelf,
        },
    },
};

pub struct Session {
    pub id: String,
    pub created: i64,
    pub expires_at: i64,
    pub status: Status,
    pub payment_status: PaymentStatus,
    pub asked: Asked,
    pub items: Vec<Item>,
    pub currency: Currency,
    pub amount: i64,
    /// Made when a customer first tries to pay, as since API version 2022-08-01.
    pub intent: Option<String>,
    pub subscription: Option<String>,
    /// Who paid, once somebody did.
    pub buyer: Option<Buyer>,
    /// Who is being asked by the bank whether it is them.
    pub authenticating: Option<(Buyer, Tender)>,
    /// The customer it was made for, or whom it made.
    pub customer: Option<String>,
    /// Whom the page greets, where that is known.
    pub known_email: Option<String>,
    pub invoice: Option<String>,
    /// The page of this session; only as long as it is open.
    pub url: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Open,
    Complete,
    Expired,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaymentStatus {
    Unpaid,
    Paid,
}

/// What is paid: once, or again and again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    #[default]
    Payment,
    Subscription,
}

/// What the session was created with.
#[derive(Default)]
pub struct Asked {
    pub mode: Mode,
    pub success_url: String,
    pub cancel_url: Option<String>,
    pub client_reference_id: Option<String>,
    pub customer: Option<String>,
    pub customer_email: Option<String>,
    pub locale: Option<&'static str>,
    pub metadata: Metadata,
    pub intent_metadata: Metadata,
    pub intent_description: Option<String>,
    pub subscription_metadata: Metadata,
    pub subscription_description: Option<String>,
    /// Where it may be shipped to; `None`: no address is asked.
    pub countries: Option<Vec<String>>,
    pub phone: bool,
    pub payment_method_types: Vec<&'static str>,
    pub adaptive_pricing: bool,
    pub allow_promotion_codes: Option<bool>,
    pub billing_address_collection: Option<&'static str>,
    pub customer_creation: &'static str,
    pub submit_type: Option<&'static str>,
}

/// One line of what is bought.
pub struct Item {
    pub id: String,
    pub description: String,
    pub quantity: i64,
    pub unit_amount: i64,
    /// The price as it was when the session was made.
    pub price: Value,
}

/// What the customer entered on the page.
#[derive(Clone, Debug, Default)]
pub struct Buyer {
    pub email: String,
    pub name: String,
    pub phone: Option<String>,
    pub address: Address,
}

#[derive(Clone, Debug, Default)]
pub struct Address {
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    pub state: Option<String>,
    pub postal_code: String,
    pub country: String,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
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
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Paid => "paid",
        }
    }
}

impl Address {
    pub fn render(&self) -> Value {
        json!({
            "city": self.city, "country": self.country, "line1": self.line1, "line2": self.line2,
            "postal_code": self.postal_code, "state": self.state,
        })
    }
}

impl Item {
    fn render(&self, currency: Currency) -> Value {
        let total = self.unit_amount * self.quantity;
        json!({
            "id": self.id, "object": "item", "amount_discount": 0, "amount_subtotal": total, "amount_tax": 0,
            "amount_total": total, "currency": currency, "description": self.description, "price": self.price,
            "quantity": self.quantity,
        })
    }
}

impl Resource for Session {
    const KIND: &'static str = "checkout.session";
    const URL: &'static str = "/v1/checkout/sessions";
    const PARAM: &'static str = "session";
    const UNSUPPORTED: &'static [&'static str] = &["customer_details", "payment_link"];

    fn shelf(world: &World) -> &Shelf<Self> {
        &world.sessions
    }

    fn shelf_mut(world: &mut World) -> &mut Shelf<Self> {
        &mut world.sessions
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
        let subscription = reader.text("subscription")?;
        let status = reader.one_of("status", &["complete", "expired", "open"])?;
        Ok(Box::new(move |session| {
            customer.is_none_or(|customer| session.customer.as_deref() == Some(customer))
                && intent.is_none_or(|intent| session.intent.as_deref() == Some(intent))
                && subscription.is_none_or(|subscription| session.subscription.as_deref() == Some(subscription))
                && status.is_none_or(|status| session.status.as_str() == status)
        }))
    }

    fn find<'w>(world: &'w World, id: &str) -> Result<&'w Self, ApiError> {
        if !id.starts_with("cs_") {
            return Err(ApiError::invalid(format!("Invalid checkout.session id: {id}")));
        }
        world.sessions.get(id).ok_or_else(|| ApiError::not_found(Self::KIND, id, Self::PARAM))
    }

    /// As retrieved, without `line_items`: those come only when expanded.
    fn render(&self) -> Value {
        let asked = &self.asked;
        let url = (self.status == Status::Open).then_some(&self.url);
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
        // The rest is the same for every session, and has to be there: clients read these keys.
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

/// A payment makes no invoice unless it is asked for, and nobody can ask for it here.
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

    /// All lines, as `expand[]=line_items` shows them.
    pub fn line_items(&self) -> Value {
        let data: Vec<Value> = self.rendered_items().collect();
        let url = format!("/v1/checkout/sessions/{}/line_items", self.id);
        json!({"object": "list", "data": data, "has_more": false, "url": url})
    }

    pub fn rendered_items(&self) -> impl Iterator<Item = Value> {
        self.items.iter().map(|item| item.render(self.currency))
    }

    /// The method on offer whose outcome comes later.
    pub fn delayed_method(&self) -> Option<&'static str> {
        self.asked.payment_method_types.iter().copied().find(|method| *method != "card")
    }

    /// Where the customer goes after paying. As at Stripe, only the literal placeholder is replaced, not an encoded one.
    pub fn return_url(&self) -> String {
        self.asked.success_url.replace("{CHECKOUT_SESSION_ID}", &self.id)
    }
}

impl World {
    /// Ends an open session: nobody can pay it any more.
    pub fn expire(&mut self, id: &str, cause: Cause) -> Result<(), ApiError> {
        let now = self.now();
        let session = self.find_mut::<Session>(id)?;
        if session.status != Status::Open {
            let message = format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of \
                 \"{}\".",
                session.status.as_str()
            );
            return Err(ApiError::invalid(message));
        }
        session.status = Status::Expired;
        let object = session.render();
        let key = (session.expires_at, id.to_owned());
        let mut canceled = None;
        let intent = session.intent.clone();
        if let Some(intent) = intent.and_then(|intent| self.intents.get_mut(&intent))
            && intent.status.is_open()
        {
            intent.cancel("automatic", now);
            canceled = Some(intent.render());
        }
        self.expiring.remove(&key);
        if let Some(intent) = canceled {
            self.emit("payment_intent.canceled", &intent, cause.clone());
        }
        self.emit("checkout.session.expired", &object, cause);
        Ok(())
    }

    /// Ends the sessions whose time is over.
    pub fn expire_due(&mut self) {
        let now = self.now();
        while let Some((_, id)) = self.expiring.first().filter(|(at, _)| *at <= now).cloned() {
            if self.expire(&id, Cause::default()).is_err() {
                self.expiring.pop_first();
            }
        }
    }
}
